//! Where the webhook goes, and by what it is signed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::value_parser;

use super::Webhook;
use super::post::{Target, TargetError};
use super::signature::{SigningKey, SigningKeyError};

/// Most seconds for which something can be told again: a year.
const MOST_SECONDS: i64 = 365 * 24 * 60 * 60;

/// What is told of users who are not connected.
#[derive(Clone, Debug, clap::Args)]
pub struct WebhookConfig {
    /// Who is told what users miss who are not connected, for a push service: https://…, or http:// on this machine.
    #[arg(long, env = "CHAT_WEBHOOK_URL", value_name = "URL")]
    pub webhook_url: Option<String>,
    /// File with what the webhook is signed by: whsec_ and the base 64 of 24 to 64 random bytes.
    #[arg(long, env = "CHAT_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    pub webhook_secret_file: Option<PathBuf>,
    /// File with the authorities (PEM) that the webhook's certificate may come from [default: those of Mozilla].
    #[arg(long, env = "CHAT_WEBHOOK_CA_FILE", value_name = "FILE")]
    pub webhook_ca_file: Option<PathBuf>,
    /// Seconds for which the webhook is tried again; what is older then is skipped.
    #[arg(long, env = "CHAT_WEBHOOK_GIVE_UP_SECONDS", default_value_t = 86_400, value_name = "N")]
    #[arg(value_parser = value_parser!(u32).range(1..=MOST_SECONDS))]
    pub webhook_give_up_seconds: u32,
}

/// Why the webhook can't be used as it is configured.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// Nobody could tell who calls.
    #[error("a webhook must be signed: give --webhook-secret-file")]
    NoSecret,
    /// The key is no good.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// The address is no good.
    #[error(transparent)]
    Target(#[from] TargetError),
}

impl WebhookConfig {
    /// The webhook, if there is to be one.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub(crate) fn webhook(&self) -> Result<Option<Webhook>, WebhookError> {
        let Some(url) = &self.webhook_url else { return Ok(None) };
        let key = self.webhook_secret_file.as_deref().ok_or(WebhookError::NoSecret)?;
        let target = Target::read(url, self.webhook_ca_file.as_deref().map(Path::new))?;
        let give_up_after = Duration::from_secs(self.webhook_give_up_seconds.into());
        Ok(Some(Webhook { target, key: SigningKey::from_file(key)?, give_up_after }))
    }
}

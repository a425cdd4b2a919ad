//! Where the webhook goes, and by what it is signed.

use std::path::PathBuf;
use std::time::Duration;

use super::Webhook;
use super::signature::{SigningKey, SigningKeyError};
use crate::config::duration;
use crate::http_client::{PlainHttp, Target, TargetError};

/// What is told of users who are not connected.
#[derive(Clone, Debug, clap::Args)]
pub struct WebhookConfig {
    /// Who is told what users miss who are not connected, for a push service: https://…, or http:// on this machine.
    /// It is shown nowhere, for it may hold what only that service should know.
    #[arg(long, env = "CHAT_WEBHOOK_URL", value_name = "URL", hide_env_values = true)]
    pub webhook_url: Option<String>,
    /// File with what the webhook is signed by: whsec_ and the base 64 of 24 to 64 random bytes.
    #[arg(long, env = "CHAT_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    pub webhook_secret_file: Option<PathBuf>,
    /// File with the authorities (PEM) that the webhook's certificate may come from [default: those of Mozilla].
    #[arg(long, env = "CHAT_WEBHOOK_CA_FILE", value_name = "FILE")]
    pub webhook_ca_file: Option<PathBuf>,
    /// For how long the webhook tries again, as in 90s or 12h; what is older is skipped.
    #[arg(long, env = "CHAT_WEBHOOK_GIVE_UP_AFTER", default_value = "1d", value_parser = duration, value_name = "TIME")]
    pub webhook_give_up_after: Duration,
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
    #[error("--webhook-url can't be used: {0}")]
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
        let target = Target::read(url, self.webhook_ca_file.as_deref(), PlainHttp::ThisMachine)?;
        let key = SigningKey::from_file(key)?;
        Ok(Some(Webhook { target, key, give_up_after: self.webhook_give_up_after }))
    }
}

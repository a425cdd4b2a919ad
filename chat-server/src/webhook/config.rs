//! The settings of the webhook.

use std::path::PathBuf;
use std::time::Duration;

use super::Webhook;
use super::signature::{SigningKey, SigningKeyError};
use crate::config::duration;
use crate::http_client::{PlainHttp, Target, TargetError};

/// The settings of the webhook.
#[derive(Clone, Debug, clap::Args)]
pub struct WebhookConfig {
    /// URL to POST to for each message that an offline participant has missed, for a push service:
    /// https://…, or http:// on this machine. Never displayed, because the URL may contain a
    /// secret.
    #[arg(long, env = "CHAT_WEBHOOK_URL", value_name = "URL", hide_env_values = true)]
    pub webhook_url: Option<String>,
    /// File with the secret that signs the webhook's requests: whsec_ and the base64 of 24 to 64
    /// random bytes.
    #[arg(long, env = "CHAT_WEBHOOK_SECRET_FILE", value_name = "FILE")]
    pub webhook_secret_file: Option<PathBuf>,
    /// File with the certificate authorities (PEM) to trust for the webhook [default: those that
    /// Mozilla trusts].
    #[arg(long, env = "CHAT_WEBHOOK_CA_FILE", value_name = "FILE")]
    pub webhook_ca_file: Option<PathBuf>,
    /// Time for which a failed notification is retried, as in 90s or 12h; older ones are skipped.
    #[arg(long, env = "CHAT_WEBHOOK_GIVE_UP_AFTER", default_value = "1d", value_parser = duration, value_name = "TIME")]
    pub webhook_give_up_after: Duration,
}

/// The reason that the settings can't be used.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// No secret: the receiver could not authenticate the requests.
    #[error("a webhook must be signed: give --webhook-secret-file")]
    NoSecret,
    /// Settings of a webhook without its address.
    #[error("--webhook-secret-file and --webhook-ca-file are for --webhook-url, which is not given")]
    NoUrl,
    /// The secret can't be used.
    #[error(transparent)]
    Key(#[from] SigningKeyError),
    /// The URL can't be used.
    #[error("--webhook-url can't be used: {0}")]
    Target(#[from] TargetError),
}

impl WebhookConfig {
    /// The webhook, if one is configured.
    ///
    /// # Errors
    ///
    /// [`WebhookError`].
    pub(crate) fn webhook(&self) -> Result<Option<Webhook>, WebhookError> {
        let Some(url) = &self.webhook_url else {
            let is_alone = self.webhook_secret_file.is_some() || self.webhook_ca_file.is_some();
            return if is_alone { Err(WebhookError::NoUrl) } else { Ok(None) };
        };
        let key = self.webhook_secret_file.as_deref().ok_or(WebhookError::NoSecret)?;
        let target = Target::read(url, self.webhook_ca_file.as_deref(), PlainHttp::ThisMachine)?;
        let key = SigningKey::from_file(key)?;
        Ok(Some(Webhook { target, key, give_up_after: self.webhook_give_up_after }))
    }
}

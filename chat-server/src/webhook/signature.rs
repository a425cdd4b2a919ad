//! Request signatures of the Standard Webhooks specification, version 1.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The prefix of a secret.
const PREFIX: &str = "whsec_";

/// The key that signs requests. Never printed.
#[derive(Clone)]
pub(crate) struct SigningKey(Vec<u8>);

/// The reason that the secret can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// The file can't be read.
    #[error("can't read the webhook's secret file {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The file contains no secret.
    #[error(
        "{} holds no secret of a webhook, which is whsec_ and the base 64 of 24 to 64 bytes: try echo \
         whsec_$(openssl rand -base64 32)",
        .0.display()
    )]
    Malformed(PathBuf),
}

impl SigningKey {
    pub(super) fn from_file(path: &Path) -> Result<Self, SigningKeyError> {
        let text = fs::read_to_string(path)
            .map_err(|error| SigningKeyError::Unreadable { path: path.to_owned(), error })?;
        Self::read(text.trim_end()).ok_or_else(|| SigningKeyError::Malformed(path.to_owned()))
    }

    fn read(text: &str) -> Option<Self> {
        let key = BASE64_STANDARD.decode(text.strip_prefix(PREFIX)?).ok()?;
        (24..=64).contains(&key.len()).then_some(Self(key))
    }

    /// The value of the header `webhook-signature`.
    pub(super) fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(format!("{id}.{timestamp}.").as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_specification() {
        let key = SigningKey::read("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let signature = key.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, br#"{"test": 2432232314}"#);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_has_its_form() {
        let bytes = |count: usize| format!("whsec_{}", BASE64_STANDARD.encode(vec![7; count]));
        assert!(SigningKey::read(&bytes(24)).is_some() && SigningKey::read(&bytes(64)).is_some());
        for bad in
            [bytes(23), bytes(65), "whsec_?".to_owned(), BASE64_STANDARD.encode([7; 32]), String::new()]
        {
            assert!(SigningKey::read(&bad).is_none(), "{bad}");
        }
    }
}

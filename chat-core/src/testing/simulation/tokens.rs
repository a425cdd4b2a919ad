//! The issuer of tokens, which knows the claims of each.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::{Claims, VerifyError};
use crate::protocol::User;
use crate::time::Timestamp;

/// An issuer that recognizes its own tokens.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// How long a new token is good.
    pub lifetime: Duration,
    /// Whether new tokens say when they were issued.
    pub says_when: bool,
    /// The claims of every token, by its text. Bounded by the length of a run.
    issued: BTreeMap<String, Claims>,
}

impl Issuer {
    /// An issuer of tokens with this lifetime.
    pub(super) fn new(lifetime: Duration) -> Self {
        Self { lifetime, says_when: true, issued: BTreeMap::new() }
    }

    /// Issues a token. `text` makes its text from the claims and a serial number: thus a test
    /// decides how much a client can read off the text. Two texts must not be the same.
    pub fn issue(
        &mut self,
        user: &User,
        now: Timestamp,
        text: impl FnOnce(&Claims, usize) -> String,
    ) -> String {
        let second = Timestamp::from_millis(now.as_millis().div_euclid(1_000) * 1_000);
        let issued_at = self.says_when.then_some(second);
        let claims = Claims { user: user.clone(), expires_at: now.plus(self.lifetime), issued_at };
        let text = text(&claims, self.issued.len());
        self.issued.insert(text.clone(), claims);
        text
    }

    /// Returns the claims of a token, or the server's reason to refuse it.
    pub(super) fn verify(&self, text: &str, now: Timestamp, leeway: Duration) -> Result<Claims, VerifyError> {
        let claims = self.issued.get(text).ok_or(VerifyError::Invalid)?;
        if now < claims.expires_at.plus(leeway) { Ok(claims.clone()) } else { Err(VerifyError::Expired) }
    }
}

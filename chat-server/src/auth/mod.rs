//! Tokens (JWT): the user of a connection, and the expiry.
//!
//! The algorithm is fixed by configuration, or by the public key named in the token, and never by
//! the token's own `alg`. Nothing here prints a token, a secret or a key.

mod claims;
mod issue;
mod jwks;
mod key;
mod secret;

pub use issue::issue;
pub use jwks::JwksError;
pub(crate) use jwks::{Accepted, Jwks};
pub use key::{Algorithm, KeyError, VerifyingKey};
pub use secret::{SHORTEST as SHORTEST_SECRET, Secret, SecretError, SecretOrigin};

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chat_core::drive::Verifier;
use chat_core::engine::{Claims, VerifyError};
use chat_core::id::UserId;
use chat_core::time::Timestamp;
use jsonwebtoken::{Validation, decode};
use tokio::time::Instant;

use crate::clock;
use claims::TokenClaims;
use jwks::Chosen;

/// Tolerated difference between the clocks of issuer and server. Closing a session allows the same.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// Longest validity of a token, whatever its `exp`: a year.
pub const LONGEST: Duration = Duration::from_hours(365 * 24);

/// The required issuer and audience of tokens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// If set, tokens must carry this `iss`.
    pub issuer: Option<String>,
    /// If set, tokens must carry an `aud` equal to or containing this. Otherwise `aud` is ignored.
    pub audience: Option<String>,
}

/// Verifies tokens.
#[derive(Clone)]
pub struct TokenVerifier {
    keys: VerifyingKeys,
    /// Template for all algorithms; the key's own one is filled in per token.
    validation: Validation,
}

/// One fixed key, or a set.
#[derive(Clone)]
enum VerifyingKeys {
    One(VerifyingKey),
    Set(Arc<Jwks>),
}

/// The reason that a token is not accepted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum TokenRejection {
    /// The token is missing, malformed, not signed by the right key, or lacks a claim.
    Invalid,
    /// The token of this user was valid and has expired.
    Expired(UserId),
    /// The token names a key unknown to the server. The issuer may have such a key, and can't be
    /// asked now.
    UnknownKey,
}

impl From<TokenRejection> for VerifyError {
    fn from(rejected: TokenRejection) -> Self {
        match rejected {
            TokenRejection::Expired(_) => Self::Expired,
            TokenRejection::Invalid | TokenRejection::UnknownKey => Self::Invalid,
        }
    }
}

impl TokenVerifier {
    /// Verifies tokens with one key.
    pub fn new(key: VerifyingKey, expected: &Expected) -> Self {
        Self::by(VerifyingKeys::One(key), expected)
    }

    /// Verifies tokens with a key set. [`Jwks::renew`] must run alongside.
    pub(crate) fn by_set(keys: Arc<Jwks>, expected: &Expected) -> Self {
        Self::by(VerifyingKeys::Set(keys), expected)
    }

    fn by(keys: VerifyingKeys, expected: &Expected) -> Self {
        let mut validation = Validation {
            // `claims::judge` checks times against an explicit `now`.
            validate_exp: false,
            validate_aud: expected.audience.is_some(),
            aud: expected.audience.clone().map(|audience| [audience].into()),
            iss: expected.issuer.clone().map(|issuer| [issuer].into()),
            ..Validation::default()
        };
        // The library accepts a missing claim unless it is listed as required.
        let required = [("aud", validation.aud.is_some()), ("iss", validation.iss.is_some())];
        validation.required_spec_claims =
            required.iter().filter(|(_, set)| *set).map(|(claim, _)| (*claim).to_owned()).collect();
        Self { keys, validation }
    }

    /// The key set, if one is used.
    pub(crate) fn jwks(&self) -> Option<&Arc<Jwks>> {
        match &self.keys {
            VerifyingKeys::One(_) => None,
            VerifyingKeys::Set(keys) => Some(keys),
        }
    }

    /// Verifies a token at a given time, with the current keys.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Expired`] if only the expiry is wrong.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, VerifyError> {
        self.judge(token, now).map_err(VerifyError::from)
    }

    /// Verifies a token now. A token with an unknown key waits some seconds for the next key set.
    pub(crate) async fn admit(&self, token: &str) -> Result<Claims, TokenRejection> {
        let asked = Instant::now();
        let judged = self.judge(token, clock::wall());
        let (Err(TokenRejection::UnknownKey), VerifyingKeys::Set(keys)) = (&judged, &self.keys) else {
            return judged;
        };
        let Some(begun) = keys.next_reading().await else { return judged };
        match self.judge(token, clock::wall()) {
            // An issuer publishes a key before signing with it.
            Err(TokenRejection::UnknownKey) if begun >= asked => Err(TokenRejection::Invalid),
            judged => judged,
        }
    }

    fn judge(&self, token: &str, now: Timestamp) -> Result<Claims, TokenRejection> {
        match &self.keys {
            VerifyingKeys::One(key) => self.judge_by(key, token, now),
            VerifyingKeys::Set(keys) => match keys.current().choose(token) {
                Chosen::Key(key) => self.judge_by(key, token, now),
                Chosen::Unknown => Err(TokenRejection::UnknownKey),
                Chosen::None => Err(TokenRejection::Invalid),
            },
        }
    }

    fn judge_by(&self, key: &VerifyingKey, token: &str, now: Timestamp) -> Result<Claims, TokenRejection> {
        let mut validation = self.validation.clone();
        validation.algorithms = vec![key.algorithm().into()];
        let token = decode::<TokenClaims>(token, key.decoding_key(), &validation);
        token.map_err(|_| TokenRejection::Invalid)?.claims.judge(now)
    }
}

impl Verifier for TokenVerifier {
    async fn verify(&self, token: &str) -> Result<Claims, VerifyError> {
        self.admit(token).await.map_err(VerifyError::from)
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! Tokens: whom a connection belongs to, and until when.
//!
//! The algorithm is fixed by configuration, or by the public key that a token names, and never taken from the token. Nothing here prints a token, a secret or
//! a key.

mod claims;
mod issue;
mod jwks;
mod key;
mod secret;

pub(crate) use claims::LONGEST_CLAIM;
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
use chat_core::time::Timestamp;
use jsonwebtoken::{Validation, decode};
use tokio::time::Instant;

use crate::clock;
use claims::TokenClaims;
use jwks::Chosen;

/// How far the clocks of issuer and server may be apart: the same as for closing a session.
pub const LEEWAY: Duration = Duration::from_secs(30);

/// How long a token counts at most, whatever its `exp`: a year.
pub const LONGEST: Duration = Duration::from_hours(365 * 24);

/// Whom a token must come from and be meant for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Expected {
    /// If set, the claim `iss` is required and must be this.
    pub issuer: Option<String>,
    /// If set, the claim `aud` is required and must be or hold this; if not, `aud` is ignored.
    pub audience: Option<String>,
}

/// Tells good tokens from bad ones.
#[derive(Clone)]
pub struct TokenVerifier {
    keys: VerifyingKeys,
    /// For any algorithm: that of the key is put in.
    validation: Validation,
}

/// What tokens are checked by.
#[derive(Clone)]
enum VerifyingKeys {
    One(VerifyingKey),
    Set(Arc<Jwks>),
}

/// Why a token is not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TokenRejection {
    /// It is no good.
    Bad(VerifyError),
    /// It names a key that the server does not have. It may be good: its issuer may have the key, and can't be asked now.
    UnknownKey,
}

impl From<TokenRejection> for VerifyError {
    fn from(rejected: TokenRejection) -> Self {
        match rejected {
            TokenRejection::Bad(bad) => bad,
            TokenRejection::UnknownKey => Self::Invalid,
        }
    }
}

impl TokenVerifier {
    /// A verifier of tokens that this key signed.
    pub fn new(key: VerifyingKey, expected: &Expected) -> Self {
        Self::by(VerifyingKeys::One(key), expected)
    }

    /// A verifier of tokens that one of these keys signed. [`Jwks::renew`] must run beside it.
    pub(crate) fn by_set(keys: Arc<Jwks>, expected: &Expected) -> Self {
        Self::by(VerifyingKeys::Set(keys), expected)
    }

    fn by(keys: VerifyingKeys, expected: &Expected) -> Self {
        let mut validation = Validation {
            // Times are judged by `verify`, whose `now` is a value.
            validate_exp: false,
            validate_aud: expected.audience.is_some(),
            aud: expected.audience.clone().map(|audience| [audience].into()),
            iss: expected.issuer.clone().map(|issuer| [issuer].into()),
            ..Validation::default()
        };
        // The library lets a token pass that lacks the claim to be checked, unless it is required.
        let required = [("aud", validation.aud.is_some()), ("iss", validation.iss.is_some())];
        validation.required_spec_claims =
            required.iter().filter(|(_, set)| *set).map(|(claim, _)| (*claim).to_owned()).collect();
        Self { keys, validation }
    }

    /// The keys that follow a source, if it is such.
    pub(crate) fn jwks(&self) -> Option<&Arc<Jwks>> {
        match &self.keys {
            VerifyingKeys::One(_) => None,
            VerifyingKeys::Set(keys) => Some(keys),
        }
    }

    /// Judges a token at a time, by the keys that are there.
    ///
    /// # Errors
    ///
    /// [`VerifyError::Expired`] if nothing but its time is wrong.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, VerifyError> {
        self.judge(token, now).map_err(VerifyError::from)
    }

    /// Judges a token now. One that names an unknown key waits, for seconds at most, for the next set of keys.
    pub(crate) async fn admit(&self, token: &str) -> Result<Claims, TokenRejection> {
        let asked = Instant::now();
        let judged = self.judge(token, clock::wall());
        let (Err(TokenRejection::UnknownKey), VerifyingKeys::Set(keys)) = (&judged, &self.keys) else {
            return judged;
        };
        let Some(begun) = keys.next_reading().await else { return judged };
        match self.judge(token, clock::wall()) {
            // Whoever had the key would have published it before signing by it.
            Err(TokenRejection::UnknownKey) if begun >= asked => {
                Err(TokenRejection::Bad(VerifyError::Invalid))
            }
            judged => judged,
        }
    }

    fn judge(&self, token: &str, now: Timestamp) -> Result<Claims, TokenRejection> {
        match &self.keys {
            VerifyingKeys::One(key) => self.judge_by(key, token, now),
            VerifyingKeys::Set(keys) => match keys.current().choose(token) {
                Chosen::Key(key) => self.judge_by(key, token, now),
                Chosen::Unknown => Err(TokenRejection::UnknownKey),
                Chosen::None => Err(TokenRejection::Bad(VerifyError::Invalid)),
            },
        }
    }

    fn judge_by(&self, key: &VerifyingKey, token: &str, now: Timestamp) -> Result<Claims, TokenRejection> {
        let mut validation = self.validation.clone();
        validation.algorithms = vec![key.algorithm().into()];
        let token = decode::<TokenClaims>(token, key.decoding_key(), &validation);
        let token = token.map_err(|_| TokenRejection::Bad(VerifyError::Invalid))?;
        token.claims.judge(now).map_err(TokenRejection::Bad)
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

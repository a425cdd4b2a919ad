//! Tokens: whom a connection belongs to, and until when.
//!
//! The algorithm is fixed by configuration and never taken from the token. Nothing here prints a token, a secret or
//! a key.

mod claims;
mod issue;
mod key;
mod secret;

pub(crate) use claims::LONGEST_CLAIM;
pub use issue::issue;
pub use key::{Algorithm, KeyError, VerifyingKey};
pub use secret::{Secret, SecretError, SecretOrigin};

use std::fmt;
use std::time::Duration;

use chat_core::drive::Verifier;
use chat_core::engine::{BadToken, Claims};
use chat_core::time::Timestamp;
use jsonwebtoken::{Validation, decode};

use crate::clock;
use claims::TokenClaims;

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
    key: VerifyingKey,
    validation: Validation,
}

impl TokenVerifier {
    /// A verifier of tokens that this key signed.
    pub fn new(key: VerifyingKey, expected: &Expected) -> Self {
        let mut validation = Validation::new(key.algorithm().into());
        // Times are judged by `verify`, whose `now` is a value.
        validation.validate_exp = false;
        validation.validate_aud = expected.audience.is_some();
        validation.aud = expected.audience.clone().map(|audience| [audience].into());
        validation.iss = expected.issuer.clone().map(|issuer| [issuer].into());
        // The library lets a token pass that lacks the claim to be checked, unless it is required.
        let required = [("aud", validation.aud.is_some()), ("iss", validation.iss.is_some())];
        validation.required_spec_claims =
            required.iter().filter(|(_, set)| *set).map(|(claim, _)| (*claim).to_owned()).collect();
        Self { key, validation }
    }

    /// Judges a token at a time.
    ///
    /// # Errors
    ///
    /// [`BadToken::Expired`] if nothing but its time is wrong.
    pub fn verify(&self, token: &str, now: Timestamp) -> Result<Claims, BadToken> {
        let token = decode::<TokenClaims>(token, self.key.decoding_key(), &self.validation);
        token.map_err(|_| BadToken::Invalid)?.claims.judge(now)
    }
}

impl Verifier for TokenVerifier {
    async fn verify(&self, token: &str) -> Result<Claims, BadToken> {
        TokenVerifier::verify(self, token, clock::wall())
    }
}

impl fmt::Debug for TokenVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenVerifier").field("algorithm", &self.key.algorithm()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;

//! The claims of a token.

use std::sync::Arc;

use chat_core::engine::Claims;
use chat_core::protocol::{Role, User};
use chat_core::time::Timestamp;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::{LEEWAY, LONGEST, TokenRejection};

/// The claims as they stand in the token. Unknown claims are ignored.
#[derive(Deserialize)]
pub(super) struct TokenClaims {
    sub: Arc<str>,
    role: Role,
    exp: NumericDate,
    nbf: Option<NumericDate>,
    iat: Option<Iat>,
    email: Option<Arc<str>>,
    first_name: Option<Arc<str>>,
    last_name: Option<Arc<str>>,
}

impl TokenClaims {
    /// Checks the lengths, then the times.
    pub(super) fn judge(self, now: Timestamp) -> Result<Claims, TokenRejection> {
        let user = User {
            id: self.sub.into(),
            role: self.role,
            email: self.email.unwrap_or_default(),
            first_name: self.first_name.unwrap_or_default(),
            last_name: self.last_name.unwrap_or_default(),
        };
        user.check().map_err(|_| TokenRejection::Invalid)?;
        if self.nbf.is_some_and(|NumericDate(nbf)| nbf > now.plus(LEEWAY)) {
            return Err(TokenRejection::Invalid);
        }
        let NumericDate(exp) = self.exp;
        if exp.plus(LEEWAY) <= now {
            return Err(TokenRejection::Expired(user.id));
        }
        let issued_at = match self.iat {
            Some(Iat::Date(NumericDate(iat))) => Some(iat),
            Some(Iat::Other(_)) | None => None,
        };
        Ok(Claims { user, expires_at: exp.min(now.plus(LONGEST)), issued_at })
    }
}

/// The claim `iat`. A value other than a date is treated as absent.
#[derive(Deserialize)]
#[serde(untagged)]
enum Iat {
    Date(NumericDate),
    Other(IgnoredAny),
}

/// Seconds since 1970, with or without a fraction (RFC 7519, section 2). A number beyond the
/// calendar becomes the nearest valid time.
struct NumericDate(Timestamp);

impl<'de> Deserialize<'de> for NumericDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let seconds = f64::deserialize(deserializer)?;
        #[expect(clippy::cast_possible_truncation, reason = "a float is pressed into the integer, as wanted")]
        let millis = (seconds * 1000.0) as i64;
        Ok(Self(Timestamp::from_millis(millis)))
    }
}

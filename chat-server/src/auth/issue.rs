//! Signing tokens, for first trials, tests, and operators without an identity provider.

use std::time::Duration;

use chat_core::protocol::User;
use chat_core::time::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::Serialize;

use super::{Expected, Secret};

#[derive(Serialize)]
struct IssuedClaims<'a> {
    sub: &'a str,
    role: &'a str,
    email: &'a str,
    first_name: &'a str,
    last_name: &'a str,
    exp: i64,
    iat: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    iss: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
}

/// Signs a token (HS256) for a user, valid for `lifetime` from `now`.
///
/// # Panics
///
/// Never: HS256 accepts a secret of any length, and the claims are plain JSON.
pub fn issue(
    secret: &Secret,
    user: &User,
    now: Timestamp,
    lifetime: Duration,
    expected: &Expected,
) -> String {
    let claims = IssuedClaims {
        sub: user.id.as_str(),
        role: user.role.as_str(),
        email: &user.email,
        first_name: &user.first_name,
        last_name: &user.last_name,
        exp: now.plus(lifetime).as_millis() / 1000,
        iat: now.as_millis().div_euclid(1000),
        iss: expected.issuer.as_deref(),
        aud: expected.audience.as_deref(),
    };
    let key = EncodingKey::from_secret(secret.expose());
    encode(&Header::new(Algorithm::HS256), &claims, &key).expect("HS256 signs any JSON with any secret")
}

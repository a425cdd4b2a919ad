//! Tokens, their providers, and the claims that are readable without a key.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_core::id::UserId;
use chat_core::protocol::{Role, User};
use chat_core::time::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The credential of a user. `Debug` leaves its text out, for logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<str>);

impl Token {
    /// The token's text.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The user named by a token of the chat (protocol, connecting), or `None`. An app opens this
    /// user's [`FileOutbox`](crate::outbox::FileOutbox), and shows this user as its own.
    ///
    /// Nothing is verified: only the server can tell whether the token is valid.
    pub fn user(&self) -> Option<User> {
        let UserClaims { sub: id, role, email, first_name, last_name } = claims(self)?;
        let [email, first_name, last_name] = [email, first_name, last_name].map(Option::unwrap_or_default);
        Some(User { id, email, role, first_name, last_name })
    }
}

impl<T: Into<Arc<str>>> From<T> for Token {
    fn from(text: T) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// A source of tokens. The client asks before it first connects, before a token expires, and after
/// one has expired.
///
/// A `&str`, `String` or [`Token`] is a provider of one token only. Apps with a login use an
/// asynchronous closure: see [`provider`].
pub trait TokenProvider: Send + 'static {
    /// Returns the newest token. The client asks again when the server reports an expired token or
    /// changed rights. A provider with a cache should then return a new token. With the same token,
    /// the client tries again after pauses that grow to a minute, because a clock may be wrong, and
    /// reports the cause ([`WaitCause`](crate::WaitCause)). The client waits for the answer without
    /// a limit: a provider that uses the network should have a time limit of its own.
    ///
    /// # Errors
    ///
    /// [`TokenError`] says whether another attempt makes sense.
    fn token(&mut self) -> impl Future<Output = Result<Token, TokenError>> + Send;
}

/// The error of a provider without a token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// None now, because the issuer can't be reached. The client asks again after a pause.
    #[error("there is no token now: {0}")]
    Unavailable(Arc<str>),
    /// None any more, because the user has to log in, for example. The client stops.
    #[error("there is no token: {0}")]
    Refused(Arc<str>),
}

impl TokenProvider for Token {
    async fn token(&mut self) -> Result<Token, TokenError> {
        Ok(self.clone())
    }
}

impl TokenProvider for String {
    async fn token(&mut self) -> Result<Token, TokenError> {
        Ok(Token::from(self.as_str()))
    }
}

impl TokenProvider for &'static str {
    async fn token(&mut self) -> Result<Token, TokenError> {
        Ok(Token::from(*self))
    }
}

/// Makes a provider from a function that returns a future of a token.
///
/// ```
/// use chat_client::{provider, Token, TokenError};
///
/// let tokens = provider(|| async {
///     // Here an app asks whoever issues its tokens.
///     Ok::<_, TokenError>(Token::from("eyJhbGciOi…"))
/// });
/// ```
pub fn provider<F, R>(ask: F) -> impl TokenProvider
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = Result<Token, TokenError>> + Send,
{
    FromFn(ask)
}

struct FromFn<F>(F);

impl<F, R> TokenProvider for FromFn<F>
where
    F: FnMut() -> R + Send + 'static,
    R: Future<Output = Result<Token, TokenError>> + Send,
{
    fn token(&mut self) -> impl Future<Output = Result<Token, TokenError>> + Send {
        self.0()
    }
}

/// The claims of a JSON Web Token (RFC 7519) that the client uses. They are not verified, which is
/// the server's task. The client uses them only to time the next request for a token, and to tell
/// own messages from others'.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hints {
    /// The claim `sub`.
    pub(crate) user: Option<UserId>,
    /// The claim `exp`.
    pub(crate) expires_at: Option<Timestamp>,
    /// Whether there is a claim `nbf`. A server whose clock is behind rejects such a token.
    pub(crate) has_beginning: bool,
}

/// Every claim parsed on its own, because one of a wrong type must not hide the others.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: Value,
    #[serde(default)]
    exp: Value,
    #[serde(default)]
    nbf: Value,
}

/// The claims that describe the user to others.
///
/// A missing or `null` name becomes empty, as on the server.
#[derive(Deserialize)]
struct UserClaims {
    sub: UserId,
    role: Role,
    email: Option<Arc<str>>,
    first_name: Option<Arc<str>>,
    last_name: Option<Arc<str>>,
}

/// The claims of a JSON Web Token, unverified.
fn claims<T: DeserializeOwned>(token: &Token) -> Option<T> {
    let payload = token.expose().split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

impl Hints {
    /// Reads a token. Without a JSON Web Token, all fields are empty.
    pub(crate) fn of(token: &Token) -> Self {
        claims(token).map_or_else(Self::default, |claims: Claims| Self {
            user: claims.sub.as_str().map(UserId::from),
            expires_at: claims.exp.as_f64().map(timestamp),
            has_beginning: claims.nbf.is_number(),
        })
    }
}

/// Converts seconds since 1970, where fractions are allowed (RFC 7519, `NumericDate`).
#[expect(clippy::cast_possible_truncation, reason = "a cast from f64 saturates, and so does the time")]
fn timestamp(seconds: f64) -> Timestamp {
    Timestamp::from_millis((seconds * 1_000.0) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_json_web_token_says_who_and_until_when() {
        let payload = r#"{"sub":"driver_1","exp":1705314600,"role":"BUS_DRIVER","first_name":"John"}"#;
        let token = Token::from(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload)));
        assert_eq!(
            token.user(),
            Some(User { first_name: "John".into(), ..User::new("driver_1", Role::BusDriver) })
        );
        let hints = Hints::of(&token);
        assert_eq!(hints.user, Some(UserId::from("driver_1")));
        assert_eq!(hints.expires_at.unwrap().to_string(), "2024-01-15T10:30:00.000Z");
    }

    #[test]
    fn a_claim_that_is_null_or_of_a_wrong_type_hides_no_other() {
        let token = |payload: &str| Token::from(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload)));
        for name in ["email", "first_name", "last_name"] {
            let payload = format!(r#"{{"sub":"driver_1","role":"BUS_DRIVER","exp":1,"{name}":null}}"#);
            assert_eq!(token(&payload).user(), Some(User::new("driver_1", Role::BusDriver)), "{name}");
        }
        for payload in [r#"{"sub":"driver_1","exp":null}"#, r#"{"sub":"driver_1","exp":"1","nbf":[]}"#] {
            let hints = Hints { user: Some("driver_1".into()), ..Hints::default() };
            assert_eq!(Hints::of(&token(payload)), hints, "{payload}");
        }
    }

    #[test]
    fn of_any_other_token_nothing_is_known() {
        for text in ["", "opaque", "a.b.c", "e30.e30.e30", "..", "e30.bnVsbA.x"] {
            assert_eq!(Hints::of(&Token::from(text)), Hints::default(), "{text}");
            assert_eq!(Token::from(text).user(), None);
        }
    }
}

//! Where tokens come from, and what can be read off one without its key.

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

/// What a user proves itself with. Its text appears in no log: `Debug` leaves it out.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(Arc<str>);

impl Token {
    /// The token as it travels.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The user whom it names, if it is a token of the chat (protocol, connecting): whose
    /// [`FileOutbox`](crate::outbox::FileOutbox) to open, and what to show as one's own name.
    ///
    /// Nothing is verified: only the server can tell whether the token is good.
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

/// Gives the client tokens: before it connects for the first time, before one expires, and when one has expired.
///
/// A `&str`, `String` or [`Token`] is a provider that has only this one. For apps that log in, an asynchronous closure
/// is one: see [`provider`].
pub trait TokenProvider: Send + 'static {
    /// The newest token. It is asked for again when the server says that it has expired, or that the user's rights have
    /// changed: a provider that caches should then give another one. With the same one the client tries again after
    /// pauses that grow to a minute, because a clock may be wrong, and tells why
    /// ([`WaitCause`](crate::WaitCause)). The client waits for it as long as it takes: what asks a network should
    /// have a time limit of its own.
    ///
    /// # Errors
    ///
    /// [`TokenError`] says whether it is worth asking again.
    fn token(&mut self) -> impl Future<Output = Result<Token, TokenError>> + Send;
}

/// Why there is no token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// Not now: whoever issues them can't be reached. It is asked again after a pause.
    #[error("there is no token now: {0}")]
    Unavailable(Arc<str>),
    /// Not any more: the user has to log in, say. The client stops.
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

/// A provider made of a function that gives a future of a token.
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

/// What a JSON Web Token says of itself (RFC 7519). Nothing is verified: that is the server's part, and nothing is
/// decided by it but when to ask for the next token and which messages are one's own.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Hints {
    /// The claim `sub`.
    pub(crate) user: Option<UserId>,
    /// The claim `exp`.
    pub(crate) expires_at: Option<Timestamp>,
    /// Whether there is a claim `nbf`: a server whose clock is behind calls such a token invalid.
    pub(crate) has_beginning: bool,
}

/// Each claim by itself: one of a wrong type must not hide the others.
#[derive(Deserialize)]
struct Claims {
    #[serde(default)]
    sub: Value,
    #[serde(default)]
    exp: Value,
    #[serde(default)]
    nbf: Value,
}

/// The claims that others see a user by.
///
/// A name that is missing or `null` is empty, as the server has it.
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
    /// Reads a token; of one that is no JSON Web Token nothing is known.
    pub(crate) fn of(token: &Token) -> Self {
        claims(token).map_or_else(Self::default, |claims: Claims| Self {
            user: claims.sub.as_str().map(UserId::from),
            expires_at: claims.exp.as_f64().map(timestamp),
            has_beginning: claims.nbf.is_number(),
        })
    }
}

/// Seconds since 1970 as a time; fractions are allowed (RFC 7519, `NumericDate`).
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

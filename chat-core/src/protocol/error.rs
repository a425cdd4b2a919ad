//! What can be refused, and how it is said: the one table of error codes and texts.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

/// Whose fault an error is, and so who can do something about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The frame is not what the protocol asks for: the client's program must change.
    Request,
    /// The user may not, or the thing is not there: the same request will be refused again.
    Access,
    /// Too much at once: wait, then send the same again.
    Pace,
    /// The token: get another one.
    Token,
    /// The server or its store: wait, then send the same again with the same `client_message_id`.
    Server,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $fault:ident, $text:literal;)*) => {
        /// A stable name for each thing that can go wrong.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it travels.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// Whose fault it is.
            pub fn fault(self) -> Fault {
                match self { $(Self::$name => Fault::$fault,)* }
            }

            /// The text for people. Some errors add what exactly is wrong.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

error_codes! {
    /// Not JSON, or not valid UTF-8 inside.
    InvalidJson = "invalid_json", Request, "The frame is not valid JSON";
    /// JSON, but no object; or a binary frame; or an unusable `type`, `data` or `request_id`.
    InvalidFrame = "invalid_frame", Request, "The frame is not an object with a type and data";
    /// Nested deeper than the limit.
    TooDeep = "too_deep", Request, "The frame is nested too deeply";
    /// A `type` that the protocol does not know.
    UnknownType = "unknown_type", Request, "Unknown event type";
    /// A required field is not there.
    MissingParameter = "missing_parameter", Request, "Missing required parameter";
    /// A field is of the wrong type, blank, too long or out of range.
    InvalidParameter = "invalid_parameter", Request, "Invalid parameter";
    /// The same `client_message_id` with another type, conversation or content.
    ClientMessageIdReused = "client_message_id_reused", Request,
        "This client_message_id was used for a different request";
    /// The user's role may not do this.
    Forbidden = "forbidden", Access, "Insufficient permissions for the requested action";
    /// No such conversation, or none of this user's: the two are answered alike.
    ConversationNotFound = "conversation_not_found", Access, "Conversation not found or access denied";
    /// The conversation has no such message.
    MessageNotFound = "message_not_found", Access, "Message not found in this conversation";
    /// An embedder named a user whom nobody has seen.
    UserNotFound = "user_not_found", Access, "User not found";
    /// More requests, messages or creations than the user's rate allows.
    RateLimited = "rate_limited", Pace, "Too many requests, try again later";
    /// More bytes to be stored than are left of the user's budget of a day.
    BudgetExceeded = "budget_exceeded", Pace, "Your daily budget of stored text is used up";
    /// No token, or one that is no good.
    NotAuthenticated = "not_authenticated", Token, "User not authenticated";
    /// The token was good, but is expired.
    TokenExpired = "token_expired", Token, "The token has expired";
    /// The token was good, but says other rights than the account has now. With a pause, the role changed too often.
    RightsChanged = "rights_changed", Token, "Your rights have changed, connect again with a new token";
    /// `refresh_token` with a token that is no good, or of another user or role.
    TokenMismatch = "token_mismatch", Token, "The new token is not valid for this user and role";
    /// The user is deactivated, or was disconnected by an administrator.
    Deactivated = "deactivated", Token, "The user was deactivated or disconnected by an administrator";
    /// The disk of the server is almost full, and what is left is kept for control and emergencies, or for nobody.
    StorageLow = "storage_low", Server, "The server's storage is almost full, try again later";
    /// The store did not answer; whether a change was made is unknown.
    Unavailable = "unavailable", Server, "Database connection issue, try again with the same client_message_id";
}

/// An error as it is answered: `{"success": false, "error": "…", "code": "…"}`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {text}", code.as_str())]
pub struct Error {
    /// The stable name.
    pub code: ErrorCode,
    /// The text for people.
    pub text: Cow<'static, str>,
    /// After how long the same request may succeed, where waiting helps.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// The error with the text of the table and what exactly is wrong.
    pub fn with_detail(code: ErrorCode, detail: impl std::fmt::Display) -> Self {
        Self { code, text: format!("{}: {detail}", code.text()).into(), retry_after: None }
    }

    /// The error with a pause after which the same request may succeed.
    pub fn after(code: ErrorCode, pause: Duration) -> Self {
        Self { retry_after: Some(pause), ..Self::from(code) }
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self { code, text: code.text().into(), retry_after: None }
    }
}

/// The error reply on the wire.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorReply {
    /// `"error"` when it answers no request, absent when it does.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'static, str>>,
    /// Always `false`.
    pub success: bool,
    /// What went wrong, for people.
    pub error: Cow<'static, str>,
    /// What went wrong, for programs. An addition to the document. One that is not known here reads as `None`.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// Milliseconds after which the same request may succeed. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ErrorCode>, D::Error> {
    let code = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(code.and_then(|code| ErrorCode::ALL.iter().copied().find(|known| known.as_str() == code)))
}

impl ErrorReply {
    /// The answer to a request.
    pub fn reply(error: Error) -> Self {
        Self {
            kind: None,
            success: false,
            error: error.text,
            code: Some(error.code),
            retry_after_ms: error
                .retry_after
                .map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    /// The frame that answers no request: what happened to the connection itself.
    pub fn event(error: Error) -> Self {
        Self { kind: Some("error".into()), ..Self::reply(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_reply_is_the_documents_with_a_code() {
        let reply = ErrorReply::reply(Error::after(ErrorCode::RateLimited, Duration::from_millis(250)));
        assert_eq!(
            serde_json::to_string(&reply).unwrap(),
            r#"{"success":false,"error":"Too many requests, try again later","code":"rate_limited","retry_after_ms":250}"#
        );
    }

    #[test]
    fn an_error_that_answers_no_request_has_its_type_in_front() {
        let event = ErrorReply::event(ErrorCode::TokenExpired.into());
        assert!(serde_json::to_string(&event).unwrap().starts_with(r#"{"type":"error","success":false,"#));
    }
}

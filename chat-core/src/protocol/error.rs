//! The errors of the protocol: one table of codes and texts.

use std::borrow::Cow;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

use super::emergency::Emergency;
use super::order::Order;
use super::work::Work;

/// The side at fault for an error, which decides the remedy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The frame violates the protocol. The client's program must change.
    Request,
    /// The user lacks the permission, or the object does not exist. The same request will be
    /// refused again.
    Access,
    /// Too much at once. Wait, then send the same request again.
    Pace,
    /// The token. Get another one.
    Token,
    /// The server or its store. Wait, then send the same request again with the same
    /// `client_message_id`.
    Server,
}

macro_rules! error_codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal, $fault:ident, $text:literal;)*) => {
        /// A stable name of an error.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        pub enum ErrorCode {
            $($(#[$doc])* #[serde(rename = $code)] $name,)*
        }

        impl ErrorCode {
            /// Every code.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as written in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code,)* }
            }

            /// The side at fault.
            pub fn fault(self) -> Fault {
                match self { $(Self::$name => Fault::$fault,)* }
            }

            /// The text for people. Some errors add a detail.
            pub fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

error_codes! {
    /// The frame is not JSON, or contains invalid UTF-8.
    InvalidJson = "invalid_json", Request, "The frame is not valid JSON";
    /// The frame is no JSON object, is binary, or has an unusable `type`, `data` or `request_id`.
    InvalidFrame = "invalid_frame", Request, "The frame is not an object with a type and data";
    /// The frame is nested deeper than the limit.
    TooDeep = "too_deep", Request, "The frame is nested too deeply";
    /// The `type` is unknown.
    UnknownType = "unknown_type", Request, "Unknown event type";
    /// A required field is missing.
    MissingParameter = "missing_parameter", Request, "Missing required parameter";
    /// A field has the wrong type, is blank, too long or out of range.
    InvalidParameter = "invalid_parameter", Request, "Invalid parameter";
    /// The same `client_message_id` was used with another type, conversation or content.
    ClientMessageIdReused = "client_message_id_reused", Request,
        "This client_message_id was used for a different request";
    /// The user's role does not allow the request.
    Forbidden = "forbidden", Access, "Insufficient permissions for the requested action";
    /// The conversation does not exist, or the user takes no part. Both cases look alike.
    ConversationNotFound = "conversation_not_found", Access, "Conversation not found or access denied";
    /// The conversation has no such message.
    MessageNotFound = "message_not_found", Access, "Message not found in this conversation";
    /// The named user is unknown, or can't have the conversation.
    UserNotFound = "user_not_found", Access, "User not found";
    /// The work, the emergency or the order was changed meanwhile, or is in a state that does not
    /// allow the action. With the work, the emergency or the order as it is.
    Conflict = "conflict", Access, "The conversation was changed meanwhile";
    /// The order was answered before, by the user or by a colleague in control. With the order as
    /// it is.
    AlreadyAnswered = "already_answered", Access, "This order was answered before";
    /// The conversation has as many open orders as it may.
    TooManyOrders = "too_many_orders", Access, "Too many orders of this conversation wait for an answer";
    /// Nobody, or more people than an order may ask, would have to answer.
    OrderNotPossible = "order_not_possible", Access, "An order must be for 1 to 20 people in the field";
    /// The user's rate of requests, messages or creations is exceeded.
    RateLimited = "rate_limited", Pace, "Too many requests, try again later";
    /// The user's daily budget of stored bytes is exceeded.
    BudgetExceeded = "budget_exceeded", Pace, "Your daily budget of stored text is used up";
    /// The token is missing or invalid.
    NotAuthenticated = "not_authenticated", Token, "User not authenticated";
    /// The token was valid and has expired.
    TokenExpired = "token_expired", Token, "The token has expired";
    /// The token is valid, but the account's rights differ. With a pause: the role changed too
    /// often.
    RightsChanged = "rights_changed", Token, "Your rights have changed, connect again with a new token";
    /// The token of a `refresh_token` is invalid, or of another user or role.
    TokenMismatch = "token_mismatch", Token, "The new token is not valid for this user and role";
    /// The user is deactivated, or was disconnected by an administrator.
    Deactivated = "deactivated", Token, "The user was deactivated or disconnected by an administrator";
    /// The server's disk is almost full. The rest is reserved for control and emergencies, or for
    /// nobody.
    StorageLow = "storage_low", Server, "The server's storage is almost full, try again later";
    /// The store did not answer. The change may or may not have been made.
    Unavailable = "unavailable", Server, "Database connection issue, try again with the same client_message_id";
}

/// An error of the protocol: `{"success": false, "error": "…", "code": "…"}`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}: {text}", code.as_str())]
pub struct Error {
    /// The stable code.
    pub code: ErrorCode,
    /// The text for people.
    pub text: Cow<'static, str>,
    /// The pause after which the same request may succeed, if waiting helps.
    pub retry_after: Option<Duration>,
    /// The state as it is, for [`ErrorCode::Conflict`].
    pub present: Option<Box<Present>>,
}

/// The state of a conversation that a request has lost against.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Present {
    /// The work.
    Work(Work),
    /// The emergency.
    Emergency(Emergency),
    /// The order.
    Order(Order),
}

impl Error {
    /// Creates an error with the text of the table and a detail.
    pub fn with_detail(code: ErrorCode, detail: impl std::fmt::Display) -> Self {
        Self { text: format!("{}: {detail}", code.text()).into(), ..Self::from(code) }
    }

    /// Creates an error with the pause after which the same request may succeed.
    pub fn after(code: ErrorCode, pause: Duration) -> Self {
        Self { retry_after: Some(pause), ..Self::from(code) }
    }

    /// Creates the error of a request that lost against this work.
    pub fn conflict(work: Work) -> Self {
        Self { present: Some(Box::new(Present::Work(work))), ..Self::from(ErrorCode::Conflict) }
    }

    /// Creates the error of a request that lost against this emergency.
    pub fn emergency_conflict(emergency: Emergency) -> Self {
        Self { present: Some(Box::new(Present::Emergency(emergency))), ..Self::from(ErrorCode::Conflict) }
    }

    /// Creates the error of a request that does not fit this order.
    pub fn with_order(code: ErrorCode, order: Order) -> Self {
        Self { present: Some(Box::new(Present::Order(order))), ..Self::from(code) }
    }
}

impl From<ErrorCode> for Error {
    fn from(code: ErrorCode) -> Self {
        Self { code, text: code.text().into(), retry_after: None, present: None }
    }
}

/// The error reply as JSON.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorReply {
    /// `"error"` in a frame that answers no request, otherwise absent.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Cow<'static, str>>,
    /// Always `false`.
    pub success: bool,
    /// The text for people.
    pub error: Cow<'static, str>,
    /// The code for programs, `None` if unknown here. An addition to the document.
    #[serde(default, deserialize_with = "known", skip_serializing_if = "Option::is_none")]
    pub code: Option<ErrorCode>,
    /// Milliseconds after which the same request may succeed. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// The work as it is, with the code `conflict`. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Box<Work>>,
    /// The emergency as it is, with the code `conflict`. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Box<Emergency>>,
    /// The order as it is, with the codes `conflict` and `already_answered`. An addition to the
    /// document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<Order>>,
}

fn known<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ErrorCode>, D::Error> {
    let code = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    Ok(code.and_then(|code| ErrorCode::ALL.iter().copied().find(|known| known.as_str() == code)))
}

impl ErrorReply {
    /// Creates the answer to a request.
    pub fn reply(error: Error) -> Self {
        let (work, emergency, order) = match error.present.map(|present| *present) {
            Some(Present::Work(work)) => (Some(Box::new(work)), None, None),
            Some(Present::Emergency(emergency)) => (None, Some(Box::new(emergency)), None),
            Some(Present::Order(order)) => (None, None, Some(Box::new(order))),
            None => (None, None, None),
        };
        Self {
            kind: None,
            success: false,
            error: error.text,
            code: Some(error.code),
            retry_after_ms: error
                .retry_after
                .map(|pause| u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)),
            work,
            emergency,
            order,
        }
    }

    /// Creates a frame that answers no request, about the connection itself.
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

//! The weight of requests in bytes.

use super::pending_request::Operation;
use crate::id::UserId;
use crate::protocol::{RateClass, Request, json_length};

/// Bytes of a message event without the users' text: field names, ids, a time, a number.
const EVENT_BYTES: usize = 320;

/// The charge of a request to its user's rates, besides one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weight {
    /// No further charge.
    Request,
    /// A message of this many bytes.
    Message(usize),
    /// A conversation of this many bytes.
    Creation(usize),
    /// The bytes of a reply, known once the reply is made.
    Pages,
}

impl Weight {
    /// The weight of an operation by this user. Text is weighed in its encoded form, because every
    /// listener is sent this form.
    pub(super) fn of(operation: &Operation, user: &UserId) -> Self {
        let Operation::Request(request) = operation else { return Self::Request };
        match request.rules().rate {
            RateClass::Request => Self::Request,
            RateClass::Message => Self::Message(event_bytes(request, user)),
            RateClass::Creation => Self::Creation(event_bytes(request, user)),
            RateClass::Page => Self::Pages,
        }
    }
}

/// The bytes of the events that carry the texts of a request to every listener.
fn event_bytes(request: &Request, user: &UserId) -> usize {
    let bytes = |text: &str| EVENT_BYTES + json_length(user.as_str()) + json_length(text);
    match request {
        Request::SendChatMessage(message) => bytes(&message.content),
        Request::CreateSupportConversation(creation) => bytes(&creation.content) + bytes(&creation.title),
        Request::GetActiveConversations(_)
        | Request::JoinConversation(_)
        | Request::JoinSupportRoom(_)
        | Request::TypingIndicator(_)
        | Request::GetConversationMessages(_)
        | Request::MarkMessageRead(_)
        | Request::RefreshToken(_) => 0,
    }
}

//! The weight of requests and replies in bytes.

use super::pending_request::Operation;
use crate::id::UserId;
use crate::protocol::{Reply, Request, json_length};

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
        let bytes = |text: &str| EVENT_BYTES + json_length(user.as_str()) + json_length(text);
        match request {
            Request::SendChatMessage(message) => Self::Message(bytes(&message.content)),
            Request::CreateSupportConversation(creation) => {
                Self::Creation(bytes(&creation.content) + bytes(&creation.title))
            }
            Request::GetActiveConversations(_) | Request::GetConversationMessages(_) => Self::Pages,
            Request::JoinConversation(join) if join.after_seq.is_some() => Self::Pages,
            _ => Self::Request,
        }
    }
}

/// Whether a reply's bytes are charged, as for lists, history and catch-ups.
pub(super) fn is_page(reply: &Reply) -> bool {
    match reply {
        Reply::GetActiveConversations(_) | Reply::GetConversationMessages(_) => true,
        Reply::JoinConversation(join) => join.catch_up.is_some(),
        _ => false,
    }
}

//! What a request and its reply weigh in bytes.

use super::pending_request::Operation;
use crate::id::UserId;
use crate::protocol::{Reply, Request, json_length};

/// Bytes of a message's event beside what users have written: field names, ids, a time, a number.
const EVENT_BYTES: usize = 320;

/// What a request takes of its user's rates, beside one request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weight {
    /// Nothing.
    Request,
    /// A message of this many bytes.
    Message(usize),
    /// A conversation of this many bytes.
    Creation(usize),
    /// Bytes that are known once its reply is made.
    Pages,
}

impl Weight {
    /// What is asked by this user. Text is weighed as events carry it, because that is what all who hear it are sent.
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

/// Whether a reply's bytes are charged: those of lists, history and catch-ups.
pub(super) fn is_page(reply: &Reply) -> bool {
    match reply {
        Reply::GetActiveConversations(_) | Reply::GetConversationMessages(_) => true,
        Reply::JoinConversation(join) => join.catch_up.is_some(),
        _ => false,
    }
}

//! The weight of requests in bytes.

use super::pending_request::Operation;
use crate::id::UserId;
use crate::protocol::{RateClass, json_length};

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
        let event = |text| EVENT_BYTES + json_length(user.as_str()) + json_length(text);
        let bytes = || request.texts().map(event).sum();
        match request.rules().rate {
            RateClass::Request => Self::Request,
            RateClass::Message => Self::Message(bytes()),
            RateClass::Creation => Self::Creation(bytes()),
            RateClass::Page => Self::Pages,
        }
    }
}

//! Event 7: a page of a conversation's history.

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::{Error, ErrorCode};
use super::message::Message;
use crate::id::ConversationId;

/// The `data` of `get_conversation_messages`.
///
/// At most one of `skip`, `before_seq` and `after_seq` may be given.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GetConversationMessages {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The limit of messages: 50 if missing, and at most 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// The number of messages to skip, back from the newest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<i64>,
    /// Selects the last messages before this number. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_seq: Option<i64>,
    /// Selects the first messages after this number. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<i64>,
}

impl GetConversationMessages {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self) -> Result<(), Error> {
        check::positive("limit", self.limit)?;
        check::not_negative("skip", self.skip)?;
        check::positive("before_seq", self.before_seq)?;
        check::not_negative("after_seq", self.after_seq)?;
        let places = [self.skip.filter(|skip| *skip != 0), self.before_seq, self.after_seq];
        match places.into_iter().flatten().count() {
            0 | 1 => Ok(()),
            _ => Err(Error::with_detail(
                ErrorCode::InvalidParameter,
                "skip, before_seq and after_seq exclude each other",
            )),
        }
    }
}

/// The reply to `get_conversation_messages`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GetConversationMessagesReply {
    /// Always `true`.
    pub success: Success,
    /// The messages, oldest first within the page.
    pub messages: Vec<Message>,
    /// The length of `messages`.
    pub count: usize,
    /// The conversation of the request.
    pub conversation_id: ConversationId,
    /// The number of the newest message of the conversation. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// `true` if more messages follow in the requested direction, otherwise absent. An addition to
    /// the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
}

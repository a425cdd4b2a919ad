//! Event 8: mark everything up to a message as read.

use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, MessageId, UserId};
use crate::time::Timestamp;

/// The `data` of `mark_message_read`. The reply is [`Done`](super::Done).
///
/// Read means "up to this message". An older message, or the same again, succeeds and changes
/// nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MarkMessageRead {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The newest message read.
    pub message_id: MessageId,
}

/// The real-time broadcast to the other participants.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "message_read")]
pub struct MessageRead {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The user who has read.
    pub user_id: UserId,
    /// The newest message read.
    pub message_id: MessageId,
    /// The time of marking.
    pub timestamp: Timestamp,
    /// The number of this message. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_up_to: Option<u64>,
    /// `true` if the reader is in control, otherwise absent. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by_control: Option<bool>,
}

/// How far a user has read. An addition to the document.
///
/// The user [`CONTROL`](super::CONTROL) stands for everybody in control: for a user in the field it
/// matters that somebody there has read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Reading {
    /// The reader: a participant from the field, or [`CONTROL`](super::CONTROL).
    pub user_id: UserId,
    /// The number of the newest message read, at least 1.
    pub read_up_to: u64,
}

/// The real-time event for the reader's own other connections. An addition to the document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "read_position")]
pub struct ReadPosition {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The newest message read.
    pub message_id: MessageId,
    /// The number of this message.
    pub read_up_to: u64,
    /// The time of marking.
    pub timestamp: Timestamp,
}

//! Event 6: show when someone is typing.

use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, UserId};
use crate::time::Timestamp;

/// The `data` of `typing_indicator`. The reply is [`Done`](super::Done).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TypingIndicator {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// Whether the user types now.
    pub is_typing: bool,
}

/// The real-time broadcast to the other participants.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "typing_status")]
pub struct TypingStatus {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The user who types or has stopped.
    pub user_id: UserId,
    /// Whether the user types now.
    pub is_typing: bool,
    /// The time of the change.
    pub timestamp: Timestamp,
}

//! Event 4: join a conversation, and catch up with what was missed.

use serde::{Deserialize, Serialize};

use super::envelope::Success;
use super::message::Message;
use crate::id::{ConversationId, Epoch};

/// The `data` of `join_conversation`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinConversation {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The last `seq` that the client holds; 0 is nothing. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<u64>,
    /// The epoch that `after_seq` belongs to, if the client holds one. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
}

/// The reply to `join_conversation`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinConversationReply {
    /// Always `true`.
    pub success: Success,
    /// For people.
    pub message: String,
    /// The conversation of the request.
    pub conversation_id: ConversationId,
    /// What the client lacks, if it gave `after_seq`. An addition to the document.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUp>,
}

/// What a client lacks of a conversation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CatchUp {
    /// Messages after `after_seq`, oldest first; after a reset the newest page.
    pub messages: Vec<Message>,
    /// At least every `seq` already sent on this connection; all above it comes live after this reply.
    pub last_seq: u64,
    /// The epoch of these numbers.
    pub epoch: Epoch,
    /// `false` if there is more: join again with the last `seq` of `messages`.
    pub complete: bool,
    /// `true` if what the client holds belongs to another history: it must be dropped. Absent if not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<bool>,
}

impl JoinConversationReply {
    /// The reply with what the client lacks, if it asked for that.
    pub fn new(conversation_id: ConversationId, catch_up: Option<CatchUp>) -> Self {
        let message = format!("Joined conversation {conversation_id}");
        Self { success: Success, message, conversation_id, catch_up }
    }
}

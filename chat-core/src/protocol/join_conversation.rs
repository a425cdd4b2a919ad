//! Event 4: join a conversation, and catch up with missed messages.

use serde::{Deserialize, Serialize};

use super::emergency::Emergency;
use super::envelope::Success;
use super::mark_message_read::Reading;
use super::message::Message;
use super::work::Work;
use crate::id::{ConversationId, Epoch};

/// The `data` of `join_conversation`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinConversation {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The last `seq` held by the client, or 0. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_seq: Option<u64>,
    /// The epoch of `after_seq`, if the client holds one. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
}

/// The reply to `join_conversation`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct JoinConversationReply {
    /// Always `true`.
    pub success: Success,
    /// A text for people.
    pub message: String,
    /// The conversation of the request.
    pub conversation_id: ConversationId,
    /// The missed messages, if the request had `after_seq`. An addition to the document.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUp>,
}

/// The messages of a conversation that a client lacks.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CatchUp {
    /// Messages after `after_seq`, oldest first, or the newest page after a reset.
    pub messages: Vec<Message>,
    /// A number that no message sent on this connection before exceeds. Messages with greater
    /// numbers come live after this reply.
    pub last_seq: u64,
    /// The epoch of these numbers.
    pub epoch: Epoch,
    /// `false` if more messages are missing. Join again with the last `seq` of `messages`.
    pub complete: bool,
    /// `true` if the client's messages belong to another history and must be dropped, otherwise
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reset: Option<bool>,
    /// The read positions of control and of participants from the field, those by name. Readers of
    /// nothing are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub positions: Vec<Reading>,
    /// The work on the conversation at `last_seq`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Box<Work>>,
    /// The emergency at `last_seq`, if the conversation has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Box<Emergency>>,
    /// The conversation of control's notes, if there are any. Shown to control alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes_conversation_id: Option<ConversationId>,
}

impl JoinConversationReply {
    /// Creates the reply, with the missed messages if requested.
    pub fn new(conversation_id: ConversationId, catch_up: Option<CatchUp>) -> Self {
        let message = format!("Joined conversation {conversation_id}");
        Self { success: Success, message, conversation_id, catch_up }
    }
}

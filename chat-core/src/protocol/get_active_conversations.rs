//! Event 3: the active conversations of the current user.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::Error;
use super::role::User;
use super::room::RoomType;
use crate::id::{ConversationId, Epoch, MessageId, UserId};
use crate::time::Timestamp;

/// The `data` of `get_active_conversations`: the document's is `{}`, the rest is an addition.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GetActiveConversations {
    /// Most conversations in the reply; the server has a limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// How many to leave out, counted from the newest activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<i64>,
}

impl GetActiveConversations {
    /// Checks what the types can't.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, naming the field.
    pub fn check(&self) -> Result<(), Error> {
        check::positive("limit", self.limit)?;
        check::not_negative("skip", self.skip)
    }
}

/// Whether a conversation has been silent for long.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConversationStatus {
    /// There was a message within the set time.
    Active,
    /// There was none; any message makes it active again.
    Inactive,
}

/// One conversation of the list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConversationSummary {
    /// The conversation.
    pub id: ConversationId,
    /// The title with its prefix.
    pub title: Arc<str>,
    /// `ACTIVE` in a list of active conversations.
    pub status: ConversationStatus,
    /// Who created it.
    pub created_by: UserId,
    /// When the last message was sent.
    pub last_message_at: Timestamp,
    /// Creator first, then the others by id.
    pub participants: Vec<User>,
    /// The newest message.
    pub last_message: LastMessage,
    /// The room that it is filed in; `emergency_support` is an emergency. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_type: Option<RoomType>,
    /// The number of the newest message. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// The number up to which the user has read; 0 is nothing. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_up_to: Option<u64>,
    /// Messages of others after `read_up_to`, counted up to 100. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_count: Option<u32>,
}

/// The newest message of a conversation in the list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastMessage {
    /// Its id.
    pub id: MessageId,
    /// The text, exactly as sent.
    pub content: Arc<str>,
    /// The user who sent it.
    pub sender_id: UserId,
    /// When it was sent.
    pub sent_at: Timestamp,
}

/// The reply to `get_active_conversations`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GetActiveConversationsReply {
    /// Always `true`.
    pub success: Success,
    /// Newest activity first.
    pub conversations: Vec<ConversationSummary>,
    /// The length of `conversations`.
    pub count: usize,
    /// When the list was made.
    pub timestamp: Timestamp,
    /// The epoch that every `seq` in the list belongs to. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// `true` if there are more after the last one, absent if not. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
}

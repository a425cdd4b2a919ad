//! Event 3: the active conversations of the current user.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::{Error, ErrorCode};
use super::role::User;
use super::room::RoomType;
use crate::id::{ConversationId, Cursor, Epoch, MessageId, UserId};
use crate::limits::FieldLimits;
use crate::time::Timestamp;

/// The `data` of `get_active_conversations`: the document's is `{}`, the rest is an addition.
///
/// Of `skip`, `cursor` and `conversation_id` at most one may be given.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GetActiveConversations {
    /// Most conversations in the reply; the server has a limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// How many to leave out, counted from the newest activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<i64>,
    /// The `next_cursor` of the page before: the page begins behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Only this conversation, active or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// A shorter form of each conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participants: Option<ParticipantList>,
}

/// The participants that a list of conversations shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParticipantList {
    /// The creator, the sender of the last message and field staff; the last message is cut too.
    Brief,
}

impl GetActiveConversations {
    /// Checks what the types can't.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, naming the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::positive("limit", self.limit)?;
        check::not_negative("skip", self.skip)?;
        if let Some(cursor) = &self.cursor {
            check::cursor(cursor, limits)?;
        }
        let skips = self.skip.is_some_and(|skip| skip != 0);
        match [skips, self.cursor.is_some(), self.conversation_id.is_some()].map(u8::from).iter().sum() {
            0..=1_u8 => Ok(()),
            _ => Err(Error::with_detail(
                ErrorCode::InvalidParameter,
                "skip, cursor and conversation_id exclude each other",
            )),
        }
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
    /// Creator first, then the others by id. In a brief list only some of them.
    pub participants: Vec<User>,
    /// How many take part, in a brief list. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant_count: Option<usize>,
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
    /// The text, exactly as sent. In a brief list at most its first 100 characters.
    pub content: Arc<str>,
    /// `true` if the text goes on, absent if not. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<bool>,
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
    /// The `cursor` of the page after this one, if there is more. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<Cursor>,
}

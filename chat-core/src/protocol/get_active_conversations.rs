//! Event 3: the active conversations of the current user.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check;
use super::emergency::Emergency;
use super::envelope::Success;
use super::error::{Error, ErrorCode};
use super::mark_message_read::Reading;
use super::role::User;
use super::room::RoomType;
use super::work::Work;
use super::work_list::{WorkCounts, WorkList};
use crate::id::{ConversationId, Cursor, Epoch, MessageId, UserId};
use crate::limits::FieldLimits;
use crate::time::Timestamp;

/// The `data` of `get_active_conversations`, `{}` in the document. All fields are additions.
///
/// At most one of `skip`, `cursor`, `conversation_id` and `work` may be given, except that a
/// `cursor` may go on with a list by `work`.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GetActiveConversations {
    /// The limit of conversations. The server has a limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
    /// The number of conversations to skip, from the newest activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<i64>,
    /// The `next_cursor` of the page before, behind which this page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// Only this conversation, active or not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation_id: Option<ConversationId>,
    /// The short form of each conversation, if wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participants: Option<ParticipantList>,
    /// Only the conversations of this list by work. For control alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<WorkList>,
}

/// The participants shown in a list of conversations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ParticipantList {
    /// The creator, the sender of the last message and field staff. The last message is cut too.
    Brief,
}

impl GetActiveConversations {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::positive("limit", self.limit)?;
        check::not_negative("skip", self.skip)?;
        match (&self.cursor, self.work) {
            (Some(cursor), None) => check::cursor(cursor, limits)?,
            (Some(cursor), Some(_)) => check::work_cursor(cursor, limits)?,
            (None, _) => {}
        }
        let skips = self.skip.is_some_and(|skip| skip != 0);
        let goes_on = self.cursor.is_some() || self.work.is_some();
        match [skips, goes_on, self.conversation_id.is_some()].map(u8::from).iter().sum() {
            0..=1_u8 => Ok(()),
            _ => Err(Error::with_detail(
                ErrorCode::InvalidParameter,
                "skip, cursor and conversation_id exclude each other, and work excludes skip and \
                 conversation_id",
            )),
        }
    }
}

/// The status of a conversation, by the time of its last message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ConversationStatus {
    /// The last message is recent.
    Active,
    /// The last message is old. Any message makes the conversation active again.
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
    /// The user who created the conversation.
    pub created_by: UserId,
    /// The time of the last message.
    pub last_message_at: Timestamp,
    /// The creator first, then the others by id. A brief list shows only some.
    pub participants: Vec<User>,
    /// The number of participants, in a brief list. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub participant_count: Option<usize>,
    /// The newest message.
    pub last_message: LastMessage,
    /// The room. `emergency_support` marks an emergency. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_type: Option<RoomType>,
    /// The number of the newest message. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seq: Option<u64>,
    /// The number up to which the user has read, or 0. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_up_to: Option<u64>,
    /// The number of messages of others after `read_up_to`, at most 100. An addition to the
    /// document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unread_count: Option<u32>,
    /// The read positions of control and of participants from the field, those by name. Readers of
    /// nothing are left out. An addition to the document.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub positions: Vec<Reading>,
    /// The work on the conversation at `last_seq`. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// The emergency at `last_seq`, if the conversation has one. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Box<Emergency>>,
    /// The conversation of control's notes, if there are any. Shown to control alone. An addition
    /// to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes_conversation_id: Option<ConversationId>,
}

/// The newest message of a conversation in the list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LastMessage {
    /// The id of the message.
    pub id: MessageId,
    /// The text, exactly as sent. A brief list shows at most its first 100 characters.
    pub content: Arc<str>,
    /// `true` if the text is cut, otherwise absent. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<bool>,
    /// The user who sent it.
    pub sender_id: UserId,
    /// The time at which the message was sent.
    pub sent_at: Timestamp,
}

/// The reply to `get_active_conversations`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GetActiveConversationsReply {
    /// Always `true`.
    pub success: Success,
    /// The conversations, newest activity first, or in the order of the list by work.
    pub conversations: Vec<ConversationSummary>,
    /// The length of `conversations`.
    pub count: usize,
    /// The time of the list.
    pub timestamp: Timestamp,
    /// The epoch of every `seq` in the list. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Epoch>,
    /// `true` if more conversations follow, otherwise absent. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub has_more: Option<bool>,
    /// The `cursor` of the next page, if any. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<Cursor>,
    /// The numbers of conversations in the lists by work, in a reply to a request with `work`. An
    /// addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_counts: Option<WorkCounts>,
    /// The name of the server that replies, if it has one. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_by: Option<Arc<str>>,
}

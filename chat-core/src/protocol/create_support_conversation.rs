//! Event 2: create a conversation between field staff and the control centre.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::Error;
use super::role::Role;
use super::room::RoomType;
use crate::id::{ClientMessageId, ConversationId, UserId};
use crate::limits::FieldLimits;
use crate::time::Timestamp;

/// What stands before the title that the creator gave.
pub const TITLE_PREFIX: &str = "Support: ";

/// The `data` of `create_support_conversation`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CreateSupportConversation {
    /// The title, without [`TITLE_PREFIX`]: not blank, and at most as long as the limit.
    pub title: Arc<str>,
    /// The text of message 1.
    pub content: Arc<str>,
    /// The room to file it in; by default the creator's role decides. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_type: Option<RoomType>,
    /// Makes a repeat safe: see [`ClientMessageId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

impl CreateSupportConversation {
    /// Checks what the types can't.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, naming the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::text("title", &self.title, limits.title)?;
        check::text("content", &self.content, limits.content)?;
        check::client_message_id(self.client_message_id.as_ref(), limits)
    }
}

/// The reply to `create_support_conversation`, once the conversation is durable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CreateSupportConversationReply {
    /// Always `true`.
    pub success: Success,
    /// For people.
    pub message: Cow<'static, str>,
    /// The id that the conversation got.
    pub conversation_id: ConversationId,
    /// The title with [`TITLE_PREFIX`].
    pub title: Arc<str>,
    /// Creator first, then the control users by id.
    pub participants: Vec<UserId>,
    /// The `sent_at` of message 1.
    pub timestamp: Timestamp,
}

impl CreateSupportConversationReply {
    /// The reply to a conversation that is durable.
    pub fn new(
        conversation_id: ConversationId,
        title: Arc<str>,
        participants: Vec<UserId>,
        timestamp: Timestamp,
    ) -> Self {
        let message = "Support conversation created successfully".into();
        Self { success: Success, message, conversation_id, title, participants, timestamp }
    }
}

/// The notification of control users that a new support conversation was created.
///
/// The document names it under the permissions of control staff and leaves its form open: an addition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "new_support_conversation")]
pub struct NewSupportConversation {
    /// The new conversation.
    pub conversation_id: ConversationId,
    /// The title with [`TITLE_PREFIX`].
    pub title: Arc<str>,
    /// Who asks for help.
    pub creator_id: UserId,
    /// First and last name of the creator.
    pub creator_name: Arc<str>,
    /// The creator's role.
    pub creator_role: Role,
    /// The room that it is filed in; `emergency_support` is an emergency.
    pub room_type: RoomType,
    /// For people, as in `New support request from John Doe (BUS_DRIVER): Route Change Request`.
    pub message: String,
    /// When it was created.
    pub timestamp: Timestamp,
}

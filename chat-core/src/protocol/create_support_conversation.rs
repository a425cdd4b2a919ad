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

/// The prefix of every title.
pub const TITLE_PREFIX: &str = "Support: ";

/// The `data` of `create_support_conversation`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CreateSupportConversation {
    /// The title without [`TITLE_PREFIX`], not blank and not longer than the limit.
    pub title: Arc<str>,
    /// The text of message 1.
    pub content: Arc<str>,
    /// The room, by default chosen by the creator's role. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room_type: Option<RoomType>,
    /// The id that makes a repeat safe: see [`ClientMessageId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

impl CreateSupportConversation {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::text("title", &self.title, limits.title)?;
        check::text("content", &self.content, limits.content)?;
        check::client_message_id(self.client_message_id.as_ref(), limits)
    }
}

/// The reply to `create_support_conversation`, sent once the conversation is durable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CreateSupportConversationReply {
    /// Always `true`.
    pub success: Success,
    /// A text for people.
    pub message: Cow<'static, str>,
    /// The id of the new conversation.
    pub conversation_id: ConversationId,
    /// The title with [`TITLE_PREFIX`].
    pub title: Arc<str>,
    /// The creator first, then the control users by id.
    pub participants: Vec<UserId>,
    /// The `sent_at` of message 1, or of the message that the request became.
    pub timestamp: Timestamp,
    /// `true` if the user's emergency was not over and the request became a message of it,
    /// otherwise absent. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated: Option<bool>,
}

impl CreateSupportConversationReply {
    /// Creates the reply for a durable conversation.
    pub fn new(
        conversation_id: ConversationId,
        title: Arc<str>,
        participants: Vec<UserId>,
        timestamp: Timestamp,
    ) -> Self {
        let message = "Support conversation created successfully".into();
        Self { success: Success, message, conversation_id, title, participants, timestamp, repeated: None }
    }
}

/// The notification of control users about a new support conversation.
///
/// The document names this event under the permissions of control staff and leaves the form open.
/// An addition.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "new_support_conversation")]
pub struct NewSupportConversation {
    /// The new conversation.
    pub conversation_id: ConversationId,
    /// The title with [`TITLE_PREFIX`].
    pub title: Arc<str>,
    /// The user asking for help.
    pub creator_id: UserId,
    /// The creator's first and last name.
    pub creator_name: Arc<str>,
    /// The creator's role.
    pub creator_role: Role,
    /// The room. `emergency_support` marks an emergency.
    pub room_type: RoomType,
    /// A text for people, as in `New support request from John Doe (BUS_DRIVER): Route Change
    /// Request`.
    pub message: String,
    /// The time of creation.
    pub timestamp: Timestamp,
}

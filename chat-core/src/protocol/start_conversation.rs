//! An addition: control speaks first, to one user in the field or to a few.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::{Error, ErrorCode};
use super::work::Work;
use crate::id::{ClientMessageId, ConversationId, UserId};
use crate::limits::FieldLimits;
use crate::time::Timestamp;

/// The limit of users that control speaks to in one new conversation.
pub const ADDRESSEES_MOST: usize = 20;

/// The `data` of `start_conversation`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StartConversation {
    /// The users in the field, at least one and at most [`ADDRESSEES_MOST`].
    pub to: Vec<UserId>,
    /// The title, shown as it is, not blank and not longer than the limit.
    pub title: Arc<str>,
    /// The text of message 1.
    pub content: Arc<str>,
    /// The id that makes a repeat safe: see [`ClientMessageId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

impl StartConversation {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        if self.to.is_empty() || self.to.len() > ADDRESSEES_MOST {
            let detail = format_args!("to must name 1 to {ADDRESSEES_MOST} users");
            return Err(Error::with_detail(ErrorCode::InvalidParameter, detail));
        }
        check::text("title", &self.title, limits.title)?;
        check::text("content", &self.content, limits.content)?;
        check::client_message_id(self.client_message_id.as_ref(), limits)
    }
}

/// The reply to `start_conversation`, sent once the conversation is durable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StartConversationReply {
    /// Always `true`.
    pub success: Success,
    /// A text for people.
    pub message: Cow<'static, str>,
    /// The id of the new conversation.
    pub conversation_id: ConversationId,
    /// The title.
    pub title: Arc<str>,
    /// The user who started the conversation first, then the others by id.
    pub participants: Vec<UserId>,
    /// The `sent_at` of message 1.
    pub timestamp: Timestamp,
    /// The work at message 1: taken by the user who started the conversation.
    pub work: Box<Work>,
}

impl StartConversationReply {
    /// Creates the reply for a durable conversation.
    pub fn new(
        conversation_id: ConversationId,
        title: Arc<str>,
        participants: Vec<UserId>,
        timestamp: Timestamp,
        work: Work,
    ) -> Self {
        let work = Box::new(work);
        let message = "Conversation started successfully".into();
        Self { success: Success, message, conversation_id, title, participants, timestamp, work }
    }
}

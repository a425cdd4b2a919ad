//! Event 1: send a message to an existing conversation.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::Error;
use crate::id::{ClientMessageId, ConversationId, MessageId};
use crate::limits::FieldLimits;
use crate::shared_text;
use crate::time::Timestamp;

/// The `data` of `send_chat_message`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SendChatMessage {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The text, not blank and not longer than the limit.
    #[serde(deserialize_with = "shared_text::deserialize")]
    pub content: Arc<str>,
    /// The id that makes a repeat safe: see [`ClientMessageId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

impl SendChatMessage {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::text("content", &self.content, limits.content)?;
        check::client_message_id(self.client_message_id.as_ref(), limits)
    }
}

/// The reply to `send_chat_message`, sent once the message is durable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SendChatMessageReply {
    /// Always `true`.
    pub success: Success,
    /// A text for people.
    pub message: Cow<'static, str>,
    /// The id of the message.
    pub message_id: MessageId,
    /// The conversation of the request.
    pub conversation_id: ConversationId,
    /// The message's `sent_at`.
    pub timestamp: Timestamp,
    /// The message's number in the conversation. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

impl SendChatMessageReply {
    /// Creates the reply for a durable message.
    pub fn new(
        conversation_id: ConversationId,
        message_id: MessageId,
        seq: u64,
        timestamp: Timestamp,
    ) -> Self {
        let message = "Message sent successfully".into();
        Self { success: Success, message, message_id, conversation_id, timestamp, seq: Some(seq) }
    }
}

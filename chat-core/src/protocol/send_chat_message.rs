//! Event 1: send a message to an existing conversation.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::{Error, ErrorCode};
use super::order::OrderTerms;
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
    /// The answers to choose from, if the message is an order: 1 to 4 different texts of at most 40
    /// characters. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answers: Option<Vec<Arc<str>>>,
    /// The time to answer an order: 10 s to 24 h, by default 5 minutes. An addition to the
    /// document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_within_ms: Option<i64>,
    /// The id that makes a repeat safe: see [`ClientMessageId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

impl SendChatMessage {
    /// The terms of the order, if the message is one.
    pub fn order(&self) -> Option<OrderTerms<'_>> {
        OrderTerms::of(self.answers.as_deref(), self.answer_within_ms)
    }

    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::text("content", &self.content, limits.content)?;
        match self.order() {
            Some(order) => order.check()?,
            None if self.answer_within_ms.is_some() => {
                let detail = "answer_within_ms needs answers";
                return Err(Error::with_detail(ErrorCode::InvalidParameter, detail));
            }
            None => {}
        }
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

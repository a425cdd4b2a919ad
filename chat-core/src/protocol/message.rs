//! A message as history shows it, and its broadcast.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, MessageId, UserId};
use crate::time::Timestamp;

/// What a message holds. The protocol knows text only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum MessageType {
    /// Plain text: data, never markup.
    #[default]
    #[serde(rename = "TEXT")]
    Text,
}

/// A message of a conversation, as `get_conversation_messages` and `join_conversation` show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// The id that the store gave it.
    pub id: MessageId,
    /// The conversation that it belongs to.
    pub conversation_id: ConversationId,
    /// The user who sent it.
    pub sender_id: UserId,
    /// The text, exactly as sent.
    pub content: Arc<str>,
    /// What `content` is.
    pub message_type: MessageType,
    /// When it was sent; never earlier than the message before it.
    pub sent_at: Timestamp,
    /// Its number in the conversation: 1, 2, 3 … without holes. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Whether its text was taken away, because it was kept for as long as it may be; `content` is empty then. An addition
    /// to the document.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

/// The real-time broadcast of a message to every connection of every participant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "new_message")]
pub struct NewMessage {
    /// The conversation that it belongs to.
    pub conversation_id: ConversationId,
    /// The message itself.
    pub message: BroadcastMessage,
}

/// A message inside [`NewMessage`], where the conversation is named beside it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct BroadcastMessage {
    /// See [`Message::id`].
    pub id: MessageId,
    /// See [`Message::sender_id`].
    pub sender_id: UserId,
    /// See [`Message::content`].
    pub content: Arc<str>,
    /// See [`Message::message_type`].
    pub message_type: MessageType,
    /// See [`Message::sent_at`].
    pub sent_at: Timestamp,
    /// See [`Message::seq`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
}

impl From<Message> for NewMessage {
    fn from(message: Message) -> Self {
        let Message { id, conversation_id, sender_id, content, message_type, sent_at, seq, erased: _ } =
            message;
        let message = BroadcastMessage { id, sender_id, content, message_type, sent_at, seq };
        Self { conversation_id, message }
    }
}

impl From<NewMessage> for Message {
    fn from(event: NewMessage) -> Self {
        let NewMessage { conversation_id, message } = event;
        let BroadcastMessage { id, sender_id, content, message_type, sent_at, seq } = message;
        Self { id, conversation_id, sender_id, content, message_type, sent_at, seq, erased: false }
    }
}

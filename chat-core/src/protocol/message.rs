//! A message as shown in history, and its broadcast.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::emergency::MessageEmergency;
use super::order::{MessageAnswer, MessageOrder};
use super::work::MessageWork;
use crate::id::{ConversationId, MessageId, UserId};
use crate::time::Timestamp;

/// The kind of a message. The protocol knows text only.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub enum MessageType {
    /// Plain text, never markup.
    #[default]
    #[serde(rename = "TEXT")]
    Text,
}

/// A message of a conversation, as in `get_conversation_messages` and `join_conversation`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Message {
    /// The id.
    pub id: MessageId,
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The user who sent it.
    pub sender_id: UserId,
    /// The text, exactly as sent.
    pub content: Arc<str>,
    /// The kind of `content`.
    pub message_type: MessageType,
    /// The time of sending, never earlier than the message before.
    pub sent_at: Timestamp,
    /// The number in the conversation: 1, 2, 3 … without holes. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seq: Option<u64>,
    /// Whether retention has erased the text. `content` is then empty. An addition to the document.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
    /// The work on the conversation from this message on, if the message has changed it. An
    /// addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<MessageWork>,
    /// The emergency from this message on, if the message has changed it. An addition to the
    /// document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Box<MessageEmergency>>,
    /// The order, if the message must be answered. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<MessageOrder>>,
    /// The order that this entry has changed. An addition to the document.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Box<MessageAnswer>>,
}

impl Message {
    /// The number of bytes of its text, as stored: with a line for each answer of an order.
    pub fn text_length(&self) -> usize {
        let answers = self.order.iter().flat_map(|shown| &shown.answers);
        self.content.len() + answers.map(|answer| 1 + answer.len()).sum::<usize>()
    }

    /// Whether the message is an entry: news of the conversation, and no text of a user.
    pub fn is_entry(&self) -> bool {
        is_entry(self.work.as_ref(), self.emergency.as_deref(), self.answer.as_deref())
    }
}

fn is_entry(
    work: Option<&MessageWork>,
    emergency: Option<&MessageEmergency>,
    answer: Option<&MessageAnswer>,
) -> bool {
    work.is_some_and(|work| work.action.is_some())
        || emergency.is_some_and(|emergency| emergency.action.is_some())
        || answer.is_some()
}

/// The real-time broadcast of a message to every connection of every participant.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "new_message")]
pub struct NewMessage {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The message itself.
    pub message: BroadcastMessage,
}

/// A message inside [`NewMessage`], which names the conversation.
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
    /// See [`Message::work`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<MessageWork>,
    /// See [`Message::emergency`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Box<MessageEmergency>>,
    /// See [`Message::order`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<MessageOrder>>,
    /// See [`Message::answer`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Box<MessageAnswer>>,
}

impl BroadcastMessage {
    /// See [`Message::is_entry`].
    pub fn is_entry(&self) -> bool {
        is_entry(self.work.as_ref(), self.emergency.as_deref(), self.answer.as_deref())
    }
}

impl From<Message> for NewMessage {
    fn from(message: Message) -> Self {
        let Message {
            id,
            conversation_id,
            sender_id,
            content,
            message_type,
            sent_at,
            seq,
            erased: _,
            work,
            emergency,
            order,
            answer,
        } = message;
        let message = BroadcastMessage {
            id,
            sender_id,
            content,
            message_type,
            sent_at,
            seq,
            work,
            emergency,
            order,
            answer,
        };
        Self { conversation_id, message }
    }
}

impl From<NewMessage> for Message {
    fn from(event: NewMessage) -> Self {
        let NewMessage { conversation_id, message } = event;
        let BroadcastMessage {
            id,
            sender_id,
            content,
            message_type,
            sent_at,
            seq,
            work,
            emergency,
            order,
            answer,
        } = message;
        Self {
            id,
            conversation_id,
            sender_id,
            content,
            message_type,
            sent_at,
            seq,
            erased: false,
            work,
            emergency,
            order,
            answer,
        }
    }
}

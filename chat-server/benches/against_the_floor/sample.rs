//! Frames for the floor, as long as the frames of the chat.

use chat_core::id::{ConversationId, MessageId, NONCE_BYTES, Nonce};
use chat_core::protocol::{Message, MessageType, NewMessage, Reply, SendChatMessageReply, encode};
use chat_core::time::Timestamp;

use crate::frame::{CONTENT, request_id};

/// The number of a message in the middle of a run.
const SEQ: u64 = 12_345;

/// Returns the reply to a sender.
pub(crate) fn reply() -> String {
    let Message { conversation_id, id, sent_at, .. } = message();
    let reply = SendChatMessageReply::new(conversation_id, id, SEQ, sent_at);
    utf8(&Reply::SendChatMessage(reply).encode(Some(&request_id())))
}

/// Returns the event that listeners get.
pub(crate) fn event() -> String {
    utf8(&encode(&NewMessage::from(message())))
}

fn message() -> Message {
    Message {
        id: MessageId::compose(Nonce([7; NONCE_BYTES]), SEQ),
        conversation_id: ConversationId::compose(Nonce([7; NONCE_BYTES])),
        sender_id: "driver_12".into(),
        content: CONTENT.into(),
        message_type: MessageType::Text,
        sent_at: Timestamp::default(),
        seq: Some(SEQ),
        erased: false,
        work: None,
        emergency: None,
        order: None,
        answer: None,
    }
}

fn utf8(frame: &[u8]) -> String {
    String::from_utf8_lossy(frame).into_owned()
}

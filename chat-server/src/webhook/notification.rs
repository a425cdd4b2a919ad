//! What is told: that there is something to read, for whom, and never what it says.

use chat_core::id::{ConversationId, MessageId, UserId};
use chat_core::protocol::RoomType;
use chat_core::time::Timestamp;
use serde::Serialize;

use crate::store::journal::{ConversationCreated, Event, MessageAppended};

/// Something that users miss who are not connected.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Notification {
    kind: &'static str,
    pub(super) conversation: ConversationId,
    /// The id of the message is the id of what is told: it is the same however often it is told.
    pub(super) message: MessageId,
    seq: u64,
    pub(super) sender: UserId,
    /// Where a new conversation is filed, as emergencies are.
    pub(super) room_type: Option<RoomType>,
    pub(super) at: Timestamp,
}

/// The body of the webhook.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    /// Who is not connected, and takes part.
    user_ids: &'a [UserId],
    conversation_id: &'a ConversationId,
    message_id: &'a MessageId,
    seq: u64,
    sender_id: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_type: Option<RoomType>,
}

impl Notification {
    /// What an event of the journal is for those who miss it.
    pub(super) fn of(event: &Event) -> Option<Self> {
        match event {
            Event::ConversationCreated(ConversationCreated {
                id,
                room_type,
                created_by,
                message_id,
                sent_at,
                ..
            }) => Some(Self {
                kind: "new_support_conversation",
                conversation: id.clone(),
                message: message_id.clone(),
                seq: 1,
                sender: created_by.clone(),
                room_type: Some(*room_type),
                at: *sent_at,
            }),
            Event::MessageAppended(MessageAppended {
                conversation,
                seq,
                message_id,
                sender,
                sent_at,
                ..
            }) => Some(Self {
                kind: "new_message",
                conversation: conversation.clone(),
                message: message_id.clone(),
                seq: *seq,
                sender: sender.clone(),
                room_type: None,
                at: *sent_at,
            }),
            _ => None,
        }
    }

    /// The body, for these users.
    pub(super) fn body(&self, users: &[UserId]) -> Vec<u8> {
        let data = Data {
            user_ids: users,
            conversation_id: &self.conversation,
            message_id: &self.message,
            seq: self.seq,
            sender_id: &self.sender,
            room_type: self.room_type,
        };
        let body = Body { kind: self.kind, timestamp: self.at, data };
        serde_json::to_vec(&body).expect("its keys are names")
    }
}

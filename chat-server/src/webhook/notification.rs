//! The content of a notification: ids, and never the message's text.

use chat_core::id::{ConversationId, MessageId, UserId};
use chat_core::protocol::{EmergencyAction, RoomType};
use chat_core::store::{EntryBody, Event, MessageAppended};
use chat_core::time::Timestamp;
use serde::Serialize;

/// The kind of a notification about an emergency that nobody has taken in time.
const UNTAKEN: &str = "emergency_untaken";

/// The kind of a notification about an order that somebody has not answered in time.
const OVERDUE: &str = "order_overdue";

/// A message or conversation that offline participants have missed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Notification {
    kind: &'static str,
    pub(super) conversation: ConversationId,
    /// The message's id, also the notification's id, equal in every repetition.
    pub(super) message: MessageId,
    seq: u64,
    pub(super) sender: UserId,
    /// The room of a new conversation.
    pub(super) room_type: Option<RoomType>,
    pub(super) at: Timestamp,
}

/// The body of the request.
#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    /// The offline participants.
    user_ids: &'a [UserId],
    conversation_id: &'a ConversationId,
    message_id: &'a MessageId,
    seq: u64,
    sender_id: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_type: Option<RoomType>,
}

fn is_alert(appended: &MessageAppended) -> bool {
    appended.entry == Some(EntryBody::Emergency(EmergencyAction::Escalate))
}

impl Notification {
    /// Whether the notification is sent even if no participant is absent: those who are connected
    /// have not taken the emergency, or not answered the order. Goes with emergencies.
    pub(super) fn is_urgent(&self) -> bool {
        [UNTAKEN, OVERDUE].contains(&self.kind)
    }

    /// The notification for a journal event, if users can miss the event.
    pub(super) fn of(event: &Event) -> Option<Self> {
        match event {
            // Nobody is woken for a note.
            event if event.conversation().is_some_and(ConversationId::is_notes) => None,
            Event::ConversationCreated(created) => Some(Self {
                kind: "new_support_conversation",
                conversation: created.id.clone(),
                message: created.message_id.clone(),
                seq: 1,
                sender: created.created_by.clone(),
                room_type: Some(created.room_type),
                at: created.sent_at,
            }),
            Event::MessageAppended(appended) if appended.entry.is_none() => Some(Self {
                kind: "new_message",
                conversation: appended.conversation.clone(),
                message: appended.message_id.clone(),
                seq: appended.seq,
                sender: appended.sender.clone(),
                room_type: None,
                at: appended.sent_at,
            }),
            Event::MessageAppended(appended) if is_alert(appended) => Some(Self {
                kind: UNTAKEN,
                conversation: appended.conversation.clone(),
                message: appended.message_id.clone(),
                seq: appended.seq,
                sender: appended.sender.clone(),
                room_type: Some(RoomType::EmergencySupport),
                at: appended.sent_at,
            }),
            Event::MessageAppended(appended) if appended.has_overdue() => Some(Self {
                kind: OVERDUE,
                conversation: appended.conversation.clone(),
                message: appended.message_id.clone(),
                seq: appended.seq,
                sender: appended.sender.clone(),
                room_type: None,
                at: appended.sent_at,
            }),
            // Nobody is woken for another entry.
            Event::MessageAppended(_)
            | Event::EpochBegun { .. }
            | Event::AccountPut { .. }
            | Event::ReadMarked(_)
            | Event::MemberAdded(_)
            | Event::MemberWithdrawn(_) => None,
        }
    }

    /// The body of the request for these users.
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

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// The notification for an entry by the server that leaves an order in this state.
    fn notification(action: &str, state: &str, ended_at: &str) -> Option<Notification> {
        let event = json!({"message_appended": {
            "conversation": "conv_1", "seq": 9, "message_id": "msg_9", "sender": "chat:server",
            "sent_at": "2024-01-15T10:31:00.000Z", "entry": {"order": action},
            "order": {
                "message_id": "msg_2", "seq": 2, "sender_id": "jane", "choices": 1,
                "due": "2024-01-15T10:31:00.000Z", "version": 9,
                "people": [{"user_id": "driver", "state": state, "ended_at": ended_at}],
            },
        }});
        Notification::of(&serde_json::from_value(event).unwrap())
    }

    #[test]
    fn nobody_is_woken_for_a_note() {
        let message = |conversation: &str| {
            let event = json!({"message_appended": {
                "conversation": conversation, "seq": 2, "message_id": "msg_2", "sender": "jane",
                "sent_at": "2024-01-15T10:31:00.000Z",
            }});
            Notification::of(&serde_json::from_value(event).unwrap())
        };
        assert!(message("conv_1").is_some());
        assert_eq!(message("notes_conv_1"), None);
    }

    #[test]
    fn an_order_is_told_once_it_is_overdue_whoever_is_connected() {
        let (now, before) = ("2024-01-15T10:31:00.000Z", "2024-01-15T10:30:00.000Z");
        let overdue = notification("EXPIRE", "OVERDUE", now).expect("the order is overdue");
        let body: Value = serde_json::from_slice(&overdue.body(&[])).unwrap();
        assert_eq!((&body["type"], &body["data"]["seq"]), (&json!("order_overdue"), &json!(9)));
        assert!(overdue.is_urgent());
        assert_eq!(notification("EXPIRE", "WITHDRAWN", now), None);
        assert_eq!(notification("WITHDRAW", "WITHDRAWN", now), None);
        assert_eq!(notification("ANSWER", "OVERDUE", before), None, "a late answer");
    }
}

//! `Debug` of events and updates, fit for logs: ids and numbers, and no text of a user.

use std::fmt;

use chat_core::id::ConversationId;
use chat_core::protocol::{ConversationSummary, Message};

use super::{Acknowledged, Event, Snapshot, Update};

/// The ids of a list of conversations.
struct ConversationIds<'a>(&'a [ConversationSummary]);

impl fmt::Debug for ConversationIds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|summary| &summary.id)).finish()
    }
}

/// A message by its place.
struct MessagePlace<'a>(&'a ConversationId, Option<u64>);

impl fmt::Debug for MessagePlace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("conversation_id", self.0)
            .field("seq", &self.1)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = |name: &str, field: &dyn fmt::Debug| f.debug_tuple(name).field(field).finish();
        match self {
            Self::Connection(state) => tuple("Connection", state),
            Self::Conversations(list) => tuple("Conversations", &ConversationIds(list)),
            Self::NewestConversations(list) => tuple("NewestConversations", &ConversationIds(list)),
            Self::Conversation(summary) => tuple("Conversation", &summary.id),
            Self::NewMessage(new) => {
                tuple("NewMessage", &MessagePlace(&new.conversation_id, new.message.seq))
            }
            Self::NewSupportConversation(new) => tuple("NewSupportConversation", &new.conversation_id),
            Self::TypingStatus(status) => tuple("TypingStatus", status),
            Self::MessageRead(read) => tuple("MessageRead", read),
            Self::ReadPosition(position) => tuple("ReadPosition", position),
            Self::OrderOverdue(overdue) => tuple("OrderOverdue", &overdue.order.message_id),
            Self::Unread(unread) => tuple("Unread", unread),
            Self::Outbox { client_message_id, progress } => tuple("Outbox", &(client_message_id, progress)),
            Self::EpochChanged(epoch) => tuple("EpochChanged", epoch),
            Self::ConversationReset(id) => tuple("ConversationReset", id),
            Self::Lagged(lost) => tuple("Lagged", lost),
        }
    }
}

impl fmt::Debug for Update {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut tuple = |name: &str, field: &dyn fmt::Debug| f.debug_tuple(name).field(field).finish();
        match self {
            Self::Snapshot(snapshot) => snapshot.fmt(f),
            Self::Message(Message { conversation_id, seq, .. }) => MessagePlace(conversation_id, *seq).fmt(f),
            Self::TypingStatus(status) => tuple("TypingStatus", status),
            Self::MessageRead(read) => tuple("MessageRead", read),
            Self::Positions(positions) => tuple("Positions", positions),
            Self::ReadPosition(position) => tuple("ReadPosition", position),
            Self::Refused(refusal) => tuple("Refused", refusal),
        }
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = self.messages.iter().map(|message| message.seq).collect::<Vec<_>>();
        f.debug_struct("Snapshot")
            .field("messages", &numbers)
            .field("last_seq", &self.last_seq)
            .field("epoch", &self.epoch)
            .finish()
    }
}

impl fmt::Debug for Acknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Message(reply) => f.debug_tuple("Message").field(reply).finish(),
            Self::Conversation(reply) => f.debug_tuple("Conversation").field(&reply.conversation_id).finish(),
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::protocol::{
        CreateSupportConversationReply, LastMessage, NewSupportConversation, Role, RoomType,
    };
    use chat_core::time::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::error::{NotSentError, NotSentReason};
    use crate::event::Progress;
    use crate::machine::{Output, ViewId};
    use crate::outbox::{Change, Draft, Entry};

    const SECRET: &str = "The bridge is closed";

    fn message() -> Message {
        let message = json!({
            "id": "m", "conversation_id": "conv_1", "sender_id": "driver_1", "content": SECRET,
            "message_type": "TEXT", "sent_at": "2024-01-15T10:30:00.000Z", "seq": 7,
        });
        serde_json::from_value(message).unwrap()
    }

    fn summary() -> ConversationSummary {
        let last_message = LastMessage {
            id: "m".into(),
            content: SECRET.into(),
            cut: None,
            sender_id: "driver_1".into(),
            sent_at: Timestamp::default(),
        };
        let summary = json!({
            "id": "conv_1", "title": SECRET, "status": "ACTIVE", "created_by": "driver_1",
            "last_message_at": "2024-01-15T10:30:00.000Z", "participants": [], "last_message": last_message,
        });
        serde_json::from_value(summary).unwrap()
    }

    fn request_for_help() -> NewSupportConversation {
        NewSupportConversation {
            conversation_id: "conv_1".into(),
            title: SECRET.into(),
            creator_id: "driver_1".into(),
            creator_name: SECRET.into(),
            creator_role: Role::BusDriver,
            room_type: RoomType::EmergencySupport,
            message: SECRET.into(),
            timestamp: Timestamp::default(),
        }
    }

    /// Each type that holds a draft.
    fn drafts() -> [String; 6] {
        let draft = || Draft::CreateSupportConversation {
            title: SECRET.into(),
            content: SECRET.into(),
            room_type: None,
        };
        let message = Draft::SendChatMessage { conversation_id: "conv_1".into(), content: SECRET.into() };
        let entry = Entry { client_message_id: "c".into(), draft: draft(), not_after: None };
        let error = || NotSentError { reason: NotSentReason::TooLate, draft: draft(), maybe_sent: true };
        let progress = Progress::NotSent(error());
        let event = Event::Outbox { client_message_id: "c".into(), progress: progress.clone() };
        [
            format!("{message:?}"),
            format!("{entry:?}"),
            format!("{:?}", Change::Put(entry)),
            format!("{:?} {}", error(), error()),
            format!("{progress:?}"),
            format!("{event:?}"),
        ]
    }

    #[test]
    fn no_event_and_no_update_shows_a_text() {
        let created = CreateSupportConversationReply::new(
            "conv_1".into(),
            SECRET.into(),
            Vec::new(),
            Timestamp::default(),
        );
        let progress = Progress::Acknowledged(Acknowledged::Conversation(created));
        let events = [
            Event::Conversations(vec![summary()]),
            Event::NewestConversations(vec![summary()]),
            Event::Conversation(summary()),
            Event::NewMessage(message().into()),
            Event::NewSupportConversation(request_for_help()),
            Event::Outbox { client_message_id: "c".into(), progress },
        ];
        let snapshot = Snapshot {
            messages: vec![message()],
            last_seq: 7,
            positions: Vec::new(),
            epoch: "e".into(),
            work: None,
            emergency: None,
            notes_conversation_id: None,
        };
        let updates = [Update::Snapshot(snapshot), Update::Message(message())];
        for shown in events.iter().map(|event| format!("{event:?}")) {
            assert!(!shown.contains(SECRET) && shown.contains("conv_1"), "{shown}");
        }
        for shown in updates.iter().map(|update| format!("{update:?}")) {
            assert!(!shown.contains(SECRET) && shown.contains('7'), "{shown}");
        }
        for shown in drafts() {
            assert!(!shown.contains(SECRET), "{shown}");
        }
        let update = Output::Update { view: ViewId(1), update: updates[1].clone() };
        assert_eq!(format!("{update:?}"), format!("Update ViewId(1) {:?}", updates[1]));
    }
}

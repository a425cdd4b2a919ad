//! Requests, and how often the same text was asked to be stored.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::list::Stood;
use super::room::Room;
use crate::protocol::EventType;

/// A request that is not answered.
pub(super) struct Asked {
    /// Its `type`, if the protocol has it.
    pub(super) kind: Option<EventType>,
    pub(super) data: Value,
    pub(super) request_id: Value,
    /// The last number of its conversation that was stored when it was asked.
    pub(super) last: u64,
    /// The number of looks at the store when it was asked.
    pub(super) look: u64,
    /// For a list, the conversations of its user when it was asked.
    pub(super) stood: Stood,
    /// Whether it creates an emergency, or is a message of the creator of one in it.
    pub(super) is_own_emergency: bool,
    /// The most and the least room of the storage since it was asked.
    pub(super) most_room: Room,
    pub(super) least_room: Room,
}

impl Asked {
    pub(super) fn conversation(&self) -> Option<&str> {
        self.data["conversation_id"].as_str()
    }

    /// Whether the end of an emergency is asked for.
    pub(super) fn is_end(&self) -> bool {
        matches!(self.kind, Some(EventType::EndEmergency | EventType::WithdrawEmergency))
    }

    /// Whether the messages of a conversation are asked for, or marked as read. Notes take no other
    /// request.
    pub(super) fn reads(&self) -> bool {
        matches!(
            self.kind,
            Some(
                EventType::JoinConversation | EventType::GetConversationMessages | EventType::MarkMessageRead
            )
        )
    }

    /// Whether a list is asked for in short.
    pub(super) fn is_brief(&self) -> bool {
        self.data["participants"] == "brief"
    }

    /// Whether it is a request for a list of conversations, or one row of it.
    pub(super) fn is_list(&self) -> bool {
        self.kind == Some(EventType::GetActiveConversations)
    }

    /// The storage has this much room from now on.
    pub(super) fn note_room(&mut self, room: Room) {
        self.most_room = self.most_room.min(room);
        self.least_room = self.least_room.max(room);
    }

    /// Its `type`, in words for people.
    pub(super) fn what(&self) -> &'static str {
        self.kind.map_or("a frame that is no request", EventType::as_str)
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.data["client_message_id"].as_str()
    }

    pub(super) fn content(&self) -> Option<&str> {
        self.data["content"].as_str()
    }
}

/// Whoever asks twice for the same message may get two, unless it names it.
#[derive(Default)]
struct Same {
    names: BTreeSet<String>,
    nameless: usize,
    times: usize,
}

/// Every text that was asked to be stored, by user. Bounded by the length of a run.
#[derive(Default)]
pub(super) struct Asks(BTreeMap<(String, String), Same>);

impl Asks {
    pub(super) fn note(&mut self, user: &str, frame: &str, room: Room) -> Asked {
        let mut frame: Value = serde_json::from_str(frame).unwrap_or_default();
        let kind = frame["type"].as_str().and_then(EventType::named);
        let request_id = frame["request_id"].take();
        let asked = Asked {
            kind,
            data: frame["data"].take(),
            request_id,
            last: 0,
            look: 0,
            stood: Stood::new(),
            is_own_emergency: false,
            most_room: room,
            least_room: room,
        };
        if let Some(content) = asked.content() {
            let same = self.0.entry((user.to_owned(), content.to_owned())).or_default();
            same.times += 1;
            match asked.name() {
                Some(name) => drop(same.names.insert(name.to_owned())),
                None => same.nameless += 1,
            }
        }
        asked
    }

    /// How often this may be stored at most.
    pub(super) fn most(&self, user: &str, content: &str) -> usize {
        self.same(user, content).map_or(0, |same| same.names.len() + same.nameless)
    }

    /// Whether this was asked for more than once, on any connection.
    pub(super) fn is_repeated(&self, user: &str, content: &str) -> bool {
        self.same(user, content).is_some_and(|same| same.times > 1)
    }

    fn same(&self, user: &str, content: &str) -> Option<&Same> {
        self.0.get(&(user.to_owned(), content.to_owned()))
    }
}

//! The durable state, as far as the store has shown it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

use serde_json::Value;

use super::{PromiseError, must};
use crate::export::{Export, ExportedConversation};
use crate::protocol::RoomType;

/// A message that is stored.
struct KnownMessage {
    id: String,
    /// The users allowed to hear the message.
    audience: Rc<BTreeSet<String>>,
    /// Whether the server knows that the message is stored.
    is_told: bool,
}

#[derive(Default)]
struct KnownConversation {
    messages: Vec<KnownMessage>,
    version: u64,
    members: Rc<BTreeSet<String>>,
    /// Everyone with a part in it at any time.
    ever: BTreeSet<String>,
    /// The users added or removed since the first message.
    moved: BTreeSet<String>,
    /// The creator, if it is an emergency.
    emergency_of: Option<String>,
}

/// Everything known about the store. Only conversations with news are examined.
#[derive(Default)]
pub(super) struct Stored {
    conversations: BTreeMap<String, KnownConversation>,
    ids: BTreeSet<String>,
    /// How often each text is stored, by user.
    said: BTreeMap<(String, String), usize>,
}

impl Stored {
    /// Takes up a store that exists already. Nobody is expected to have heard its messages.
    pub(super) fn of(store: &Export) -> Self {
        let mut stored = Self::default();
        let _what_is_there_is_taken_as_it_is = stored.note(store, false);
        stored
    }

    /// Takes in new messages, and returns the sender and text of each.
    pub(super) fn note(
        &mut self,
        store: &Export,
        is_told: bool,
    ) -> Result<Vec<(String, String)>, PromiseError> {
        let mut new = Vec::new();
        for (id, exported) in &store.conversations {
            let known = match self.conversations.get_mut(id.as_str()) {
                Some(known) => known,
                None => self.conversations.entry(id.to_string()).or_default(),
            };
            let is_same = known.version == exported.conversation.version;
            if is_same && known.messages.len() == exported.messages.len() {
                continue;
            }
            let before = known.messages.len();
            known.grow(exported, is_told)?;
            for message in exported.messages.iter().skip(before) {
                self.ids.insert(message.id.to_string());
                let said = (message.sender_id.to_string(), message.content.to_string());
                *self.said.entry(said.clone()).or_default() += 1;
                new.push(said);
            }
        }
        Ok(new)
    }

    /// P1: everything stored before is still stored.
    pub(super) fn verify(&self, store: &Export) -> Result<(), PromiseError> {
        for (id, known) in &self.conversations {
            let exported = store.conversations.get(id.as_str());
            let stored = exported.into_iter().flat_map(|exported| &exported.messages);
            let is_there =
                stored.map(|message| message.id.as_str()).eq(known.messages.iter().map(|m| m.id.as_str()));
            must(is_there, "P1", || format!("{id} is not what it was"))?;
        }
        Ok(())
    }

    /// Whether a message or a conversation with this id is stored.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.ids.contains(id) || self.conversations.contains_key(id)
    }

    pub(super) fn said(&self, user: &str, content: &str) -> usize {
        self.said.get(&(user.to_owned(), content.to_owned())).copied().unwrap_or_default()
    }

    pub(super) fn last(&self, id: &str) -> u64 {
        self.conversations.get(id).map_or(0, |known| known.messages.len() as u64)
    }

    pub(super) fn last_numbers(&self) -> BTreeMap<String, u64> {
        self.conversations.iter().map(|(id, known)| (id.clone(), known.messages.len() as u64)).collect()
    }

    /// Whether the conversation is an emergency created by this user.
    pub(super) fn is_emergency_of(&self, id: &str, user: &str) -> bool {
        self.conversations.get(id).is_some_and(|known| known.emergency_of.as_deref() == Some(user))
    }

    pub(super) fn was_ever(&self, id: &str, user: &str) -> bool {
        self.conversations.get(id).is_some_and(|known| known.ever.contains(user))
    }

    /// Whether the user may hear this message.
    pub(super) fn is_for(&self, id: &str, seq: u64, user: &str) -> bool {
        let known = self.conversations.get(id).and_then(|known| known.messages.get(place(seq)));
        known.is_some_and(|known| known.audience.contains(user))
    }

    /// The first of these numbers that a connection of this user had to hear.
    pub(super) fn missed(&self, id: &str, user: &str, mut seqs: Range<u64>) -> Option<u64> {
        let known = self.conversations.get(id)?;
        let throughout = known.ever.contains(user) && !known.moved.contains(user);
        let is_told = |seq: &u64| known.messages.get(place(*seq)).is_some_and(|known| known.is_told);
        seqs.find(is_told).filter(|_| throughout)
    }
}

impl KnownConversation {
    /// P3: numbers without holes, and times that never fall.
    fn grow(&mut self, exported: &ExportedConversation, is_told: bool) -> Result<(), PromiseError> {
        let before = self.messages.len();
        let id = &exported.conversation.id;
        let numbers = exported.messages.iter().skip(before).map(|message| message.seq);
        let last = exported.messages.len();
        let follow = numbers.eq((before as u64 + 1..=last as u64).map(Some)) && last >= before;
        must(follow, "P3", || format!("holes in {id} between {before} and {last}"))?;
        let times = exported.messages.iter().skip(before.saturating_sub(1)).map(|message| message.sent_at);
        must(times.is_sorted(), "P3", || format!("time falls in {id} between {before} and {last}"))?;
        let conversation = &exported.conversation;
        let is_emergency = conversation.room_type == RoomType::EmergencySupport;
        self.emergency_of = is_emergency.then(|| conversation.created_by.to_string());
        let audience = self.moves(exported);
        self.messages.extend(exported.messages.iter().skip(before).map(|message| KnownMessage {
            id: message.id.to_string(),
            audience: audience.clone(),
            is_told,
        }));
        Ok(())
    }

    /// Records the users added or removed, and returns the audience of new messages. One commit may
    /// change members and append a message: the participants before and after the commit may hear
    /// the message.
    fn moves(&mut self, exported: &ExportedConversation) -> Rc<BTreeSet<String>> {
        if self.version == exported.conversation.version {
            return self.members.clone();
        }
        let now: BTreeSet<_> = exported.conversation.participants.iter().map(ToString::to_string).collect();
        if self.version > 0 {
            self.moved.extend(self.members.symmetric_difference(&now).cloned());
        } else if exported.messages.len() > 1 || exported.conversation.version > 1 {
            self.moved.extend(now.iter().cloned());
        }
        self.ever.extend(now.iter().cloned());
        let audience = Rc::new(self.members.union(&now).cloned().collect());
        (self.version, self.members) = (exported.conversation.version, Rc::new(now));
        audience
    }
}

/// P1: the store holds the message under this number.
pub(super) fn is_stored(store: &Export, id: &str, seq: u64, message: &Value) -> Result<(), PromiseError> {
    let stored = store.conversations.get(id).and_then(|stored| stored.messages.get(place(seq)));
    let is_it = stored.is_some_and(|stored| {
        message["id"] == stored.id.as_str()
            && message["content"] == *stored.content
            && message["sender_id"] == stored.sender_id.as_str()
    });
    must(is_it, "P1", || format!("{message} is not stored as {id} {seq}"))
}

/// The index of message `seq`.
pub(super) fn place(seq: u64) -> usize {
    usize::try_from(seq).unwrap_or_default().wrapping_sub(1)
}

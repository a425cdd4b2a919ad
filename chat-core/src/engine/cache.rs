//! The conversations that the engine remembers, so that a message needs no load.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use lru::LruCache;

use super::io::ConnectionId;
use super::online::Online;
use crate::conversation::Conversation;
use crate::id::{ConversationId, UserId};
use crate::store::Position;
use crate::time::Timestamp;

/// What is remembered of conversations.
///
/// Bounded: the longest unused goes first, except those that a change under way or someone who types still needs;
/// of these there are no more than the bounds on those allow.
pub(super) struct Cache {
    entries: LruCache<ConversationId, CachedConversation>,
    capacity: usize,
    /// How many still need a conversation here, whether it has come yet or not.
    pins: BTreeMap<ConversationId, usize>,
    /// Facts about a conversation that is not here must be at least this new.
    floor: Position,
}

struct CachedConversation {
    conversation: Conversation,
    /// Facts about the participants must be at least this new.
    position: Position,
    /// The number of the newest message that participants were told, or that was stored when this came here.
    told: u64,
    /// A change met a conflict: no permit is given on it until it was loaded again.
    stale: bool,
    audience: Option<Audience>,
}

/// The connections of a conversation's participants: found once, and not for each message. Made anew when anybody has
/// connected or gone, wherever it was.
struct Audience {
    /// The [change](Online::changes) until which it is right.
    as_of: u64,
    conns: Vec<ConnectionId>,
}

impl Audience {
    fn find(conversation: &Conversation, online: &Online) -> Self {
        // One allocation where each has one connection, however many they are.
        let mut conns = Vec::with_capacity(conversation.participants.len());
        conns.extend(conversation.participants.iter().flat_map(|user| online.of(user)));
        Self { as_of: online.changes(), conns }
    }
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            entries: LruCache::unbounded(),
            capacity: NonZeroUsize::new(capacity).map_or(1, NonZeroUsize::get),
            pins: BTreeMap::new(),
            floor: Position::default(),
        }
    }

    /// How many conversations are remembered.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The conversation, if it is remembered and this user takes part in it.
    ///
    /// For anyone else it is as if it were not here: whether it exists must cost the same load (P5).
    pub(super) fn for_participant(&mut self, id: &ConversationId, user: &UserId) -> Option<&Conversation> {
        let entry = self.entries.get(id).filter(|entry| !entry.stale)?;
        entry.conversation.participants.contains(user).then_some(&entry.conversation)
    }

    /// The conversation, whoever takes part in it.
    pub(super) fn get(&self, id: &ConversationId) -> Option<&Conversation> {
        self.entries.peek(id).map(|entry| &entry.conversation)
    }

    /// The connections of all who take part in a conversation: who hears what happens in it.
    pub(super) fn audience(&mut self, id: &ConversationId, online: &Online) -> &[ConnectionId] {
        let Some(entry) = self.entries.peek_mut(id) else { return &[] };
        let known = entry.audience.take().filter(|audience| audience.as_of == online.changes());
        let audience = known.unwrap_or_else(|| Audience::find(&entry.conversation, online));
        &entry.audience.insert(audience).conns
    }

    /// Takes up facts; `false` if they are older than what was applied, and must be loaded again.
    pub(super) fn record(
        &mut self,
        id: &ConversationId,
        facts: Option<&Conversation>,
        position: Position,
    ) -> bool {
        let newest = self.entries.peek(id).map_or(self.floor, |entry| entry.position);
        if position < newest {
            return false;
        }
        if let Some(conversation) = facts {
            self.put(conversation.clone(), newest);
        }
        true
    }

    /// Takes up a conversation as it was committed at this position.
    pub(super) fn put(&mut self, conversation: Conversation, position: Position) {
        let id = conversation.id.clone();
        let told = self.entries.peek(&id).map_or(conversation.last_seq, |entry| entry.told);
        self.entries
            .put(id, CachedConversation { conversation, position, told, stale: false, audience: None });
        self.evict();
    }

    /// Applies a committed change of a conversation, here or not.
    pub(super) fn update(
        &mut self,
        id: &ConversationId,
        position: Position,
        change: impl FnOnce(&mut Conversation),
    ) {
        match self.entries.peek_mut(id) {
            Some(entry) => {
                entry.position = entry.position.max(position);
                entry.audience = None;
                change(&mut entry.conversation);
            }
            None => self.floor = self.floor.max(position),
        }
    }

    /// Applies a message that participants are told: it changes nothing that a permit rests on.
    pub(super) fn tell(&mut self, id: &ConversationId, seq: u64, sent_at: Timestamp) {
        if let Some(entry) = self.entries.get_mut(id) {
            entry.told = seq;
            (entry.conversation.last_seq, entry.conversation.last_message_at) = (seq, sent_at);
        }
    }

    /// Whether a message of this number comes after all that were told.
    pub(super) fn may_follow(&self, id: &ConversationId, seq: u64) -> bool {
        self.entries.peek(id).map_or(0, |entry| entry.told) < seq
    }

    /// Gives no permit on it until it was loaded again.
    pub(super) fn mark_stale(&mut self, id: &ConversationId) {
        if let Some(entry) = self.entries.peek_mut(id) {
            entry.stale = true;
        }
    }

    /// Keeps it here until [`unpin`](Self::unpin).
    pub(super) fn pin(&mut self, id: &ConversationId) {
        *self.pins.entry(id.clone()).or_default() += 1;
    }

    pub(super) fn unpin(&mut self, id: &ConversationId) {
        match self.pins.get_mut(id) {
            Some(pins @ 2..) => *pins -= 1,
            _ => drop(self.pins.remove(id)),
        }
        self.evict();
    }

    /// Forgets the longest unused; one that is needed counts as used and waits for its unpinning.
    fn evict(&mut self) {
        for _ in self.capacity..self.entries.len() {
            let Some((id, entry)) = self.entries.pop_lru() else { return };
            match self.pins.contains_key(&id) {
                false => self.floor = self.floor.max(entry.position),
                true => drop(self.entries.put(id, entry)),
            }
        }
    }
}

//! The cache of conversations, so that a message needs no load.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use lru::LruCache;

use crate::conversation::Conversation;
use crate::id::ConversationId;
use crate::permission::takes_part;
use crate::store::{Account, MessageAppended, Position};

/// Cached conversations.
///
/// Bounded: the least recently used one is evicted first, unless a change in flight or a typing
/// user still needs the conversation. The number of those is bounded by the limits on changes and
/// typing.
pub(super) struct Cache {
    entries: LruCache<ConversationId, CachedConversation>,
    capacity: usize,
    /// The number of users of each pinned conversation, cached or not.
    pins: BTreeMap<ConversationId, usize>,
    /// Facts about a conversation that is not cached are used only from this position on. Older
    /// facts may lack an applied change.
    floor: Position,
}

struct CachedConversation {
    conversation: Conversation,
    /// Facts about the members are used only from this position on.
    position: Position,
    /// The number of the newest message told to participants, or stored when the entry was made.
    told: u64,
    /// A change met a conflict. No permit is granted until the conversation is loaded again.
    stale: bool,
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

    /// The number of cached conversations.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the conversation if the cache holds one and the user of this account takes part.
    ///
    /// For anyone else the cache looks empty, because an existing conversation must cost the same
    /// load as an unknown one (P5).
    pub(super) fn for_participant(
        &mut self,
        id: &ConversationId,
        account: &Account,
    ) -> Option<&Conversation> {
        let entry = self.entries.get(id).filter(|entry| !entry.stale)?;
        takes_part(account, &entry.conversation.participation).then_some(&entry.conversation)
    }

    /// Returns the conversation without a check of the participants. For notes, the conversation
    /// that they belong to.
    pub(super) fn get(&self, id: &ConversationId) -> Option<&Conversation> {
        self.entries.peek(id.main()).map(|entry| &entry.conversation)
    }

    /// Records facts. Returns `false` if they are older than an applied change and must be loaded
    /// again.
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

    /// Records a conversation as committed at this position.
    pub(super) fn put(&mut self, conversation: Conversation, position: Position) {
        let id = conversation.id.clone();
        let told = self.entries.peek(&id).map_or(conversation.last_seq, |entry| entry.told);
        self.entries.put(id, CachedConversation { conversation, position, told, stale: false });
        self.evict();
    }

    /// Applies a committed change of a conversation, cached or not.
    pub(super) fn update(
        &mut self,
        id: &ConversationId,
        position: Position,
        change: impl FnOnce(&mut Conversation),
    ) {
        match self.entries.peek_mut(id) {
            Some(entry) => {
                entry.position = entry.position.max(position);
                change(&mut entry.conversation);
            }
            None => self.must_be_after(position),
        }
    }

    /// Goes back to an earlier state of a cached conversation. The changes since must be applied
    /// again.
    pub(super) fn rewind(&mut self, to: Conversation) {
        if let Some(entry) = self.entries.peek_mut(&to.id) {
            entry.conversation = to;
        }
    }

    /// Refuses facts about conversations that are not cached if they are older than this position.
    pub(super) fn must_be_after(&mut self, position: Position) {
        self.floor = self.floor.max(position);
    }

    /// Applies a message told to participants. No permit depends on messages.
    pub(super) fn tell(&mut self, appended: &MessageAppended) {
        if let Some(entry) = self.entries.get_mut(&appended.conversation) {
            entry.told = appended.seq;
            entry.conversation.append(appended);
        }
    }

    /// Whether a message with this number follows all messages told.
    pub(super) fn may_follow(&self, id: &ConversationId, seq: u64) -> bool {
        self.entries.peek(id).map_or(0, |entry| entry.told) < seq
    }

    /// Withholds permits until the conversation is loaded again.
    pub(super) fn mark_stale(&mut self, id: &ConversationId) {
        if let Some(entry) = self.entries.peek_mut(id.main()) {
            entry.stale = true;
        }
    }

    /// Keeps a conversation cached until [`unpin`](Self::unpin). For notes, the one that they
    /// belong to.
    pub(super) fn pin(&mut self, id: &ConversationId) {
        *self.pins.entry(id.to_main()).or_default() += 1;
    }

    pub(super) fn unpin(&mut self, id: &ConversationId) {
        match self.pins.get_mut(id.main()) {
            Some(pins @ 2..) => *pins -= 1,
            _ => drop(self.pins.remove(id.main())),
        }
        self.evict();
    }

    /// Evicts the least recently used conversation. A pinned one counts as used and waits for its
    /// unpin.
    fn evict(&mut self) {
        for _ in self.capacity..self.entries.len() {
            let Some((id, entry)) = self.entries.pop_lru() else { return };
            if self.pins.contains_key(&id) {
                self.entries.put(id, entry);
            } else {
                self.floor = self.floor.max(entry.position);
            }
        }
    }
}

//! What is held of each conversation: the number up to which it is complete, and whether more is to be fetched.

use std::collections::BTreeMap;

use chat_core::id::{ConversationId, Epoch};
use chat_core::time::Monotonic;

use super::turn::Turn;
use super::unread::UnreadCount;

/// What is held of one conversation.
pub(super) struct Held {
    /// All messages up to this number were told, since the conversation is followed.
    pub(super) seq: u64,
    /// Whether something is known to be missing after it.
    pub(super) behind: Turn,
    /// Pages of the catch-up under way.
    pub(super) pages: u32,
    pub(super) unread: UnreadCount,
    /// Grows with each message of any conversation: who has the least was silent the longest.
    touched: u64,
}

/// Where a message stands to what is held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// It is the next one.
    Next,
    /// It was told already.
    Held,
    /// There is a gap before it.
    Ahead,
}

impl Held {
    pub(super) fn place(&self, seq: u64) -> Place {
        match seq {
            seq if seq <= self.seq => Place::Held,
            seq if seq == self.seq + 1 => Place::Next,
            _ => Place::Ahead,
        }
    }

    /// Something is missing: it is fetched, if that is not under way.
    pub(super) fn is_behind(&mut self) {
        if self.behind == Turn::Done {
            self.behind = Turn::NOW;
        }
    }
}

/// All conversations that are followed. Bounded by [`Limits::conversations`](super::Limits::conversations).
#[derive(Default)]
pub(super) struct Conversations {
    /// What every number belongs to.
    pub(super) epoch: Option<Epoch>,
    /// Whether this connection's server has said that this is still the epoch: until then a number that fits may be
    /// one of another history.
    pub(super) confirmed: bool,
    /// Whether the list of this epoch was seen: what turns up in a later one is new, and told from its first message
    /// that was not read.
    pub(super) listed: bool,
    held: BTreeMap<ConversationId, Held>,
    touches: u64,
}

impl Conversations {
    pub(super) fn get(&mut self, id: &ConversationId) -> Option<&mut Held> {
        self.held.get_mut(id)
    }

    /// Begins to follow a conversation after this number.
    pub(super) fn follow(&mut self, id: &ConversationId, seq: u64) -> &mut Held {
        self.touches += 1;
        let unread = UnreadCount::from(seq);
        let held = Held { seq, behind: Turn::Done, pages: 0, unread, touched: self.touches };
        self.held.entry(id.clone()).insert_entry(held).into_mut()
    }

    /// A message was told.
    pub(super) fn advance(&mut self, id: &ConversationId, seq: u64) {
        self.touches += 1;
        if let Some(held) = self.held.get_mut(id) {
            (held.seq, held.touched) = (seq, self.touches);
        }
    }

    /// Whether one that is followed may be one that was forgotten for its silence.
    pub(super) fn are_full(&self, most: usize) -> bool {
        self.held.len() >= most
    }

    /// Forgets the one that was silent the longest, if there are too many.
    pub(super) fn forget_silent(&mut self, most: usize, is_open: impl Fn(&ConversationId) -> bool) {
        if self.held.len() <= most {
            return;
        }
        let closed = self.held.iter().filter(|(id, _)| !is_open(id));
        if let Some(silent) = closed.min_by_key(|(_, held)| held.touched).map(|(id, _)| id.clone()) {
            self.held.remove(&silent);
        }
    }

    /// Another history: nothing that was held means anything.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.listed = false;
    }

    /// The next conversation to catch up with, if fewer than this many do.
    pub(super) fn next(&mut self, now: Monotonic, at_once: usize) -> Option<(ConversationId, u64)> {
        let under_way = self.held.values().filter(|held| held.behind == Turn::OnWire).count();
        if under_way >= at_once {
            return None;
        }
        let (id, held) = self.held.iter_mut().find(|(_, held)| held.behind.is_due(now))?;
        held.behind = Turn::OnWire;
        Some((id.clone(), held.seq))
    }

    /// The connection is lost.
    pub(super) fn lost(&mut self) {
        self.confirmed = false;
        for held in self.held.values_mut() {
            held.behind.lost();
            held.pages = 0;
        }
    }

    pub(super) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        self.held.values().filter_map(|held| held.behind.deadline(now)).min()
    }
}

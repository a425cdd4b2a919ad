//! The followed conversations: the number up to which each is complete, and whether more is to be
//! fetched.

use std::collections::BTreeMap;

use chat_core::id::{ConversationId, Epoch};
use chat_core::protocol::{Emergency, Work};
use chat_core::time::Monotonic;

use super::turn::Turn;
use super::unread::UnreadCount;

/// The state of a followed conversation.
pub(super) struct Held {
    /// All messages up to this number were reported, since the conversation is followed.
    pub(super) seq: u64,
    /// The catch-up for messages known to be missing.
    pub(super) behind: Turn,
    /// Pages of the current catch-up.
    pub(super) pages: u32,
    pub(super) unread: UnreadCount,
    /// The newest work, and the number of the message up to which it holds at least.
    pub(super) work: Option<(u64, Work)>,
    /// The same of the emergency.
    pub(super) emergency: Option<(u64, Emergency)>,
    /// The value of a counter of all messages at the last message: the least value marks the
    /// longest silence.
    touched: u64,
}

/// The relation of a message to the held state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// The next message.
    Next,
    /// Reported already.
    Held,
    /// Behind a gap.
    Ahead,
}

/// Takes up a state that holds at a message, unless a later one is known.
pub(super) fn take_up<T: Clone>(known: &mut Option<(u64, T)>, seq: u64, state: Option<&T>) {
    if let Some(state) = state
        && known.as_ref().is_none_or(|(known, _)| *known <= seq)
    {
        *known = Some((seq, state.clone()));
    }
}

impl Held {
    pub(super) fn place(&self, seq: u64) -> Place {
        match seq {
            seq if seq <= self.seq => Place::Held,
            seq if seq == self.seq + 1 => Place::Next,
            _ => Place::Ahead,
        }
    }

    /// Schedules a catch-up, unless one is scheduled or on the wire.
    pub(super) fn is_behind(&mut self) {
        if self.behind == Turn::Done {
            self.behind = Turn::NOW;
        }
    }
}

/// All followed conversations. Bounded by [`Limits::conversations`](super::Limits::conversations).
#[derive(Default)]
pub(super) struct Conversations {
    /// The epoch of all numbers.
    pub(super) epoch: Option<Epoch>,
    /// Whether the server has confirmed the epoch on this connection. Before, a matching number may
    /// belong to another history.
    pub(super) confirmed: bool,
    /// Whether the list of this epoch has arrived. A conversation first seen in a later list is
    /// new, and reported from its first unread message.
    pub(super) listed: bool,
    held: BTreeMap<ConversationId, Held>,
    touches: u64,
}

impl Conversations {
    pub(super) fn get(&mut self, id: &ConversationId) -> Option<&mut Held> {
        self.held.get_mut(id)
    }

    /// Starts to follow a conversation after this number.
    pub(super) fn follow(&mut self, id: &ConversationId, seq: u64) -> &mut Held {
        self.touches += 1;
        let unread = UnreadCount::from(seq);
        let held = Held {
            seq,
            behind: Turn::Done,
            pages: 0,
            unread,
            work: None,
            emergency: None,
            touched: self.touches,
        };
        self.held.entry(id.clone()).insert_entry(held).into_mut()
    }

    /// Notes a reported message.
    pub(super) fn advance(&mut self, id: &ConversationId, seq: u64) {
        self.touches += 1;
        if let Some(held) = self.held.get_mut(id) {
            (held.seq, held.touched) = (seq, self.touches);
        }
    }

    /// Whether a new conversation may be one that was forgotten for its silence.
    pub(super) fn are_full(&self, most: usize) -> bool {
        self.held.len() >= most
    }

    /// Forgets the most silent conversation, if there are too many.
    pub(super) fn forget_silent(&mut self, most: usize, is_open: impl Fn(&ConversationId) -> bool) {
        if self.held.len() <= most {
            return;
        }
        let closed = self.held.iter().filter(|(id, _)| !is_open(id));
        if let Some(silent) = closed.min_by_key(|(_, held)| held.touched).map(|(id, _)| id.clone()) {
            self.held.remove(&silent);
        }
    }

    /// Forgets everything, because the history is another one.
    pub(super) fn clear(&mut self) {
        self.held.clear();
        self.listed = false;
    }

    /// Returns the next conversation to catch up with, unless `at_once` catch-ups are on the wire.
    pub(super) fn next(&mut self, now: Monotonic, at_once: usize) -> Option<(ConversationId, u64)> {
        let under_way = self.held.values().filter(|held| held.behind == Turn::OnWire).count();
        if under_way >= at_once {
            return None;
        }
        let (id, held) = self.held.iter_mut().find(|(_, held)| held.behind.is_due(now))?;
        held.behind = Turn::OnWire;
        Some((id.clone(), held.seq))
    }

    /// Reacts to a lost connection.
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

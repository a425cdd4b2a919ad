//! The conversations in which the user types, and the server's knowledge of them.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_core::id::ConversationId;
use chat_core::protocol::{Request, TypingIndicator};
use chat_core::time::Monotonic;

use super::turn::Turn;

struct Typist {
    /// Number of the app's guards.
    holders: u32,
    /// The last report to the server over the current connection.
    told: bool,
    /// Whether a sent message has ended the typing for all guards, until a new guard begins.
    is_over: bool,
    turn: Turn,
}

impl Typist {
    fn is_typing(&self) -> bool {
        self.holders > 0 && !self.is_over
    }
}

/// The conversations with typing. Bounded by [`Limits::typing`](super::Limits::typing): typing in
/// more is not shown to others.
#[derive(Default)]
pub(super) struct Typing {
    typists: BTreeMap<ConversationId, Typist>,
}

impl Typing {
    pub(super) fn begin(&mut self, id: ConversationId, most: usize) {
        if self.typists.len() >= most && !self.typists.contains_key(&id) {
            return;
        }
        let typist = self.typists.entry(id).or_insert(Typist {
            holders: 0,
            told: false,
            is_over: false,
            turn: Turn::Done,
        });
        typist.holders = typist.holders.saturating_add(1);
        typist.is_over = false;
        if typist.turn == Turn::Done {
            typist.turn = Turn::NOW;
        }
    }

    pub(super) fn end(&mut self, id: &ConversationId) {
        let Some(typist) = self.typists.get_mut(id) else { return };
        typist.holders = typist.holders.saturating_sub(1);
        if typist.holders > 0 || typist.turn == Turn::OnWire {
            return;
        }
        if typist.told {
            typist.turn = Turn::NOW;
        } else {
            self.typists.remove(id);
        }
    }

    /// Reacts to a sent message, which ends the typing, as the server knows. Old guards still end
    /// later, and must not end typing that has begun since.
    pub(super) fn message_written(&mut self, id: &ConversationId) {
        if let Some(typist) = self.typists.get_mut(id) {
            (typist.told, typist.is_over) = (false, true);
            if typist.turn != Turn::OnWire {
                typist.turn = Turn::Done;
            }
            self.forget_ended(id);
        }
    }

    /// Forgets a conversation without guards and without a request on the wire.
    fn forget_ended(&mut self, id: &ConversationId) {
        let ended = |typist: &Typist| typist.holders == 0 && typist.turn != Turn::OnWire;
        if self.typists.get(id).is_some_and(ended) {
            self.typists.remove(id);
        }
    }

    pub(super) fn next(&mut self, now: Monotonic) -> Option<(ConversationId, Request)> {
        let (id, typist) = self.typists.iter_mut().find(|(_, typist)| typist.turn.is_due(now))?;
        typist.turn = Turn::OnWire;
        typist.told = typist.is_typing();
        let indicator = TypingIndicator { conversation_id: id.clone(), is_typing: typist.told };
        Some((id.clone(), Request::TypingIndicator(indicator)))
    }

    /// Handles the server's reply, even an error: typing is not worth a second attempt before the
    /// next refresh.
    pub(super) fn answered(&mut self, id: &ConversationId, now: Monotonic, refresh: Duration) {
        let Some(typist) = self.typists.get_mut(id) else { return };
        typist.turn = match (typist.is_typing(), typist.told) {
            (true, true) => Turn::At(now.plus(refresh)),
            (false, false) => Turn::Done,
            _ => Turn::NOW,
        };
        if typist.turn == Turn::Done {
            self.forget_ended(id);
        }
    }

    /// Reacts to a lost connection: the server has forgotten all reports.
    pub(super) fn lost(&mut self) {
        self.typists.retain(|_, typist| typist.holders > 0);
        for typist in self.typists.values_mut() {
            (typist.told, typist.turn) = (false, if typist.is_over { Turn::Done } else { Turn::NOW });
        }
    }

    pub(super) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        self.typists.values().filter_map(|typist| typist.turn.deadline(now)).min()
    }
}

//! Where the user types, and what the server was told of it.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_core::id::ConversationId;
use chat_core::protocol::{Request, TypingIndicator};
use chat_core::time::Monotonic;

use super::turn::Turn;

struct Typist {
    /// How many parts of the app say that the user types.
    holders: u32,
    /// What the server was told last, over the connection that stands.
    told: bool,
    turn: Turn,
}

/// Bounded by [`Limits::typing`](super::Limits::typing): typing in more is not shown to others.
#[derive(Default)]
pub(super) struct Typing {
    typists: BTreeMap<ConversationId, Typist>,
}

impl Typing {
    pub(super) fn begin(&mut self, id: ConversationId, most: usize) {
        if self.typists.len() >= most && !self.typists.contains_key(&id) {
            return;
        }
        let typist = self.typists.entry(id).or_insert(Typist { holders: 0, told: false, turn: Turn::Done });
        typist.holders = typist.holders.saturating_add(1);
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
        match typist.told {
            true => typist.turn = Turn::NOW,
            false => drop(self.typists.remove(id)),
        }
    }

    /// A message was written there: with it the typing ends, and the server knows that.
    pub(super) fn message_written(&mut self, id: &ConversationId) {
        self.typists.remove(id);
    }

    pub(super) fn next(&mut self, now: Monotonic) -> Option<(ConversationId, Request)> {
        let (id, typist) = self.typists.iter_mut().find(|(_, typist)| typist.turn.is_due(now))?;
        typist.turn = Turn::OnWire;
        typist.told = typist.holders > 0;
        let indicator = TypingIndicator { conversation_id: id.clone(), is_typing: typist.told };
        Some((id.clone(), Request::TypingIndicator(indicator)))
    }

    /// The server has answered, also by an error: typing is not worth a second attempt before the next refresh.
    pub(super) fn answered(&mut self, id: &ConversationId, now: Monotonic, refresh: Duration) {
        let Some(typist) = self.typists.get_mut(id) else { return };
        match (typist.holders > 0, typist.told) {
            (true, true) => typist.turn = Turn::At(now.plus(refresh)),
            (false, false) => drop(self.typists.remove(id)),
            _ => typist.turn = Turn::NOW,
        }
    }

    /// The connection is lost, and with it all that was told.
    pub(super) fn lost(&mut self) {
        self.typists.retain(|_, typist| typist.holders > 0);
        for typist in self.typists.values_mut() {
            (typist.told, typist.turn) = (false, Turn::NOW);
        }
    }

    pub(super) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        self.typists.values().filter_map(|typist| typist.turn.deadline(now)).min()
    }
}

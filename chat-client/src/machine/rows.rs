//! Single conversations whose unread count the client asks for.

use std::collections::BTreeMap;

use chat_core::id::ConversationId;
use chat_core::protocol::Request;
use chat_core::time::Monotonic;

use super::list;
use super::turn::Turn;

/// Maximum of conversations waiting for their row. Beyond it the client asks for the whole list
/// instead.
const MOST: usize = 64;

/// The wanted rows. Bounded by [`MOST`]. Cleared on reconnect, because a new connection brings the
/// whole list.
#[derive(Default)]
pub(super) struct Rows {
    wanted: BTreeMap<ConversationId, Row>,
}

struct Row {
    turn: Turn,
    /// Whether the row was wanted again while on the wire: the reply may be older.
    again: bool,
}

impl Rows {
    /// Requests a row. Returns `false` if too many are wanted already.
    pub(super) fn want(&mut self, id: &ConversationId) -> bool {
        if let Some(row) = self.wanted.get_mut(id) {
            row.again = row.turn == Turn::OnWire;
            return true;
        }
        let has_room = self.wanted.len() < MOST;
        if has_room {
            self.wanted.insert(id.clone(), Row { turn: Turn::NOW, again: false });
        }
        has_room
    }

    pub(super) fn next(&mut self, now: Monotonic) -> Option<(ConversationId, Request)> {
        let (id, row) = self.wanted.iter_mut().find(|(_, row)| row.turn.is_due(now))?;
        row.turn = Turn::OnWire;
        Some((id.clone(), list::row(id)))
    }

    /// Handles the server's reply: `again` is the time of a repetition, if any.
    pub(super) fn answered(&mut self, id: &ConversationId, again: Option<Turn>) {
        let Some(row) = self.wanted.get_mut(id) else { return };
        let wanted = std::mem::take(&mut row.again).then_some(Turn::NOW);
        match again.or(wanted) {
            Some(turn) => row.turn = turn,
            None => drop(self.wanted.remove(id)),
        }
    }

    pub(super) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        self.wanted.values().filter_map(|row| row.turn.deadline(now)).min()
    }
}

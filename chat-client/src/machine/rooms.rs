//! The support rooms of the app. A room is joined per connection, and the client joins again after
//! every reconnect.

use std::collections::BTreeMap;

use chat_core::protocol::{JoinSupportRoom, Request, RoomType};
use chat_core::time::Monotonic;

use super::turn::Turn;

/// The joined rooms. Bounded by the room types of the protocol.
#[derive(Default)]
pub(super) struct Rooms {
    joined: BTreeMap<RoomType, Turn>,
}

impl Rooms {
    /// Notes that the app has joined a room over the current connection.
    pub(super) fn joined(&mut self, room: RoomType) {
        self.joined.insert(room, Turn::Done);
    }

    /// Schedules all rooms to be joined over the new connection.
    pub(super) fn rejoin(&mut self) {
        self.joined.values_mut().for_each(|turn| *turn = Turn::NOW);
    }

    pub(super) fn next(&mut self, now: Monotonic) -> Option<(RoomType, Request)> {
        let (room, turn) = self.joined.iter_mut().find(|(_, turn)| turn.is_due(now))?;
        *turn = Turn::OnWire;
        Some((*room, Request::JoinSupportRoom(JoinSupportRoom { room_type: *room })))
    }

    /// Handles the server's reply: the room's next state, or `None` if the user may not join any
    /// more.
    pub(super) fn answered(&mut self, room: RoomType, turn: Option<Turn>) {
        match turn {
            Some(turn) => drop(self.joined.insert(room, turn)),
            None => drop(self.joined.remove(&room)),
        }
    }

    pub(super) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        self.joined.values().filter_map(|turn| turn.deadline(now)).min()
    }
}

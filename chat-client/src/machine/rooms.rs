//! The support rooms that the app has joined: joined again after every reconnect, for a room is joined by a connection.

use std::collections::BTreeMap;

use chat_core::protocol::{JoinSupportRoom, Request, RoomType};
use chat_core::time::Monotonic;

use super::turn::Turn;

/// Bounded by the room types of the protocol.
#[derive(Default)]
pub(super) struct Rooms {
    joined: BTreeMap<RoomType, Turn>,
}

impl Rooms {
    /// The app has joined a room over the connection that stands.
    pub(super) fn joined(&mut self, room: RoomType) {
        self.joined.insert(room, Turn::Done);
    }

    /// There is a new connection, which has joined nothing.
    pub(super) fn rejoin(&mut self) {
        self.joined.values_mut().for_each(|turn| *turn = Turn::NOW);
    }

    pub(super) fn next(&mut self, now: Monotonic) -> Option<(RoomType, Request)> {
        let (room, turn) = self.joined.iter_mut().find(|(_, turn)| turn.is_due(now))?;
        *turn = Turn::OnWire;
        Some((*room, Request::JoinSupportRoom(JoinSupportRoom { room_type: *room })))
    }

    /// The server has answered: it is joined, or to be asked again, or not for us any more (`None`).
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

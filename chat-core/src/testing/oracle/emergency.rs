//! Emergencies, and the connections of control that have not heard of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::export::Export;
use crate::protocol::RoomType;

use super::asked::Asked;
use super::stored::Stored;
use super::{PromiseError, must};

/// The emergencies that each connection of control has still to hear of. From the moment at which
/// an emergency is asked for, a connection hears of it or is closed.
#[derive(Default)]
pub(super) struct Emergencies {
    /// Control's connections when each emergency was first asked for, by its creator and text.
    /// Bounded by the length of a run.
    asked: BTreeMap<(String, String), BTreeSet<u64>>,
    /// The connections that have still to hear of each emergency that is stored.
    unheard: BTreeMap<String, BTreeSet<u64>>,
}

impl Emergencies {
    /// A request was read while these connections of control were open.
    pub(super) fn asked(&mut self, user: &str, asked: &Asked, control: impl Iterator<Item = u64>) {
        let is_emergency = asked.data["room_type"] == RoomType::EmergencySupport.as_str();
        if let Some(content) = asked.content().filter(|_| is_emergency) {
            let key = (user.to_owned(), content.to_owned());
            self.asked.entry(key).or_insert_with(|| control.collect());
        }
    }

    /// Records new emergencies in the store, of which the server knows. `before` is the state
    /// before the commit.
    pub(super) fn stored(&mut self, store: &Export, before: &Stored, open: impl Fn(u64) -> bool) {
        for (id, exported) in &store.conversations {
            let is_emergency = exported.conversation.room_type == RoomType::EmergencySupport;
            if !is_emergency || before.holds(id.as_str()) {
                continue;
            }
            let Some(first) = exported.messages.first() else { continue };
            let key = (first.sender_id.to_string(), first.content.to_string());
            let conns = self.asked.remove(&key).unwrap_or_default();
            self.unheard.insert(id.to_string(), conns.into_iter().filter(|conn| open(*conn)).collect());
        }
    }

    /// Records an announcement heard by a connection, and returns whether that emergency was still
    /// due to the connection.
    pub(super) fn heard(&mut self, conn: u64, id: &str) -> bool {
        self.unheard.get_mut(id).is_some_and(|conns| conns.remove(&conn))
    }

    /// Forgets a closed connection.
    pub(super) fn ended(&mut self, conn: u64) {
        self.unheard.values_mut().for_each(|conns| conns.retain(|other| *other != conn));
    }

    /// Forgets the emergencies of a store that was replaced.
    pub(super) fn restored(&mut self) {
        self.unheard.clear();
    }

    /// P4: no open connection of control still has to hear of an emergency of its teams. `is_due`
    /// is whether the emergency is one of the connection's teams.
    pub(super) fn are_heard(&self, is_due: impl Fn(u64, &str) -> bool) -> Result<(), PromiseError> {
        let mut left = self.unheard.iter().filter_map(|(id, conns)| {
            let conn = conns.iter().find(|conn| is_due(**conn, id))?;
            Some((id, conn))
        });
        let left = left.next();
        must(left.is_none(), "P4", || {
            let (id, conn) = left.expect("it is not none");
            format!("connection {conn} of control is open and has heard nothing of the emergency {id}")
        })
    }
}

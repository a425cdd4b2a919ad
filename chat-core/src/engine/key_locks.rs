//! The `client_message_id`s under which something is under way: one request at a time, and its repeats wait for it.
//!
//! A name is held by whatever is under way for its request: a question, so that nothing is accepted under it between the
//! begin of a look-up and the refusal that rests on it, or a change. These end by themselves, whatever becomes of the
//! connection.

use std::collections::BTreeMap;

use super::io::ConnectionId;
use super::origin::Origin;
use crate::id::{ClientMessageId, UserId};

/// A user's `client_message_id`.
pub(super) type IdempotencyKey = (UserId, ClientMessageId);

/// The names that are held, each with those that wait for it in their order.
///
/// Bounded by the questions and changes under way, and by the connections and commands, of which each waits for one.
#[derive(Default)]
pub(super) struct KeyLocks(BTreeMap<IdempotencyKey, Vec<Origin>>);

impl KeyLocks {
    /// From now on a request has something under way.
    pub(super) fn lock(&mut self, key: IdempotencyKey) {
        self.0.entry(key).or_default();
    }

    /// It has nothing under way any more: gives those that have waited for that, and may go on after it.
    pub(super) fn unlock(&mut self, key: &IdempotencyKey) -> Vec<Origin> {
        self.0.remove(key).unwrap_or_default()
    }

    /// Has a request wait if another one has something under way.
    pub(super) fn wait(&mut self, key: &IdempotencyKey, origin: &Origin) -> bool {
        let waiting = self.0.get_mut(key);
        waiting.map(|waiting| waiting.push(origin.clone())).is_some()
    }

    /// A connection that waits is gone.
    pub(super) fn forget(&mut self, key: &IdempotencyKey, conn: ConnectionId) {
        if let Some(waiting) = self.0.get_mut(key) {
            waiting.retain(|origin| !origin.is_of(conn));
        }
    }
}

//! Locks on the `client_message_id`s of pending requests: one request at a time, and its repeats
//! wait.
//!
//! A key stays locked while its request has a load or a change in flight. A load counts: between a
//! look-up and the refusal based on it, nothing may be accepted under the key. Loads and changes
//! always end, even if the connection is closed, and unlock the key.

use std::collections::BTreeMap;

use super::io::ConnectionId;
use super::origin::Origin;
use crate::id::{ClientMessageId, UserId};

/// A `client_message_id` together with its user.
pub(super) type IdempotencyKey = (UserId, ClientMessageId);

/// The locked keys, each with the requests that wait for it in order.
///
/// Bounded by the calls and changes in flight, and by the connections and commands, each of which
/// waits for one key.
#[derive(Default)]
pub(super) struct KeyLocks(BTreeMap<IdempotencyKey, Vec<Origin>>);

impl KeyLocks {
    /// Locks a key for a request with a load or a change in flight.
    pub(super) fn lock(&mut self, key: IdempotencyKey) {
        self.0.entry(key).or_default();
    }

    /// Unlocks a key, and returns the requests that waited for it.
    pub(super) fn unlock(&mut self, key: &IdempotencyKey) -> Vec<Origin> {
        self.0.remove(key).unwrap_or_default()
    }

    /// Makes a request wait if the key is locked.
    pub(super) fn wait(&mut self, key: &IdempotencyKey, origin: &Origin) -> bool {
        let waiting = self.0.get_mut(key);
        waiting.map(|waiting| waiting.push(origin.clone())).is_some()
    }

    /// Removes the waiting requests of a closed connection.
    pub(super) fn forget(&mut self, key: &IdempotencyKey, conn: ConnectionId) {
        if let Some(waiting) = self.0.get_mut(key) {
            waiting.retain(|origin| !origin.is_of(conn));
        }
    }
}

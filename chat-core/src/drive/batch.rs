//! Live events that the same connections get one behind the other.

use std::mem;

use bytes::Bytes;

use crate::engine::ConnectionId;

/// Bytes of a batch with which it takes no more: what a connection is given to write at once.
const BYTES: usize = 16 * 1024;

/// What so few connections get, if they are not in a batch for more, leaves the batch as it is: what a driver hears of their
/// own message must not end what all of control gets.
const FEW: usize = 4;

/// Messages that were given for the same connections and are not in their queues yet.
///
/// Whatever else is put into the queue of one of these must come behind it. Bounded by being ended once it takes no more, and
/// at the end of each turn of the engine.
pub(super) struct Batch {
    /// Texts with which it takes no more: a part of what may wait for a connection.
    most: usize,
    conns: Vec<ConnectionId>,
    texts: Vec<Bytes>,
    bytes: usize,
}

impl Batch {
    /// An empty one that takes so many texts.
    pub(super) fn new(most: usize) -> Self {
        Self { most, conns: Vec::new(), texts: Vec::new(), bytes: 0 }
    }

    /// Whether it takes one more message, for these connections.
    pub(super) fn takes(&self, conns: &[ConnectionId]) -> bool {
        self.texts.len() < self.most && self.bytes < BYTES && self.conns == conns
    }

    /// Whether what these connections get need not come behind it.
    pub(super) fn is_beside(&self, conns: &[ConnectionId]) -> bool {
        conns.len() <= FEW
            && conns.len() < self.conns.len()
            && !conns.iter().any(|conn| self.conns.contains(conn))
    }

    /// Begins it anew: it must be empty.
    pub(super) fn begin(&mut self, conns: Vec<ConnectionId>) {
        self.conns = conns;
    }

    /// Puts a message behind those in it.
    pub(super) fn push(&mut self, text: Bytes) {
        self.bytes += text.len();
        self.texts.push(text);
    }

    /// Takes out all that is in it.
    pub(super) fn end(&mut self) -> (Vec<ConnectionId>, Vec<Bytes>) {
        let Self { conns, texts, .. } = mem::replace(self, Self::new(self.most));
        (conns, texts)
    }
}

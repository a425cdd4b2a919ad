//! Live events that the same connections get one behind the other.

use std::mem;

use bytes::Bytes;

use crate::engine::ConnectionId;

/// Texts of a batch, and their bytes, with which it takes no more: what a connection is given to write at once.
const TEXTS: usize = 64;
const BYTES: usize = 16 * 1024;

/// What so few connections get, if they are not in a batch for more, leaves the batch as it is: what a driver hears of their
/// own message must not end what all of control gets.
const FEW: usize = 4;

/// Messages that were given for the same connections and are not in their queues yet.
///
/// Whatever else is put into the queue of one of these must come behind it. Bounded by being ended once it takes no more, and
/// at the end of each turn of the engine.
#[derive(Default)]
pub(super) struct Batch {
    conns: Vec<ConnectionId>,
    texts: Vec<Bytes>,
    bytes: usize,
}

impl Batch {
    /// Whether it takes one more message, for these connections.
    pub(super) fn takes(&self, conns: &[ConnectionId]) -> bool {
        self.texts.len() < TEXTS && self.bytes < BYTES && self.conns == conns
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
        let Self { conns, texts, .. } = mem::take(self);
        (conns, texts)
    }
}

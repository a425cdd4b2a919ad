//! A batch of live events for the same connections.

use std::mem;

use bytes::Bytes;

use crate::engine::ConnectionId;

/// Bytes at which a batch is full: the amount that a connection is given to write at once.
const BYTES: usize = 16 * 1024;

/// A frame for at most this many connections, none of them in the open batch, leaves the batch
/// open. Otherwise each sender's own copy would end the batch of the control room.
const FEW: usize = 4;

/// Messages for the same connections, not in their queues yet.
///
/// The batch is ended before another frame for one of these connections is queued. Bounded: a batch
/// is ended when full, and at the end of each turn of the engine.
pub(super) struct FrameBatch {
    /// The number of texts at which the batch is full: a part of a connection's queue.
    most: usize,
    conns: Vec<ConnectionId>,
    texts: Vec<Bytes>,
    bytes: usize,
}

impl FrameBatch {
    /// Creates an empty batch of at most `most` texts.
    pub(super) fn new(most: usize) -> Self {
        Self { most, conns: Vec::new(), texts: Vec::new(), bytes: 0 }
    }

    /// Whether one more message for these connections fits.
    pub(super) fn takes(&self, conns: &[ConnectionId]) -> bool {
        self.texts.len() < self.most && self.bytes < BYTES && self.conns == conns
    }

    /// Whether a frame for these connections may overtake the batch.
    pub(super) fn is_beside(&self, conns: &[ConnectionId]) -> bool {
        conns.len() <= FEW
            && conns.len() < self.conns.len()
            && !conns.iter().any(|conn| self.conns.contains(conn))
    }

    /// Begins an empty batch for these connections.
    pub(super) fn begin(&mut self, conns: Vec<ConnectionId>) {
        self.conns = conns;
    }

    /// Appends a message.
    pub(super) fn push(&mut self, text: Bytes) {
        self.bytes += text.len();
        self.texts.push(text);
    }

    /// Ends the batch and returns its content.
    pub(super) fn end(&mut self) -> (Vec<ConnectionId>, Vec<Bytes>) {
        let Self { conns, texts, .. } = mem::replace(self, Self::new(self.most));
        (conns, texts)
    }
}

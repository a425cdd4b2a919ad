//! The memtable: synced groups that are not in the index yet. With it readers see every
//! acknowledged change.
//!
//! Groups gather in the active *layer*. The index thread writes a frozen layer as a whole while the
//! next one grows. Large batches are cheaper: consecutive messages share a key, and a key written
//! several times is written once.

mod layer;
mod messages;
#[cfg(test)]
mod tests;

use std::array;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_core::store::Position;

use crate::store::index::writes::Writes;
use crate::store::write::journal::End;

pub(in crate::store) use layer::{Layer, MemTableSnapshot};

/// Longest age of the active layer. A crash leaves unflushed layers to be replayed.
const ACTIVE_AT_MOST: Duration = Duration::from_millis(250);

/// Writes at which the active layer is frozen early. More writes cost less each, because messages
/// of a conversation share keys. Loads wait some ten milliseconds while sled's keys change.
const WRITES_TO_FREEZE: usize = 16_384;

/// Most writes in the memtable. At this number the next commit waits for the index thread.
const WRITES_MOST: usize = 2 * WRITES_TO_FREEZE;

/// Most bytes of keys and values in the memtable. At this number the next commit waits for the
/// index thread.
const BYTES_MOST: usize = 64 << 20;

/// The memtable, which is also the queue of the index thread.
#[derive(Debug)]
pub(in crate::store) struct MemTable {
    state: Mutex<MemTableState>,
    changed: Condvar,
}

#[derive(Debug)]
struct MemTableState {
    /// The active layer and the frozen one. Each may be empty.
    layers: [Arc<Layer>; 2],
    /// The sizes of the layers.
    sizes: [Size; 2],
    /// The end of the last group.
    end: End,
    /// The end of the frozen layer, if one exists.
    frozen: Option<End>,
    /// The end of the last layer that was dropped.
    flushed_to: Position,
    /// The time of the active layer's first write.
    active_since: Option<Instant>,
    closed: bool,
}

/// The number of writes, and their bytes.
#[derive(Clone, Copy, Default, Debug)]
struct Size {
    writes: usize,
    bytes: usize,
}

impl MemTableState {
    fn is_full(&self) -> bool {
        let [active, frozen] = self.sizes;
        active.writes + frozen.writes >= WRITES_MOST || active.bytes + frozen.bytes >= BYTES_MOST
    }

    /// Whether to freeze the active layer now.
    fn is_due(&self) -> bool {
        let [active, _] = self.sizes;
        let waited = self.active_since.is_some_and(|since| since.elapsed() >= ACTIVE_AT_MOST);
        waited
            || active.writes >= WRITES_TO_FREEZE
            || active.bytes >= BYTES_MOST
            || (self.closed && active.writes > 0)
    }

    /// Freezes the active layer and begins another.
    fn freeze(&mut self) {
        self.layers = [Arc::new(self.layers[0].another()), self.layers[0].clone()];
        self.sizes = [Size::default(), self.sizes[0]];
        self.active_since = None;
        self.frozen = Some(self.end);
    }

    /// Drops the frozen layer.
    fn drop_frozen(&mut self) {
        if let Some(end) = self.frozen.take() {
            (self.layers[1], self.sizes[1]) = (Arc::default(), Size::default());
            self.flushed_to = end.position;
        }
    }
}

/// The next task of the index thread.
pub(in crate::store) enum IndexTask {
    /// Apply this layer, up to this end.
    Apply(Arc<Layer>, End),
    /// Nothing to do within the given time.
    Idle,
    /// End the thread: nothing is left, and nothing will come.
    End,
}

impl MemTable {
    /// An empty memtable over an index that has reached `end`.
    pub(in crate::store) fn new(end: End) -> Self {
        let state = MemTableState {
            layers: array::from_fn(|_| Arc::default()),
            sizes: [Size::default(); 2],
            end,
            frozen: None,
            flushed_to: end.position,
            active_since: None,
            closed: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// The present content, with the position reached.
    pub(in crate::store) fn snapshot(&self) -> MemTableSnapshot {
        let state = self.state();
        MemTableSnapshot { position: state.end.position, layers: state.layers.clone() }
    }

    /// The number of writes.
    pub(in crate::store) fn writes(&self) -> usize {
        self.state().sizes.iter().map(|size| size.writes).sum()
    }

    /// Waits until there is room for another group.
    pub(in crate::store) fn wait_for_room(&self) {
        let waited = self.changed.wait_while(self.state(), |state| state.is_full());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Adds a synced group.
    pub(in crate::store) fn publish(&self, writes: Writes, end: End) {
        let size = Size { writes: writes.len(), bytes: writes.bytes() };
        let mut state = self.state();
        state.layers[0].write(writes, end.position);
        state.sizes[0].writes += size.writes;
        state.sizes[0].bytes += size.bytes;
        state.end = end;
        let is_first = state.active_since.is_none();
        state.active_since.get_or_insert_with(Instant::now);
        if is_first || state.is_due() {
            self.changed.notify_all();
        }
    }

    /// Waits for a frozen layer, at most `patience`. The layer stays in the memtable until
    /// [`applied`](Self::applied).
    pub(in crate::store) fn next_task(&self, patience: Duration) -> IndexTask {
        let until = Instant::now() + patience;
        let mut state = self.state();
        loop {
            if state.frozen.is_none() && state.is_due() {
                state.freeze();
            }
            if let Some(end) = state.frozen {
                return IndexTask::Apply(state.layers[1].clone(), end);
            }
            if state.closed {
                return IndexTask::End;
            }
            let due = state.active_since.map_or(until, |since| until.min(since + ACTIVE_AT_MOST));
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() && due == until {
                return IndexTask::Idle;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Drops the frozen layer, which the index now holds.
    pub(in crate::store) fn applied(&self) {
        self.state().drop_frozen();
        self.changed.notify_all();
    }

    /// The position that an index must have reached to be read together with this memtable.
    pub(in crate::store) fn flushed_to(&self) -> Position {
        self.state().flushed_to
    }

    /// Lets commits go on without an index: empties a full memtable, and raises
    /// [`flushed_to`](Self::flushed_to). The journal has its content.
    ///
    /// Returns `false` once closed.
    pub(in crate::store) fn make_room(&self) -> bool {
        let mut state = self.state();
        if state.is_full() {
            state.freeze();
            state.drop_frozen();
            self.changed.notify_all();
        }
        !state.closed
    }

    /// Waits this long and [makes room](Self::make_room) meanwhile. Returns `false` as soon as the
    /// memtable is closed.
    pub(in crate::store) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while self.make_room() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let idle = |state: &mut MemTableState| !state.is_full() && !state.closed;
            drop(self.changed.wait_timeout_while(self.state(), left, idle));
        }
        false
    }

    /// Lets the index thread end after everything is applied.
    pub(in crate::store) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, MemTableState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

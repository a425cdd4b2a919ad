//! Groups that are synced and not yet in the index: what makes a reader see what was acknowledged.
//!
//! They gather in a *layer*. The index thread takes it as a whole once it is ripe, while the next one grows: so it writes
//! much at once, which is cheaper, for messages that follow each other share a key, and a key that is written again and
//! again is written once.

mod layer;
mod messages;

use std::array;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_core::store::Position;
use sled::IVec;

use super::index::view::Writes;
use super::journal::End;

pub(super) use layer::{Layer, Snapshot};

/// How long a layer gathers at most: a part of what a crash leaves to be replayed anyway, until it is flushed.
const GATHER: Duration = Duration::from_millis(250);

/// Writes at which a layer is ripe before that time. The more, the less each costs: messages of a conversation are written
/// under one key. Loads wait while the keys of sled change, some ten milliseconds.
const WRITES_RIPE: usize = 16_384;

/// Writes in the overlay; at this number the next commit waits for the index thread.
const WRITES_MOST: usize = 2 * WRITES_RIPE;

/// Bytes of keys and values in the overlay; at this number the next commit waits for the index thread.
const BYTES_MOST: usize = 64 << 20;

/// Bytes that an entry costs beside its key and value.
const ENTRY: usize = 128;

/// The overlay, and the queue of the index thread at once.
#[derive(Debug)]
pub(super) struct Overlay {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The layer that grows, and the one that is brought into the index; each may be empty.
    layers: [Arc<Layer>; 2],
    /// The size of either.
    sizes: [Size; 2],
    /// The end of the last group.
    end: End,
    /// The end of the layer that is brought into the index, if there is one.
    ripe: Option<End>,
    /// The end of the last layer that was taken out.
    base: Position,
    /// Since when the layer that grows is not empty.
    gathers_since: Option<Instant>,
    closed: bool,
}

/// Writes, and how many bytes they take.
#[derive(Clone, Copy, Default, Debug)]
struct Size {
    writes: usize,
    bytes: usize,
}

impl State {
    fn is_full(&self) -> bool {
        let [young, ripe] = self.sizes;
        young.writes + ripe.writes >= WRITES_MOST || young.bytes + ripe.bytes >= BYTES_MOST
    }

    /// Whether the layer that grows is to be brought into the index now.
    fn is_due(&self) -> bool {
        let [young, _] = self.sizes;
        let waited = self.gathers_since.is_some_and(|since| since.elapsed() >= GATHER);
        waited
            || young.writes >= WRITES_RIPE
            || young.bytes >= BYTES_MOST
            || (self.closed && young.writes > 0)
    }

    /// Makes room for the next layer.
    fn ripen(&mut self) {
        self.layers = [Arc::new(self.layers[0].another()), self.layers[0].clone()];
        self.sizes = [Size::default(), self.sizes[0]];
        self.gathers_since = None;
        self.ripe = Some(self.end);
    }

    /// Takes out the layer that is ripe.
    fn take_out(&mut self) {
        if let Some(end) = self.ripe.take() {
            (self.layers[1], self.sizes[1]) = (Arc::default(), Size::default());
            self.base = end.position;
        }
    }
}

/// What the index thread is to do next.
pub(super) enum Work {
    /// To apply this layer, up to this end.
    Apply(Arc<Layer>, End),
    /// Nothing, for as long as it was ready to wait.
    Idle,
    /// To end: there is nothing left, and nothing will come.
    End,
}

impl Overlay {
    /// An empty overlay over an index that has reached this end.
    pub(super) fn new(end: End) -> Self {
        let state = State {
            layers: array::from_fn(|_| Arc::default()),
            sizes: [Size::default(); 2],
            end,
            ripe: None,
            base: end.position,
            gathers_since: None,
            closed: false,
        };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// What is in it now, and the position that has been reached with it.
    pub(super) fn snapshot(&self) -> Snapshot {
        let state = self.state();
        Snapshot { position: state.end.position, layers: state.layers.clone() }
    }

    /// Writes that are in it.
    pub(super) fn writes(&self) -> usize {
        self.state().sizes.iter().map(|size| size.writes).sum()
    }

    /// Waits until there is room for another group.
    pub(super) fn wait_for_room(&self) {
        let waited = self.changed.wait_while(self.state(), |state| state.is_full());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Adds a group that is synced.
    pub(super) fn publish(&self, writes: Writes, end: End) {
        let size = |(key, value): (&IVec, &Option<IVec>)| {
            key.len() + value.as_ref().map_or(0, |value| value.len()) + ENTRY
        };
        let size = Size { writes: writes.len(), bytes: writes.iter().map(size).sum() };
        let mut state = self.state();
        state.layers[0].write(writes, end.position);
        state.sizes[0].writes += size.writes;
        state.sizes[0].bytes += size.bytes;
        state.end = end;
        let is_first = state.gathers_since.is_none();
        state.gathers_since.get_or_insert_with(Instant::now);
        if is_first || state.is_due() {
            self.changed.notify_all();
        }
    }

    /// Waits until a layer is ripe, at most this long. It stays in the overlay until [`applied`](Self::applied) is told.
    pub(super) fn work(&self, patience: Duration) -> Work {
        let until = Instant::now() + patience;
        let mut state = self.state();
        loop {
            if state.ripe.is_none() && state.is_due() {
                state.ripen();
            }
            if let Some(end) = state.ripe {
                return Work::Apply(state.layers[1].clone(), end);
            }
            if state.closed {
                return Work::End;
            }
            let due = state.gathers_since.map_or(until, |since| until.min(since + GATHER));
            let left = due.saturating_duration_since(Instant::now());
            if left.is_zero() && due == until {
                return Work::Idle;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Takes out the layer that was to be applied: the index now holds it.
    pub(super) fn applied(&self) {
        self.state().take_out();
        self.changed.notify_all();
    }

    /// The position that an index must have reached to be asked together with this overlay.
    pub(super) fn base(&self) -> Position {
        self.state().base
    }

    /// Lets commits go on while there is no index: if the overlay is full it is emptied, and the
    /// [`base`](Self::base) rises. What was in it is in the journal.
    ///
    /// `false` once it is closed.
    pub(super) fn make_room(&self) -> bool {
        let mut state = self.state();
        if state.is_full() {
            state.ripen();
            state.take_out();
            self.changed.notify_all();
        }
        !state.closed
    }

    /// Waits this long, and [makes room](Self::make_room) meanwhile; `false` as soon as it is closed.
    pub(super) fn pause(&self, pause: Duration) -> bool {
        let until = Instant::now() + pause;
        while self.make_room() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            let idle = |state: &mut State| !state.is_full() && !state.closed;
            drop(self.changed.wait_timeout_while(self.state(), left, idle));
        }
        false
    }

    /// Lets the index thread end once all is applied.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::Bound;
    use std::thread;

    use super::*;

    fn group(key: &str, bytes: usize) -> Writes {
        Writes::from([(key.into(), Some(vec![0; bytes].into()))])
    }

    fn groups(keys: usize) -> Writes {
        (0..keys as u64).map(|key| ((&key.to_be_bytes()).into(), None)).collect()
    }

    fn end(position: u64) -> End {
        End { position: Position(position), ..End::default() }
    }

    fn overlay() -> Overlay {
        Overlay::new(end(0))
    }

    fn apply(overlay: &Overlay) -> End {
        let Work::Apply(_, end) = overlay.work(Duration::from_mins(1)) else { panic!("there is work") };
        overlay.applied();
        end
    }

    #[test]
    fn it_is_full_of_many_writes_or_of_many_bytes() {
        let many = overlay();
        many.publish(groups(WRITES_MOST - 1), end(1));
        assert!(!many.state().is_full());
        many.publish(group("key", 1), end(2));
        assert!(many.state().is_full());
        let large = overlay();
        large.publish(group("key", BYTES_MOST), end(1));
        assert!(large.state().is_full());
    }

    #[test]
    fn who_waits_for_room_goes_on_when_the_index_has_caught_up() {
        let overlay = overlay();
        overlay.publish(groups(WRITES_MOST), end(1));
        thread::scope(|scope| {
            scope.spawn(|| overlay.wait_for_room());
            assert_eq!(apply(&overlay), end(1));
        });
        assert_eq!(overlay.base(), Position(1));
    }

    #[test]
    fn a_layer_is_due_when_it_is_large_or_old_or_the_last() {
        let overlay = overlay();
        overlay.publish(groups(WRITES_RIPE), end(1));
        assert!(matches!(overlay.work(Duration::ZERO), Work::Apply(..)), "large");
        overlay.applied();
        overlay.publish(group("key", 1), end(2));
        assert!(matches!(overlay.work(Duration::ZERO), Work::Idle), "it gathers");
        assert_eq!(apply(&overlay), end(2), "old");
        overlay.publish(group("key", 1), end(3));
        overlay.close();
        assert!(matches!(overlay.work(Duration::ZERO), Work::Apply(..)), "the last");
    }

    #[test]
    fn a_layer_that_was_not_applied_comes_again_and_what_came_later_after_it() {
        let overlay = overlay();
        overlay.publish(groups(WRITES_RIPE), end(1));
        assert!(matches!(overlay.work(Duration::ZERO), Work::Apply(..)));
        overlay.publish(groups(WRITES_RIPE), end(2));
        assert_eq!(apply(&overlay), end(1));
        assert_eq!(apply(&overlay), end(2));
    }

    #[test]
    fn a_snapshot_stays_as_it_was() {
        let overlay = overlay();
        let bounds = || (Bound::Included(IVec::from("a")), Bound::Excluded(IVec::from("z")));
        let all = overlay.snapshot();
        overlay.publish(group("first", 1), end(1));
        let before = overlay.snapshot();
        overlay.publish(group("second", 1), end(2));
        overlay.publish(group("first", 2), end(3));
        let later = overlay.snapshot();
        overlay.close();
        apply(&overlay);
        assert_eq!(all.next(&bounds(), false), None);
        assert_eq!(before.get(b"first"), Some(Some(vec![0].into())));
        assert_eq!(before.get(b"second"), None);
        assert_eq!(before.next(&bounds(), true).unwrap().0, "first");
        assert_eq!(later.get(b"first"), Some(Some(vec![0; 2].into())));
        assert_eq!(later.next(&bounds(), true).unwrap().0, "second");
        assert_eq!(overlay.snapshot().get(b"first"), None, "the index has it");
    }

    #[test]
    fn client_message_ids_are_found_as_all_else_is_and_shown_but_in_no_range() {
        let overlay = overlay();
        let (original, other) = ("d user id", "c conversation");
        overlay.publish(group(original, 1), end(1));
        let before = overlay.snapshot();
        overlay.publish(group(original, 2), end(2));
        overlay.publish(group(other, 1), end(3));
        let now = overlay.snapshot();
        assert_eq!(before.get(original.as_bytes()), Some(Some(vec![0].into())));
        assert_eq!(now.get(original.as_bytes()), Some(Some(vec![0; 2].into())));
        let all = (Bound::Included(IVec::from("a")), Bound::Excluded(IVec::from("z")));
        assert_eq!(now.next(&all, true).unwrap().0, other);
        overlay.close();
        let Work::Apply(layer, _) = overlay.work(Duration::ZERO) else { panic!("there is work") };
        let shown: Writes =
            layer.show(|entries| entries.map(|(key, value)| (key.clone(), value.clone())).collect());
        let expected = [(original, vec![0; 2]), (other, vec![0])];
        assert_eq!(shown, expected.map(|(key, value)| (key.into(), Some(value.into()))).into());
    }

    #[test]
    fn the_index_thread_ends_when_nothing_is_left() {
        let overlay = overlay();
        assert!(matches!(overlay.work(Duration::ZERO), Work::Idle));
        overlay.publish(group("key", 1), end(1));
        overlay.close();
        assert_eq!(apply(&overlay), end(1));
        assert!(matches!(overlay.work(Duration::ZERO), Work::End));
    }
}

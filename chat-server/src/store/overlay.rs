//! Groups that are synced and not yet in the index: what makes a reader see what was acknowledged.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_core::store::Position;

use super::index::view::Writes;
use super::journal::End;

/// Groups in the overlay; at this number the next commit waits for the index thread. A lookup asks each, and a
/// second of flushing is some hundred groups.
const GROUPS_MOST: usize = 256;

/// Bytes of keys and values in the overlay; at this number the next commit waits for the index thread.
const BYTES_MOST: usize = 64 << 20;

/// Bytes that an entry costs beside its key and value.
const ENTRY: usize = 96;

/// The overlay, and the queue of the index thread at once.
#[derive(Debug)]
pub(super) struct Overlay {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// What each group wrote, oldest first. Shared with views, and copied when one still looks at it.
    writes: Arc<Vec<Arc<Writes>>>,
    /// The end and the bytes of each group.
    ends: VecDeque<(End, usize)>,
    bytes: usize,
    position: Position,
    /// The end of the last group that was taken out.
    base: Position,
    closed: bool,
}

impl State {
    fn is_full(&self) -> bool {
        self.ends.len() >= GROUPS_MOST || self.bytes >= BYTES_MOST
    }

    fn take_out(&mut self, groups: usize) {
        let groups = groups.min(self.ends.len());
        Arc::make_mut(&mut self.writes).drain(..groups);
        for (end, bytes) in self.ends.drain(..groups) {
            self.bytes -= bytes;
            self.base = end.position;
        }
    }
}

/// What the index thread is to do next.
pub(super) enum Work {
    /// To apply these groups, up to this end.
    Apply(Vec<Arc<Writes>>, End),
    /// Nothing, for as long as it was ready to wait.
    Idle,
    /// To end: there are no groups left, and none will come.
    End,
}

impl Overlay {
    /// An empty overlay over an index that has reached this position.
    pub(super) fn new(position: Position) -> Self {
        let (writes, ends) = (Arc::default(), VecDeque::new());
        let state = State { writes, ends, bytes: 0, position, base: position, closed: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }

    /// What is in it now, and the position that has been reached with it.
    pub(super) fn snapshot(&self) -> (Position, Arc<Vec<Arc<Writes>>>) {
        let state = self.state();
        (state.position, state.writes.clone())
    }

    /// Waits until there is room for another group.
    pub(super) fn wait_for_room(&self) {
        let waited = self.changed.wait_while(self.state(), |state| state.is_full());
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Adds a group that is synced.
    pub(super) fn publish(&self, writes: Writes, end: End) {
        let size = |(key, value): (&sled::IVec, &Option<sled::IVec>)| {
            key.len() + value.as_ref().map_or(0, |value| value.len()) + ENTRY
        };
        let bytes = writes.iter().map(size).sum();
        let mut state = self.state();
        Arc::make_mut(&mut state.writes).push(Arc::new(writes));
        state.ends.push_back((end, bytes));
        state.bytes += bytes;
        state.position = end.position;
        self.changed.notify_all();
    }

    /// Waits for groups, at most this long. They stay in the overlay until [`applied`](Self::applied) is told.
    ///
    /// All that wait are given at once, up to `most` writes, so that a late index thread catches up.
    pub(super) fn work(&self, patience: Duration, most: usize) -> Work {
        let idle = |state: &mut State| state.ends.is_empty() && !state.closed;
        let waited = self.changed.wait_timeout_while(self.state(), patience, idle);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        let mut sum = 0;
        let fitting = state.writes.iter().take_while(|writes| {
            let first = sum == 0;
            sum += writes.len();
            first || sum <= most
        });
        let groups: Vec<_> = fitting.cloned().collect();
        match groups.len().checked_sub(1).and_then(|last| state.ends.get(last)) {
            Some((end, _)) => Work::Apply(groups, *end),
            None if state.closed => Work::End,
            None => Work::Idle,
        }
    }

    /// Takes out the oldest groups, which the index now holds.
    pub(super) fn applied(&self, groups: usize) {
        self.state().take_out(groups);
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
            state.take_out(usize::MAX);
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
    use std::thread;

    use super::*;

    fn group(key: &str, bytes: usize) -> Writes {
        Writes::from([(key.into(), Some(vec![0; bytes].into()))])
    }

    fn end(position: u64) -> End {
        End { position: Position(position), ..End::default() }
    }

    #[test]
    fn it_is_full_of_many_groups_or_of_many_bytes() {
        let many = Overlay::new(Position(0));
        (1..GROUPS_MOST as u64).for_each(|position| many.publish(group("key", 1), end(position)));
        assert!(!many.state().is_full());
        many.publish(group("key", 1), end(GROUPS_MOST as u64));
        assert!(many.state().is_full());
        let large = Overlay::new(Position(0));
        large.publish(group("key", BYTES_MOST), end(1));
        assert!(large.state().is_full());
    }

    #[test]
    fn who_waits_for_room_goes_on_when_the_index_has_caught_up() {
        let overlay = Overlay::new(Position(0));
        (1..=GROUPS_MOST as u64).for_each(|position| overlay.publish(group("key", 1), end(position)));
        thread::scope(|scope| {
            scope.spawn(|| overlay.wait_for_room());
            let Work::Apply(groups, reached) = overlay.work(Duration::ZERO, 10) else {
                panic!("there is work")
            };
            assert_eq!((groups.len(), reached.position), (10, Position(10)));
            overlay.applied(groups.len());
        });
        let (position, writes) = overlay.snapshot();
        assert_eq!((position.0, writes.len()), (GROUPS_MOST as u64, GROUPS_MOST - 10));
    }

    #[test]
    fn a_snapshot_stays_as_it_was() {
        let overlay = Overlay::new(Position(0));
        overlay.publish(group("first", 1), end(1));
        let (_, before) = overlay.snapshot();
        overlay.publish(group("second", 1), end(2));
        overlay.applied(2);
        assert_eq!(before.len(), 1);
        assert!(before[0].contains_key(&b"first"[..]));
    }

    #[test]
    fn the_index_thread_ends_when_nothing_is_left() {
        let overlay = Overlay::new(Position(0));
        assert!(matches!(overlay.work(Duration::ZERO, 10), Work::Idle));
        overlay.publish(group("key", 1), end(1));
        overlay.close();
        assert!(matches!(overlay.work(Duration::ZERO, 10), Work::Apply(..)));
        overlay.applied(1);
        assert!(matches!(overlay.work(Duration::ZERO, 10), Work::End));
    }
}

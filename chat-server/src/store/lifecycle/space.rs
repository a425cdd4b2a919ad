//! Free room on the disk of the data directory, and the reserve for important changes.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use chat_core::engine::Headroom;
use rustix::fs::statvfs;

/// The default reserve, as a fraction of the disk. [`DEFAULT_MOST`] limits it.
const DEFAULT_PART: u64 = 20;

/// The largest default reserve: many days of control and emergencies.
const DEFAULT_MOST: u64 = 1 << 30;

/// The part of the reserve that is kept for retention and administration.
const LAST_PART: u64 = 4;

/// The part of a mark, as a fraction, by which free room must exceed it before a state ends.
/// Otherwise the state could change with every write.
const RISE_PART: u64 = 10;

/// Below this many free bytes a disk counts as full when a store is opened: no index fits.
const FULL: u64 = 4 << 20;

/// Whether a disk has no room for an index.
pub(in crate::store) fn is_full(dir: &Path) -> bool {
    statvfs(dir).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < FULL)
}

/// The last measurement.
#[derive(Debug, Default)]
pub(crate) struct Space {
    free: AtomicU64,
    headroom: Mutex<Headroom>,
}

impl Space {
    /// The bytes that were free.
    pub(crate) fn free(&self) -> u64 {
        self.free.load(Ordering::Relaxed)
    }

    /// The permitted changes.
    pub(crate) fn headroom(&self) -> Headroom {
        *self.headroom.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Measures the disk. Returns the previous headroom and the present one.
    ///
    /// `reserve` is in bytes. `None` is the default, and 0 turns the reserve off.
    pub(in crate::store) fn look(
        &self,
        dir: &Path,
        reserve: Option<u64>,
    ) -> io::Result<(Headroom, Headroom)> {
        let disk = statvfs(dir)?;
        let (free, total) =
            (disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize));
        let reserve = reserve.unwrap_or_else(|| (total / DEFAULT_PART).min(DEFAULT_MOST));
        self.free.store(free, Ordering::Relaxed);
        let before = self.headroom();
        Ok((before, next(before, free, reserve)))
    }

    /// Sets the headroom, after the engine has been told.
    pub(crate) fn set(&self, headroom: Headroom) {
        *self.headroom.lock().unwrap_or_else(PoisonError::into_inner) = headroom;
    }
}

/// The headroom after `before`, with this many free bytes.
fn next(before: Headroom, free: u64, reserve: u64) -> Headroom {
    let is_below = |mark: u64, state: Headroom| {
        let ends_at = if before >= state { mark + mark / RISE_PART } else { mark };
        free < ends_at
    };
    if is_below(reserve / LAST_PART, Headroom::Exhausted) {
        Headroom::Exhausted
    } else if is_below(reserve, Headroom::Reserved) {
        Headroom::Reserved
    } else {
        Headroom::Ample
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_reached_in_two_steps_and_left_with_some_room_to_spare() {
        let mut state = Headroom::Ample;
        let mut at = |free| {
            state = next(state, free, 1_000);
            state
        };
        assert_eq!(at(1_000), Headroom::Ample);
        assert_eq!(at(999), Headroom::Reserved);
        assert_eq!((at(1_050), at(1_100)), (Headroom::Reserved, Headroom::Ample));
        assert_eq!(at(249), Headroom::Exhausted);
        assert_eq!((at(260), at(275)), (Headroom::Exhausted, Headroom::Reserved));
        assert_eq!((at(0), at(u64::MAX)), (Headroom::Exhausted, Headroom::Ample));
    }

    #[test]
    fn without_a_reserve_there_is_always_room() {
        assert_eq!(next(Headroom::Exhausted, 0, 0), Headroom::Ample);
    }

    #[test]
    fn a_disk_is_looked_at() {
        let space = Space::default();
        let dir = std::env::temp_dir();
        assert_eq!(space.look(&dir, Some(u64::MAX / 2)).unwrap(), (Headroom::Ample, Headroom::Exhausted));
        space.set(Headroom::Exhausted);
        assert_eq!(space.look(&dir, Some(0)).unwrap(), (Headroom::Exhausted, Headroom::Ample));
        assert!(space.look(&dir.join("not there"), None).is_err());
    }
}

//! Signs of life without content, such as a WebSocket's pongs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Monotonic;

/// The time of a connection's last sign of life other than a frame.
///
/// Noting one is a single atomic store. The engine reads the time only when a user has too many
/// connections and the longest silent must go, so ten thousand idle phones cost nothing.
#[derive(Clone, Debug, Default)]
pub struct Signs(Arc<AtomicU64>);

impl Signs {
    /// Notes a sign of life at this time, by the clock of the drive.
    pub fn note(&self, at: Monotonic) {
        self.0.store(u64::try_from(at.0.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The last sign, or the beginning of time.
    pub(super) fn last(&self) -> Monotonic {
        Monotonic(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }
}

//! Signs of life of a peer that carry nothing, as a WebSocket's pongs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::time::Monotonic;

/// The time of a connection's last sign of life beside its frames.
///
/// A transport notes each one, which costs one store. The engine looks only when a user has too many connections and the
/// longest silent must go: ten thousand idle phones cost it nothing.
#[derive(Clone, Debug, Default)]
pub struct Signs(Arc<AtomicU64>);

impl Signs {
    /// Notes a sign of life at this time, by the clock of the drive.
    pub fn note(&self, at: Monotonic) {
        self.0.store(u64::try_from(at.0.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// The last one, or the beginning of time.
    pub(super) fn last(&self) -> Monotonic {
        Monotonic(Duration::from_millis(self.0.load(Ordering::Relaxed)))
    }
}

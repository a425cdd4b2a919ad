//! The system's clocks.

use std::future::Future;
use std::time::{SystemTime, UNIX_EPOCH};

use chat_core::drive::Clock;
use chat_core::time::{Monotonic, Now, Timestamp};
use tokio::time::{Instant, sleep};

/// A monotonic clock that starts with the program.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts the clock.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The monotonic time.
    pub(crate) fn monotonic(self) -> Monotonic {
        Monotonic(self.start.elapsed())
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Now {
        Now { monotonic: self.monotonic(), wall: wall() }
    }

    fn sleep_until(&self, at: Monotonic) -> impl Future<Output = ()> + Send {
        sleep(at.0.saturating_sub(self.start.elapsed()))
    }
}

/// The wall-clock time.
pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

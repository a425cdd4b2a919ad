//! A clock for any runtime.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::drive::Clock;
use crate::time::{Monotonic, Now, Timestamp};

/// The clock of the operating system, which sleeps by a function of any runtime.
///
/// On smol: `SystemClock::start(smol::Timer::after)`. On tokio:
/// `SystemClock::start(tokio::time::sleep)`. Without a runtime, any function that returns a future
/// of a pause.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock<F> {
    /// The zero of the monotonic time.
    start: Instant,
    sleep: F,
}

impl<F, R> SystemClock<F>
where
    F: Fn(Duration) -> R + Send + Sync,
    R: Future + Send,
{
    /// Creates a clock whose monotonic time begins now. `sleep` returns a future that completes
    /// after a pause, and must take pauses of any length.
    pub fn start(sleep: F) -> Self {
        Self { start: Instant::now(), sleep }
    }
}

impl<F, R> Clock for SystemClock<F>
where
    F: Fn(Duration) -> R + Send + Sync,
    R: Future + Send,
{
    fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        Now { monotonic: Monotonic(self.start.elapsed()), wall }
    }

    async fn sleep_until(&self, at: Monotonic) {
        (self.sleep)(at.0.saturating_sub(self.start.elapsed())).await;
    }
}

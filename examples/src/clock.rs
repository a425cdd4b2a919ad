//! The time, for a drive on tokio.

use chat_core::drive::Clock;
use chat_core::time::{Monotonic, Now, Timestamp};
use tokio::time::Instant;

/// The clock of this machine, with the timers of tokio.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    /// Where the monotonic time is counted from.
    start: Instant,
}

impl TokioClock {
    /// A clock whose monotonic time begins now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Now {
        let wall = Timestamp::from_millis(jiff::Timestamp::now().as_millisecond());
        Now { monotonic: Monotonic(self.start.elapsed()), wall }
    }

    async fn sleep_until(&self, at: Monotonic) {
        tokio::time::sleep_until(self.start + at.0).await;
    }
}

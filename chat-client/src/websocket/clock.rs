//! A clock for clients on tokio.

use std::time::{SystemTime, UNIX_EPOCH};

use chat_core::drive::Clock;
use chat_core::time::{Monotonic, Now, Timestamp};
use tokio::time::Instant;

/// The clock of this device, with tokio's timers.
///
/// In a test with tokio's paused clock, `monotonic` is paused too.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    /// The zero of the monotonic time.
    start: Instant,
}

impl TokioClock {
    /// Creates a clock whose monotonic time begins now.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Now {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall = Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
        Now { monotonic: Monotonic(self.start.elapsed()), wall }
    }

    async fn sleep_until(&self, at: Monotonic) {
        tokio::time::sleep(at.0.saturating_sub(self.start.elapsed())).await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_sleeps_until_the_time_that_it_shows() {
        let clock = TokioClock::start();
        assert_eq!(clock.now().monotonic, Monotonic(Duration::ZERO));
        clock.sleep_until(Monotonic(Duration::from_mins(4))).await;
        assert_eq!(clock.now().monotonic, Monotonic(Duration::from_mins(4)));
        clock.sleep_until(Monotonic(Duration::from_secs(7))).await;
        assert_eq!(
            clock.now().monotonic,
            Monotonic(Duration::from_mins(4)),
            "what is past is not waited for"
        );
        assert!(futures::FutureExt::now_or_never(clock.sleep_until(Monotonic(Duration::MAX))).is_none());
    }

    #[test]
    fn its_wall_clock_is_the_devices() {
        assert!(TokioClock::start().now().wall > Timestamp::from_millis(1_700_000_000_000));
    }
}

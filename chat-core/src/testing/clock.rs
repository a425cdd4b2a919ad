//! A clock that moves only on demand.

use std::future::{Future, pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::drive::Clock;
use crate::time::{Monotonic, Now, Timestamp};

/// A clock that stands still until it is [advanced](Self::advance). Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct StoppedClock(Arc<AtomicU64>);

impl StoppedClock {
    /// Lets time pass. Sleeping tasks are not woken, because a stopped clock is for tests without
    /// pauses.
    pub fn advance(&self, by: Duration) {
        self.0.fetch_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

impl Clock for StoppedClock {
    fn now(&self) -> Now {
        let millis = self.0.load(Ordering::Relaxed);
        let wall = Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX));
        Now { monotonic: Monotonic(Duration::from_millis(millis)), wall }
    }

    fn sleep_until(&self, at: Monotonic) -> impl Future<Output = ()> + Send {
        let is_past = at <= self.now().monotonic;
        async move { if is_past { ready(()).await } else { pending().await } }
    }
}

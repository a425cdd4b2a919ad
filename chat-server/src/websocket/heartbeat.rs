//! When to ping, and when silence means that the peer is gone.

use std::time::Duration;

use tokio::time::Instant;

use super::Failure;

/// How long after a ping a sign of life must come.
pub const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Pings at an interval and expects a sign of life after each. Any frame is one, and so is a write that goes on.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    interval: Duration,
    next_ping: Instant,
    /// The last ping, until a sign of life came after it.
    unanswered: Option<Instant>,
}

impl Heartbeat {
    /// Seconds between pings unless the client asks for others: shorter than what home routers and proxies forget a
    /// silent connection after.
    pub const DEFAULT: u64 = 25;
    /// Most seconds between pings: for a phone in a pocket.
    pub const LONGEST: u64 = 300;

    /// Begins now, with an interval that is pressed into 25 to 300 seconds.
    pub fn every(seconds: u64) -> Self {
        let interval = Duration::from_secs(seconds.clamp(Self::DEFAULT, Self::LONGEST));
        Self { interval, next_ping: Instant::now() + interval, unanswered: None }
    }

    /// A sign of life came in at `at`.
    pub(super) fn heard(&mut self, at: Instant) {
        self.unanswered = self.unanswered.filter(|ping| at < *ping);
    }

    /// The same just now, after any ping.
    pub(super) fn heard_now(&mut self) {
        self.unanswered = None;
    }

    /// When [`beat`](Self::beat) is due.
    pub(super) fn deadline(&self) -> Instant {
        self.unanswered.map_or(self.next_ping, |ping| self.next_ping.min(ping + PONG_WITHIN))
    }

    /// Whether it is time to ping.
    pub(super) fn beat(&mut self, now: Instant) -> Result<bool, Failure> {
        if self.unanswered.is_some_and(|ping| ping + PONG_WITHIN <= now) {
            return Err(Failure::Silent);
        }
        let due = self.next_ping <= now;
        if due {
            self.unanswered = Some(now);
            self.next_ping = now + self.interval;
        }
        Ok(due)
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::every(Self::DEFAULT)
    }
}

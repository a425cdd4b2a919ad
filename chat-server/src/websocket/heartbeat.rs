//! When to ping, and when silence means that the peer is gone.

use std::time::Duration;

use tokio::time::Instant;

use super::WebSocketError;
use super::watched::{Traffic, time_for};

/// How long after a ping a sign of life must come.
pub const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Bytes in front of a ping that it is waited for: what this system holds for a connection, and a proxy on the way.
const AHEAD_MOST: u64 = 256 * 1024;

/// Pings at an interval and expects a sign of life after each. Any byte that comes in is one, and so is a write that goes on.
///
/// A ping stands behind all that the system holds for a slow link. So the time for its answer grows with what was written
/// since the last ping that was answered, by 64 s at most.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    interval: Duration,
    next_ping: Instant,
    /// The last ping, until a sign of life came after it.
    unanswered: Option<Ping>,
    /// Bytes that were written when a ping went out that is not answered yet.
    asked_after: Option<u64>,
    /// Bytes that the peer has, as its answers show.
    taken: u64,
}

#[derive(Clone, Copy, Debug)]
struct Ping {
    at: Instant,
    /// When silence since then means that the peer is gone.
    judged_at: Instant,
    /// Bytes that had come in before it.
    read: u64,
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
        let next_ping = Instant::now() + interval;
        Self { interval, next_ping, unanswered: None, asked_after: None, taken: 0 }
    }

    /// A frame came in just now, after any ping.
    pub(super) fn heard_now(&mut self) {
        self.unanswered = None;
    }

    /// A pong came in: the peer has all that was written before the first ping that it had not answered.
    pub(super) fn answered(&mut self) {
        self.taken = self.asked_after.take().unwrap_or(self.taken);
    }

    /// When [`beat`](Self::beat) is due.
    pub(super) fn deadline(&self) -> Instant {
        self.unanswered.map_or(self.next_ping, |ping| self.next_ping.min(ping.judged_at))
    }

    /// Whether it is time to ping.
    pub(super) fn beat(&mut self, now: Instant, traffic: &Traffic) -> Result<bool, WebSocketError> {
        let is_silent_since = |ping: &Ping| {
            traffic.read() == ping.read && traffic.progress_at().is_none_or(|progress| progress < ping.at)
        };
        self.unanswered = self.unanswered.filter(is_silent_since);
        if self.unanswered.is_some_and(|ping| ping.judged_at <= now) {
            return Err(WebSocketError::Silent);
        }
        let due = self.next_ping <= now;
        if due {
            self.ping(now, traffic);
        }
        Ok(due)
    }

    fn ping(&mut self, now: Instant, traffic: &Traffic) {
        self.asked_after.get_or_insert(traffic.written());
        let ahead = traffic.written().saturating_sub(self.taken).min(AHEAD_MOST);
        let patience = PONG_WITHIN + time_for(ahead);
        let judged_at = self.unanswered.map_or(now + patience, |before| before.judged_at);
        self.unanswered = Some(Ping { at: now, judged_at, read: traffic.read() });
        self.next_ping = now + self.interval;
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::every(Self::DEFAULT)
    }
}

//! The schedule of pings, and the detection of dead peers.

use std::time::Duration;

use tokio::time::Instant;

use super::WebSocketError;
use super::watched::{Traffic, time_for};

/// Deadline for a sign of life after a ping.
pub const PONG_WITHIN: Duration = Duration::from_secs(10);

/// Bytes queued before a ping that extend its deadline: at most the buffers of this system and of a
/// proxy.
const AHEAD_MOST: u64 = 256 * 1024;

/// Sends pings at an interval, and expects a sign of life after each. Any received byte is a sign
/// of life; so is a blocked write that progresses.
///
/// On a slow link a ping waits behind all buffered bytes. Its deadline is therefore extended in
/// proportion to the bytes written since the last answered ping, by at most 64 s.
#[derive(Clone, Copy, Debug)]
pub struct Heartbeat {
    interval: Duration,
    next_ping: Instant,
    /// The last ping, until a sign of life follows.
    unanswered: Option<Ping>,
    /// Bytes written before the first unanswered ping.
    asked_after: Option<u64>,
    /// Bytes that the peer has received, as proved by its pongs.
    taken: u64,
}

#[derive(Clone, Copy, Debug)]
struct Ping {
    at: Instant,
    /// The deadline for a sign of life.
    judged_at: Instant,
    /// Bytes received before the ping.
    read: u64,
}

impl Heartbeat {
    /// Default seconds between pings: below the time after which home routers and proxies drop idle
    /// connections.
    pub const DEFAULT: u64 = 25;
    /// Most seconds between pings, for phones that save power.
    pub const LONGEST: u64 = 300;

    /// Starts a heartbeat. The interval is limited to 25 to 300 seconds.
    pub fn every(seconds: u64) -> Self {
        let interval = Duration::from_secs(seconds.clamp(Self::DEFAULT, Self::LONGEST));
        let next_ping = Instant::now() + interval;
        Self { interval, next_ping, unanswered: None, asked_after: None, taken: 0 }
    }

    /// A frame has arrived.
    pub(super) fn heard_now(&mut self) {
        self.unanswered = None;
    }

    /// A pong has arrived: the peer has received everything written before the first unanswered
    /// ping.
    pub(super) fn answered(&mut self) {
        self.taken = self.asked_after.take().unwrap_or(self.taken);
    }

    /// The time at which [`beat`](Self::beat) is due.
    pub(super) fn deadline(&self) -> Instant {
        self.unanswered.map_or(self.next_ping, |ping| self.next_ping.min(ping.judged_at))
    }

    /// Whether a ping is due.
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

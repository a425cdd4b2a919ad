//! Metrics of one connection.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_core::drive::{SessionEnd, SessionEvent};
use chat_core::engine::Class;
use chat_core::protocol::Role;
use chat_core::time::Monotonic;

use super::Metrics;
use crate::clock::SystemClock;
use crate::websocket::WebSocketError;

/// Counts a connection as open until dropped.
#[derive(Debug)]
pub(crate) struct ConnectionMetrics {
    metrics: Arc<Metrics>,
    role: Role,
    /// Shard of the histograms that this connection writes to.
    writer: usize,
    /// Arrival times of unanswered requests. Bounded by the limit on concurrent requests.
    asked: VecDeque<Monotonic>,
    ended: Option<String>,
}

impl ConnectionMetrics {
    pub(super) fn new(metrics: Arc<Metrics>, role: Role) -> Self {
        static WRITERS: AtomicUsize = AtomicUsize::new(0);
        metrics.opened.add(role.as_str());
        metrics.open.add(role.as_str());
        let writer = WRITERS.fetch_add(1, Ordering::Relaxed);
        Self { metrics, role, writer, asked: VecDeque::new(), ended: None }
    }

    /// The clock of the drive.
    pub(crate) fn clock(&self) -> SystemClock {
        self.metrics.clock
    }

    /// Records frames handed over in either direction.
    pub(crate) fn carried(&mut self, carried: SessionEvent) {
        let now = self.metrics.clock.monotonic();
        match carried {
            SessionEvent::Request => self.asked.push_back(now),
            SessionEvent::Frames { count, class: Class::Reply, .. } => {
                for asked in self.asked.drain(..count.min(self.asked.len())) {
                    self.metrics.acknowledgement.observe_time(self.writer, now.since(asked));
                }
            }
            SessionEvent::Frames { count, since, .. } => {
                self.metrics.delivery.observe_alike(self.writer, now.since(since), count);
            }
        }
    }

    /// Records the end of the session. Returns the cause: a close code, `peer` or `broken`.
    pub(crate) fn ended(&mut self, ended: &SessionEnd<WebSocketError>) -> String {
        let cause = match ended {
            SessionEnd::ByServer(code) => code.code().to_string(),
            SessionEnd::ByPeer => "peer".to_owned(),
            SessionEnd::Failed(failure) => {
                failure.code().map_or("broken".to_owned(), |code| code.to_string())
            }
        };
        self.ended = Some(cause.clone());
        cause
    }
}

impl Drop for ConnectionMetrics {
    fn drop(&mut self) {
        self.metrics.open.take(self.role.as_str());
        // A connection dropped before its session began is broken.
        self.metrics.closed.add(self.ended.take().unwrap_or_else(|| "broken".to_owned()));
    }
}

//! One connection, counted.

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

/// A connection that counts as open until this is dropped.
#[derive(Debug)]
pub(crate) struct ConnectionMetrics {
    metrics: Arc<Metrics>,
    role: Role,
    /// Which part of the histograms it writes to.
    writer: usize,
    /// When each request was read that is not answered. Bounded as the requests under way are.
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

    /// Frames were carried.
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

    /// The session has ended.
    pub(crate) fn ended(&mut self, ended: &SessionEnd<WebSocketError>) {
        self.ended = Some(match ended {
            SessionEnd::ByServer(code) => code.code().to_string(),
            SessionEnd::ByPeer => "peer".to_owned(),
            SessionEnd::Failed(failure) => {
                failure.code().map_or("broken".to_owned(), |code| code.to_string())
            }
        });
    }
}

impl Drop for ConnectionMetrics {
    fn drop(&mut self) {
        self.metrics.open.take(self.role.as_str());
        // Who is gone before its session began has broken the connection.
        self.metrics.closed.add(self.ended.take().unwrap_or_else(|| "broken".to_owned()));
    }
}

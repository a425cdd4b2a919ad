//! What is counted and measured of the server, for Prometheus: see `admin/metrics.rs` for how it is told.
//!
//! What a message passes costs it a reading of the clock and two additions at most.

mod connections;
mod histogram;
mod process;
mod text;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_core::protocol::{CloseCode, Role};

pub(crate) use connections::ConnectionMetrics;
pub(crate) use histogram::{GROUP, Histogram, LATENCY};
pub(crate) use process::Process;
pub(crate) use text::{MetricKind, Text};

use crate::clock::SystemClock;
use crate::newcomers::Cause;

/// Counters by a label, whose values are few.
#[derive(Debug, Default)]
pub(crate) struct Labelled(Mutex<BTreeMap<String, u64>>);

impl Labelled {
    fn with(labels: impl IntoIterator<Item = &'static str>) -> Self {
        Self(Mutex::new(labels.into_iter().map(|label| (label.to_owned(), 0)).collect()))
    }

    pub(crate) fn add(&self, label: impl Into<String>) {
        *self.counts().entry(label.into()).or_default() += 1;
    }

    fn take(&self, label: &str) {
        if let Some(count) = self.counts().get_mut(label) {
            *count = count.saturating_sub(1);
        }
    }

    pub(crate) fn counts(&self) -> MutexGuard<'_, BTreeMap<String, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Counts of newcomers.
#[derive(Debug, Default)]
pub(crate) struct NewcomerMetrics {
    /// Newcomers now.
    pub(crate) now: AtomicU64,
    /// Newcomers that were closed to let others in, by cause.
    pub(crate) evicted: Labelled,
}

impl NewcomerMetrics {
    /// A newcomer gives way.
    pub(crate) fn gave_way(&self, cause: Cause) {
        self.evicted.add(match cause {
            Cause::Full => "full",
            Cause::Group => "address",
            Cause::Leaving => "leaving",
        });
    }
}

/// What is counted of the webhook.
#[derive(Debug, Default)]
pub(crate) struct WebhookMetrics {
    pub(crate) sent: AtomicU64,
    /// Attempts.
    pub(crate) failed: AtomicU64,
    pub(crate) skipped: AtomicU64,
    /// Events that were given up because the receiver refuses them.
    pub(crate) refused: AtomicU64,
    /// Records of the journal that each lane has not come to.
    pub(crate) behind: [AtomicU64; 2],
}

/// What is counted and measured of connections, and of the webhook.
#[derive(Debug)]
pub(crate) struct Metrics {
    clock: SystemClock,
    /// Open connections by role.
    pub(crate) open: Labelled,
    /// By role.
    pub(crate) opened: Labelled,
    /// By close code, or who ended it where there was none.
    pub(crate) closed: Labelled,
    /// Connections that were not let in, by close code.
    pub(crate) refused: Labelled,
    pub(crate) newcomers: NewcomerMetrics,
    /// From a request's frame to its reply, handed to the transport.
    pub(crate) acknowledgement: Histogram,
    pub(crate) webhook: WebhookMetrics,
    /// From a live event, whose change is durable, to it handed to the transport of one who hears it.
    pub(crate) delivery: Histogram,
}

impl Metrics {
    /// By the clock that the drive goes by.
    pub(crate) fn new(clock: SystemClock) -> Arc<Self> {
        let roles = || Role::ALL.into_iter().map(Role::as_str);
        Arc::new(Self {
            clock,
            open: Labelled::with(roles()),
            opened: Labelled::with(roles()),
            closed: Labelled::default(),
            refused: Labelled::default(),
            newcomers: NewcomerMetrics::default(),
            acknowledgement: Histogram::new(&LATENCY),
            webhook: WebhookMetrics::default(),
            delivery: Histogram::new(&LATENCY),
        })
    }

    /// A connection is let in: it counts until what this gives is dropped.
    pub(crate) fn opened(self: &Arc<Self>, role: Role) -> ConnectionMetrics {
        ConnectionMetrics::new(self.clone(), role)
    }

    /// A connection is not let in.
    pub(crate) fn refused(&self, code: CloseCode) {
        self.refused.add(code.code().to_string());
    }
}

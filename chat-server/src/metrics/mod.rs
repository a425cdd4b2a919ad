//! Metrics for Prometheus. `admin/metrics.rs` exports them.
//!
//! A message costs at most one reading of the clock and two additions.

mod connections;
mod histogram;
mod process;
mod text;

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_core::protocol::{CloseCode, Role};
use chat_core::time::Timestamp;

pub(crate) use connections::ConnectionMetrics;
pub(crate) use histogram::{GROUP, Histogram, LATENCY};
pub(crate) use process::Process;
pub(crate) use text::{MetricKind, Text};

use crate::clock::SystemClock;
use crate::newcomers::Cause;

/// Counters by a label with few values.
#[derive(Debug, Default)]
pub(crate) struct Labelled(Mutex<BTreeMap<String, u64>>);

impl Labelled {
    /// Counters at zero: the first failure after a start must be an increase.
    fn with(labels: impl IntoIterator<Item = String>) -> Self {
        Self(Mutex::new(labels.into_iter().map(|label| (label, 0)).collect()))
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

/// Metrics of newcomers.
#[derive(Debug, Default)]
pub(crate) struct NewcomerMetrics {
    /// Current newcomers.
    pub(crate) now: AtomicU64,
    /// Newcomers closed in favour of others, by cause.
    pub(crate) evicted: Labelled,
}

impl NewcomerMetrics {
    /// Counts an evicted newcomer.
    pub(crate) fn gave_way(&self, cause: Cause) {
        self.evicted.add(match cause {
            Cause::Full => "full",
            Cause::Group => "address",
            Cause::Leaving => "leaving",
        });
    }
}

/// Metrics of the webhook.
#[derive(Debug, Default)]
pub(crate) struct WebhookMetrics {
    pub(crate) sent: AtomicU64,
    /// Failed attempts.
    pub(crate) failed: AtomicU64,
    pub(crate) skipped: AtomicU64,
    /// Notifications given up because the receiver rejects them.
    pub(crate) refused: AtomicU64,
    /// Journal records not yet processed, per lane.
    pub(crate) behind: [AtomicU64; 2],
}

/// A point in time that may be unknown.
#[derive(Debug, Default)]
pub(crate) struct Moment(Mutex<Option<Timestamp>>);

impl Moment {
    pub(crate) fn set(&self, at: Option<Timestamp>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = at;
    }

    pub(crate) fn get(&self) -> Option<Timestamp> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of the certificate, and the age of the keys.
#[derive(Debug, Default)]
pub(crate) struct ValidityMetrics {
    pub(crate) certificate_expires_at: Moment,
    pub(crate) keys_read_at: Moment,
}

/// Metrics of connections and of the webhook.
#[derive(Debug)]
pub(crate) struct Metrics {
    clock: SystemClock,
    /// Open connections, by role.
    pub(crate) open: Labelled,
    /// Connections opened, by role.
    pub(crate) opened: Labelled,
    /// Connections closed, by close code, or `peer` or `broken` without one.
    pub(crate) closed: Labelled,
    /// Connections refused, by close code.
    pub(crate) refused: Labelled,
    pub(crate) newcomers: NewcomerMetrics,
    /// Time from a request's frame to its reply, both at the transport.
    pub(crate) acknowledgement: Histogram,
    pub(crate) webhook: WebhookMetrics,
    pub(crate) validity: ValidityMetrics,
    /// Steps of the clock, by direction.
    pub(crate) clock_steps: Labelled,
    /// Time from a durable change to its event, handed to a recipient's transport.
    pub(crate) delivery: Histogram,
}

impl Metrics {
    /// Metrics timed by the drive's clock.
    pub(crate) fn new(clock: SystemClock) -> Arc<Self> {
        let roles = || Role::ALL.into_iter().map(|role| role.as_str().to_owned());
        let close_codes = || CloseCode::ALL.into_iter().map(|code| code.code().to_string());
        Arc::new(Self {
            clock,
            open: Labelled::with(roles()),
            opened: Labelled::with(roles()),
            closed: Labelled::with(close_codes().chain(["peer", "broken"].map(str::to_owned))),
            refused: Labelled::with(close_codes()),
            newcomers: NewcomerMetrics {
                evicted: Labelled::with(["full", "address", "leaving"].map(str::to_owned)),
                ..NewcomerMetrics::default()
            },
            acknowledgement: Histogram::new(&LATENCY),
            webhook: WebhookMetrics::default(),
            validity: ValidityMetrics::default(),
            clock_steps: Labelled::with(["forward", "back"].map(str::to_owned)),
            delivery: Histogram::new(&LATENCY),
        })
    }

    /// Counts an opened connection until the result is dropped.
    pub(crate) fn opened(self: &Arc<Self>, role: Role) -> ConnectionMetrics {
        ConnectionMetrics::new(self.clone(), role)
    }

    /// Counts a refused connection.
    pub(crate) fn refused(&self, code: CloseCode) {
        self.refused.add(code.code().to_string());
    }
}

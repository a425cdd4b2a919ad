//! Sending one notification: its recipients and its outcome.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chat_core::drive::Handle;
use chat_core::id::UserId;
use chat_core::store::{Facts, Position, Query};
use tokio::time::Instant;
use tracing::{info, warn};

use super::Webhook;
use super::notification::Notification;
use super::source::WebhookSource;
use super::streams::{CallFailure, Pending};
use crate::clock;
use crate::http_client::RequestError;
use crate::metrics::Metrics;

/// Least time between log lines about failed requests.
const LOG_EVERY: Duration = Duration::from_mins(1);

/// The outcome of an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CallOutcome {
    /// The receiver accepted the notification, nobody misses the message any more, or the message
    /// is too old.
    Done,
    /// The attempt failed; the notification is still pending.
    Failed(CallFailure),
}

/// State of the log lines about failures. One notification may fail repeatedly while others
/// succeed, and must not flood the log.
#[derive(Default)]
struct Failing {
    /// Whether a failure has been logged since the last success.
    is_logged: bool,
    logged_at: Option<Instant>,
}

/// Everything needed to send. Shared by both lanes, because they have one receiver.
pub(super) struct Caller {
    webhook: Arc<Webhook>,
    pub(super) source: WebhookSource,
    handle: Handle,
    pub(super) metrics: Arc<Metrics>,
    failing: Mutex<Failing>,
    /// Whether skipping has been logged since the last success.
    is_skipping: AtomicBool,
}

impl Caller {
    pub(super) fn new(
        webhook: Arc<Webhook>,
        source: WebhookSource,
        handle: Handle,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            webhook,
            source,
            handle,
            metrics,
            failing: Mutex::default(),
            is_skipping: AtomicBool::new(false),
        }
    }

    /// Sends a notification to the offline users.
    pub(super) async fn send(&self, pending: &Pending) -> CallOutcome {
        let Pending { notification, mark } = pending;
        if clock::wall().since(notification.at) > self.webhook.give_up_after {
            self.skip(notification);
            return CallOutcome::Done;
        }
        match self.users(notification, mark.from).await {
            None => CallOutcome::Failed(CallFailure::Unable),
            Some(users) if users.is_empty() && !notification.is_urgent() => CallOutcome::Done,
            Some(users) => match self.post(notification, &users).await {
                Ok(()) => {
                    self.accepted();
                    CallOutcome::Done
                }
                Err(error) => {
                    self.rejected(&error);
                    CallOutcome::Failed(failure(&error))
                }
            },
        }
    }

    /// Offline participants other than the sender; `None` if the store or the engine can't tell
    /// now.
    async fn users(&self, notification: &Notification, position: Position) -> Option<Vec<UserId>> {
        let loaded = self.source.load(Query::Conversation(notification.conversation.clone())).await.ok()?;
        let Facts::Conversation(Some(conversation)) = loaded.facts else { return Some(Vec::new()) };
        let users = self.handle.absent(conversation, notification.sender.clone()).await.ok()?;
        if users.is_empty() {
            return Some(users);
        }
        self.source.absent_everywhere(position, users).await.ok()
    }

    async fn post(&self, notification: &Notification, users: &[UserId]) -> Result<(), RequestError> {
        let body = notification.body(users);
        let id = notification.message.as_str();
        let timestamp = clock::wall().as_millis().unsigned_abs() / 1_000;
        let signature = self.webhook.key.sign(id, timestamp, &body);
        let timestamp = timestamp.to_string();
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", &timestamp),
            ("webhook-signature", &signature),
        ];
        self.webhook.target.post(&headers, body.into()).await
    }

    fn accepted(&self) {
        self.metrics.webhook.sent.fetch_add(1, Ordering::Relaxed);
        self.is_skipping.store(false, Ordering::Relaxed);
        if mem::take(&mut self.failing().is_logged) {
            info!("the webhook is accepted again");
        }
    }

    fn rejected(&self, error: &RequestError) {
        self.metrics.webhook.failed.fetch_add(1, Ordering::Relaxed);
        let mut failing = self.failing();
        if !failing.is_logged && failing.logged_at.is_none_or(|at| at.elapsed() >= LOG_EVERY) {
            *failing = Failing { is_logged: true, logged_at: Some(Instant::now()) };
            warn!(%error, "the webhook is not accepted: trying again");
        }
    }

    fn failing(&self) -> MutexGuard<'_, Failing> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn skip(&self, notification: &Notification) {
        self.metrics.webhook.skipped.fetch_add(1, Ordering::Relaxed);
        if !self.is_skipping.swap(true, Ordering::Relaxed) {
            warn!(
                message = notification.message.as_str(),
                "the webhook skips notifications that are too old, from here on"
            );
        }
    }

    /// Gives up a notification that the receiver rejects while accepting others.
    pub(super) fn give_up(&self, notification: &Notification) {
        self.metrics.webhook.refused.fetch_add(1, Ordering::Relaxed);
        warn!(
            message = notification.message.as_str(),
            conversation = notification.conversation.as_str(),
            "the webhook's receiver rejects this notification and accepts others: giving it up"
        );
    }
}

/// Classifies a failed request. A receiver that asks for time (408, 425, 429) will accept the
/// notification later.
fn failure(error: &RequestError) -> CallFailure {
    match error {
        RequestError::Status(status)
            if status.is_client_error() && !matches!(status.as_u16(), 408 | 425 | 429) =>
        {
            CallFailure::Refused
        }
        _ => CallFailure::Unable,
    }
}

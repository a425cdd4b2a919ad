//! The task of one lane: reads the journal and sends notifications.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use chat_core::id::ConversationId;
use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tracing::{error, warn};

use super::caller::{CallOutcome, Caller};
use super::checkpoint::Mark;
use super::keeper::Keeper;
use super::reading::{self, KnownConversations, LaneKind, Read, ReadError};
use super::streams::{Pending, Streams, Verdict};
use crate::store::OpenError;

/// Pause when the journal has nothing new.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// The first pause after a failure to read the journal.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause after a failure to read the journal.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Attempts to read a damaged part of the journal before the part is skipped. Other failures are
/// retried for ever.
const READINGS: u32 = 5;

impl LaneKind {
    /// Concurrent requests. Emergencies have their own, to be independent of all others.
    fn calls(self) -> usize {
        match self {
            Self::Emergencies => 4,
            Self::Others => 8,
        }
    }

    /// The longest pause before a retry.
    pub(super) fn longest_pause(self) -> Duration {
        match self {
            Self::Emergencies => Duration::from_secs(5),
            Self::Others => Duration::from_mins(1),
        }
    }
}

/// The futures of requests and of a reading.
type Calls = FuturesUnordered<BoxFuture<'static, (Pending, CallOutcome)>>;
type Reading = BoxFuture<'static, (KnownConversations, Result<Read, ReadError>)>;

/// The notifications of one kind of conversation.
pub(super) struct Lane {
    kind: LaneKind,
    caller: Arc<Caller>,
    keeper: Keeper,
    pub(super) streams: Streams,
    calls: Calls,
    /// The reading in progress; at most one.
    reading: Option<Reading>,
    /// The stream that `reading` is for; `None` for the next group.
    reads_for: Option<ConversationId>,
    known: KnownConversations,
    /// The journal is not read before this time.
    read_at: Instant,
    /// Consecutive readings that found damage.
    damaged: u32,
    pause: Duration,
}

impl Lane {
    /// Resumes at the checkpoint.
    pub(super) fn new(kind: LaneKind, caller: Arc<Caller>, keeper: Keeper) -> Self {
        let streams = Streams::new(keeper.lane(kind), kind.longest_pause());
        Self {
            kind,
            caller,
            keeper,
            streams,
            calls: Calls::new(),
            reading: None,
            reads_for: None,
            known: KnownConversations::new(),
            read_at: Instant::now(),
            damaged: 0,
            pause: FIRST_PAUSE,
        }
    }

    /// Runs until stopped, then waits for the requests in progress and saves the progress.
    pub(super) async fn work(&mut self, mut stop: watch::Receiver<()>) {
        loop {
            self.call();
            self.read();
            self.measure();
            self.keeper.save(self.kind, &self.streams).await;
            let wake_at = self.wake_at();
            tokio::select! {
                _ = stop.changed() => break,
                Some((pending, ended)) = self.calls.next() => self.ended(&pending, ended),
                (known, read) = ended_reading(&mut self.reading) => self.was_read(known, read),
                () = sleep_until(wake_at) => {}
            }
        }
        // Requests that the receiver accepts must not be repeated after the restart.
        while let Some((pending, ended)) = self.calls.next().await {
            self.ended(&pending, ended);
        }
        self.keeper.save_now(self.kind, &self.streams).await;
    }

    /// Starts requests up to the limit.
    fn call(&mut self) {
        self.streams.taken = self.caller.metrics.webhook.sent.load(Ordering::Relaxed);
        while self.calls.len() < self.kind.calls() {
            let Some(pending) = self.streams.call(Instant::now()) else { return };
            let caller = self.caller.clone();
            let call = async move {
                let ended = caller.send(&pending).await;
                (pending, ended)
            };
            self.calls.push(call.boxed());
        }
    }

    fn ended(&mut self, pending: &Pending, ended: CallOutcome) {
        let conversation = &pending.notification.conversation;
        self.streams.taken = self.caller.metrics.webhook.sent.load(Ordering::Relaxed);
        match ended {
            CallOutcome::Done => self.streams.done(conversation),
            CallOutcome::Failed(failure) => {
                // Without randomness, servers would only retry at the same moment.
                let jitter = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
                let verdict = self.streams.failed(conversation, failure, Instant::now(), jitter);
                if verdict == Verdict::GivenUp {
                    self.caller.give_up(&pending.notification);
                }
            }
        }
    }

    /// Starts a reading if there is room: first for a stream with an empty queue, otherwise of the
    /// next group.
    fn read(&mut self) {
        if self.reading.is_some() || self.read_at > Instant::now() {
            return;
        }
        let (source, next, kind) = (self.caller.source.clone(), self.streams.next, self.kind);
        let mut known = mem::take(&mut self.known);
        if let Some((conversation, mark)) = self.streams.wants_more() {
            self.reads_for = Some(conversation.clone());
            let read = async move {
                let read = reading::more(&source, kind, (conversation, mark), next.from, &mut known).await;
                (known, read)
            };
            self.reading = Some(read.boxed());
        } else if self.streams.has_room() {
            self.reads_for = None;
            let read = async move {
                let read = reading::group(&source, kind, next, &mut known).await;
                (known, read)
            };
            self.reading = Some(read.boxed());
        } else {
            self.known = known;
        }
    }

    fn was_read(&mut self, known: KnownConversations, read: Result<Read, ReadError>) {
        self.known = known;
        self.reading = None;
        match read {
            Ok(read) => {
                (self.damaged, self.pause) = (0, FIRST_PAUSE);
                self.take(read);
            }
            Err(error) => self.not_read(&error),
        }
    }

    fn take(&mut self, read: Read) {
        match read {
            Read::Group(None) => self.read_at = Instant::now() + LOOK_EVERY,
            Read::Group(Some((found, behind))) => {
                for pending in found {
                    let mark = pending.mark;
                    if !self.streams.offer(pending) {
                        self.streams.next = mark;
                        return;
                    }
                }
                self.streams.next = behind;
            }
            Read::More(conversation, found, rest) => self.streams.refill(&conversation, found, rest),
        }
    }

    fn not_read(&mut self, error: &ReadError) {
        self.damaged += u32::from(matches!(error, ReadError::Journal(OpenError::Damaged(_))));
        if self.damaged <= READINGS {
            warn!(%error, "the webhook can't read the journal");
            self.read_at = Instant::now() + self.pause;
            self.pause = (self.pause * 2).min(LONGEST_PAUSE);
            return;
        }
        error!(%error, "the webhook skips the damaged part, up to the journal's end");
        (self.damaged, self.pause) = (0, FIRST_PAUSE);
        match &self.reads_for {
            Some(conversation) => self.streams.refill(conversation, Vec::new(), None),
            None => self.streams.next = Mark::at(self.caller.source.place()),
        }
    }

    /// The time of the next action, unless something happens before.
    fn wake_at(&self) -> Instant {
        let now = Instant::now();
        let can_read =
            self.reading.is_none() && (self.streams.has_room() || self.streams.wants_more().is_some());
        let read_at = can_read.then_some(self.read_at);
        let can_call = self.calls.len() < self.kind.calls();
        let call_at = self.streams.wake_at().filter(|_| can_call);
        read_at.into_iter().chain(call_at).min().unwrap_or(now + LONGEST_PAUSE)
    }

    /// Updates the metric of the lane's lag.
    fn measure(&self) {
        let end = Mark::at(self.caller.source.place()).from;
        let behind = end.0.saturating_sub(self.streams.first().0);
        self.caller.metrics.webhook.behind[self.kind as usize].store(behind, Ordering::Relaxed);
    }
}

/// Waits for the reading in progress, or for ever without one.
async fn ended_reading(reading: &mut Option<Reading>) -> (KnownConversations, Result<Read, ReadError>) {
    match reading {
        Some(reading) => reading.await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use chat_core::drive::{Drive, NoRefresh};
    use chat_core::engine::{Engine, Settings};
    use chat_core::protocol::{Role, User};
    use chat_core::store::{Account, Change, PutAccount, Store as _};
    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;
    use crate::clock::SystemClock;
    use crate::metrics::Metrics;
    use crate::store::{LocalStore, Options};
    use crate::webhook::source::WebhookSource;
    use crate::webhook::{Webhook, WebhookConfig};

    fn webhook(dir: &TempDir) -> Webhook {
        let secret = dir.path().join("secret");
        fs::write(&secret, format!("whsec_{}", "abcd".repeat(10))).unwrap();
        let config = WebhookConfig {
            webhook_url: Some("http://127.0.0.1:9/".to_owned()),
            webhook_secret_file: Some(secret),
            webhook_ca_file: None,
            webhook_give_up_after: Duration::from_hours(1),
        };
        config.webhook().unwrap().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn what_cant_be_read_for_a_while_is_not_left_out() {
        let dir = TempDir::new().unwrap();
        let store = LocalStore::open(dir.path(), Options::default()).unwrap();
        let clock = SystemClock::start();
        let engine = Engine::new(Settings::default(), [7; 32]);
        let (handle, _service) = Drive::new(engine, store.clone(), NoRefresh, clock).start();
        let source = WebhookSource::Local(store.clone());
        let keeper = Keeper::new(&source).await.unwrap();
        let webhook = Arc::new(webhook(&dir));
        let caller = Arc::new(Caller::new(webhook, source, handle, Metrics::new(clock)));
        let mut lane = Lane::new(LaneKind::Others, caller, keeper);
        let (_running, stop) = watch::channel(());
        let before = lane.streams.next;
        let account = Account::new(User::new("user_john", Role::BusDriver));
        store.commit(vec![Change::PutAccount(PutAccount { account, replaces: None })]).await.unwrap();
        let (journal, away) = (dir.path().join("journal"), dir.path().join("away"));
        fs::rename(&journal, &away).unwrap();
        timeout(Duration::from_hours(1), lane.work(stop.clone())).await.unwrap_err();
        assert_eq!(lane.streams.next, before, "it waits");
        fs::rename(&away, &journal).unwrap();
        timeout(Duration::from_hours(1), lane.work(stop)).await.unwrap_err();
        assert_eq!(lane.streams.next, Mark::at(store.place()));
    }
}

//! The task that reads the journal and tells what is missed, in its order, one after another.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_core::drive::Handle;
use chat_core::id::UserId;
use chat_core::store::{Facts, Query, Store as _};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use super::Webhook;
use super::event::Missed;
use super::kept::Kept;
use crate::clock;
use crate::http_client::RequestError;
use crate::metrics::Metrics;
use crate::store::journal::Record;
use crate::store::{LocalStore, OpenError, Place};

/// How long to wait when there is nothing new in the journal.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often it is kept how far this has come: what may be told twice after a crash.
const KEEP_EVERY: Duration = Duration::from_secs(1);

/// The longest first pause after a failure; each is up to twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Times that the journal is found damaged after which what can't be read is left out. What can't be read for any other
/// reason is there still.
const READINGS: u32 = 5;

/// Pauses that grow, with jitter.
struct Pauses(Duration);

impl Pauses {
    fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    async fn wait(&mut self) {
        // Without randomness all servers would come at once, and nothing worse.
        let random = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
        sleep(self.0.mul_f64(random)).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}

/// All that it works with.
pub(super) struct Teller {
    webhook: Webhook,
    store: LocalStore,
    handle: Handle,
    metrics: Arc<Metrics>,
    /// The data directory, for who writes to it: one after another.
    dir: Arc<Mutex<PathBuf>>,
    now: Kept,
    kept: Option<Kept>,
    kept_at: Instant,
    /// Held while a request is under way. Whoever waits for it comes before the next one.
    request: Arc<tokio::sync::Mutex<()>>,
    /// The other side does not take what it is told, and the log says so.
    failing: bool,
    /// What it is to tell is too old, and the log says so.
    skipping: bool,
}

impl Teller {
    /// Goes on where the last one stopped, or begins at the journal's end.
    pub(super) fn new(webhook: Webhook, store: LocalStore, handle: Handle, metrics: Arc<Metrics>) -> Self {
        let (dir, end) = (store.dir().to_owned(), store.place());
        let now = match Kept::read(&dir) {
            Ok(Some(kept)) if kept.done <= end.position() => kept,
            Ok(None) => Kept::at(end),
            Ok(Some(_)) => {
                warn!(
                    "the webhook had come further than the journal, which was restored: it begins at its end"
                );
                Kept::at(end)
            }
            Err(error) => {
                error!(%error, "can't read how far the webhook has come: it begins at the journal's end");
                Kept::at(end)
            }
        };
        let dir = Arc::new(Mutex::new(dir));
        let (kept, kept_at) = (None, Instant::now());
        Self {
            webhook,
            store,
            handle,
            metrics,
            dir,
            now,
            kept,
            kept_at,
            request: Arc::default(),
            failing: false,
            skipping: false,
        }
    }

    /// What is held while a request is under way.
    pub(super) fn request(&self) -> Arc<tokio::sync::Mutex<()>> {
        self.request.clone()
    }

    /// Works for ever. Wherever it is dropped, [`keep_now`](Self::keep_now) can follow.
    pub(super) async fn work(&mut self) {
        let mut failures = 0;
        let mut pauses = Pauses::new();
        loop {
            self.keep().await;
            match self.read().await {
                Ok(Some((place, records))) => {
                    for record in records {
                        self.tell(&record).await;
                        self.now.done = record.position;
                    }
                    self.now = Kept::at(place);
                    (failures, pauses) = (0, Pauses::new());
                }
                Ok(None) => sleep(LOOK_EVERY).await,
                Err(error) if failures < READINGS => {
                    failures += u32::from(matches!(error, OpenError::Damaged(_)));
                    warn!(%error, "the webhook can't read the journal");
                    pauses.wait().await;
                }
                Err(error) => {
                    error!(%error, "the webhook leaves out what it can't read, up to the journal's end");
                    self.now = Kept::at(self.store.place());
                }
            }
            self.measure();
        }
    }

    /// Tells how far this is behind.
    fn measure(&self) {
        let behind = self.store.place().position().0.saturating_sub(self.now.done.0);
        self.metrics.webhook.behind.store(behind, Ordering::Relaxed);
    }

    async fn read(&self) -> Result<Option<(Place, Vec<Record>)>, OpenError> {
        let (store, place) = (self.store.clone(), self.now.place);
        spawn_blocking(move || store.read_after(place)).await.expect("it does not panic, and is not aborted")
    }

    /// Tells whom a record concerns, until it is taken, nobody misses it any more, or it is too old.
    async fn tell(&mut self, record: &Record) {
        if record.position <= self.now.done {
            return;
        }
        let Some(missed) = Missed::of(&record.event) else { return };
        let mut pauses = Pauses::new();
        loop {
            self.measure();
            if clock::wall().since(missed.at) > self.webhook.give_up_after {
                self.metrics.webhook.skipped.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut self.skipping, true) {
                    warn!(
                        message = missed.message.as_str(),
                        "the webhook skips what is too old, from here on"
                    );
                }
                return;
            }
            match self.users(&missed).await {
                Some(users) if users.is_empty() => return,
                Some(users) => match self.post(&missed, &users).await {
                    Ok(()) => return self.taken(),
                    Err(error) => self.not_taken(&error),
                },
                None => {}
            }
            self.keep().await;
            pauses.wait().await;
        }
    }

    /// Who takes part, has not sent it, and is not connected; `None` if that can't be known now.
    async fn users(&self, missed: &Missed) -> Option<Vec<UserId>> {
        let loaded = self.store.load(Query::Conversation(missed.conversation.clone())).await.ok()?;
        let Facts::Conversation(Some(conversation)) = loaded.facts else { return Some(Vec::new()) };
        let participants = conversation.participants.iter();
        let others = participants.filter(|user| **user != missed.sender).cloned().collect();
        self.handle.not_connected(others).await.ok()
    }

    async fn post(&self, missed: &Missed, users: &[UserId]) -> Result<(), RequestError> {
        let body = missed.body(users);
        let id = missed.message.as_str();
        let timestamp = clock::wall().as_millis().unsigned_abs() / 1_000;
        let signature = self.webhook.key.sign(id, timestamp, &body);
        let timestamp = timestamp.to_string();
        let headers = [
            ("content-type", "application/json"),
            ("webhook-id", id),
            ("webhook-timestamp", &timestamp),
            ("webhook-signature", &signature),
        ];
        let _under_way = self.request.lock().await;
        self.webhook.target.post(&headers, body.into()).await
    }

    fn taken(&mut self) {
        self.metrics.webhook.sent.fetch_add(1, Ordering::Relaxed);
        self.skipping = false;
        if std::mem::take(&mut self.failing) {
            info!("the webhook is taken again");
        }
    }

    fn not_taken(&mut self, error: &RequestError) {
        self.metrics.webhook.failed.fetch_add(1, Ordering::Relaxed);
        if !std::mem::replace(&mut self.failing, true) {
            warn!(%error, "the webhook is not taken: it is tried again");
        }
    }

    /// Keeps how far this has come, if it is long ago that it was.
    async fn keep(&mut self) {
        let is_due = self.kept.is_none() || self.kept_at.elapsed() >= KEEP_EVERY;
        if is_due && self.kept != Some(self.now) {
            self.keep_now().await;
        }
    }

    /// Keeps how far this has come.
    pub(super) async fn keep_now(&mut self) {
        self.kept_at = Instant::now();
        let (now, dir) = (self.now, self.dir.clone());
        let written = spawn_blocking(move || now.write(&dir.lock().unwrap_or_else(PoisonError::into_inner)));
        match written.await.expect("it does not panic, and is not aborted") {
            Ok(()) => self.kept = Some(now),
            Err(error) => {
                warn!(%error, "can't keep how far the webhook has come: after a crash it repeats itself");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use chat_core::drive::{Drive, NoRefresh};
    use chat_core::engine::{Engine, Settings};
    use chat_core::protocol::{Role, User};
    use chat_core::store::{Account, Change};
    use tempfile::TempDir;
    use tokio::time::timeout;

    use super::*;
    use crate::clock::SystemClock;
    use crate::store::Options;
    use crate::webhook::WebhookConfig;

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
        let mut teller = Teller::new(webhook(&dir), store.clone(), handle, Metrics::new(clock));
        let before = teller.now;
        let account = Account::successor(None, User::new("user_john", Role::BusDriver), true);
        store.commit(vec![Change::PutAccount(account)]).await.unwrap();
        let (journal, away) = (dir.path().join("journal"), dir.path().join("away"));
        fs::rename(&journal, &away).unwrap();
        timeout(Duration::from_hours(1), teller.work()).await.unwrap_err();
        assert_eq!(teller.now, before, "it waits");
        fs::rename(&away, &journal).unwrap();
        timeout(Duration::from_hours(1), teller.work()).await.unwrap_err();
        assert_eq!(teller.now, Kept::at(store.place()));
    }
}

//! Periodic maintenance of the store.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use chat_core::drive::Handle;
use chat_core::engine::Headroom;
use chat_core::time::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};
use tracing::{error, info, warn};

use crate::clock;
#[cfg(feature = "postgres")]
use crate::drain::in_batches;
use crate::metrics::Metrics;
use crate::open_store::log_head;
#[cfg(feature = "postgres")]
use crate::open_store::log_shared_head;
use crate::retain::{RetentionSetting, retain};
use crate::server_store::ServerStore;
#[cfg(feature = "postgres")]
use crate::shared::SharedStore;
use crate::store::LocalStore;

/// Interval between log lines with the head of the journal's chain.
const HEAD_EVERY: Duration = Duration::from_hours(1);

/// Interval between checks of free disk space. Clients can write about 100 MB meanwhile, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Time without the database after which clients are turned away.
#[cfg(feature = "postgres")]
const DATABASE_AWAY_AT_MOST: Duration = Duration::from_secs(30);

/// Time over which they are turned away, so that they do not all come to another server at once.
#[cfg(feature = "postgres")]
const TURN_AWAY_OVER: Duration = Duration::from_secs(10);

/// Interval between looks at joins with numbers beyond the store's.
const LOOK_AT_JOINS_EVERY: Duration = Duration::from_mins(1);

/// Interval between looks at the clock.
const LOOK_AT_CLOCK_EVERY: Duration = Duration::from_secs(10);

/// Smallest step of the clock that is told. Time servers correct less by slewing.
const SMALLEST_STEP: Duration = Duration::from_secs(1);

/// Maintains a store for ever.
pub(crate) async fn upkeep(
    store: &ServerStore,
    handle: &Handle,
    metrics: &Metrics,
    retention: Option<RetentionSetting>,
    reserve: Option<u64>,
) -> Infallible {
    #[cfg(feature = "postgres")]
    if let ServerStore::Shared(store) = store {
        return tokio::select! {
            never = log_heads_of(store) => never,
            never = watch_clock(metrics) => never,
            never = watch_joins(handle) => never,
            never = watch_database(|| store.is_reachable(), |parts| handle.turn_away(parts)) => never,
        };
    }
    let Some(store) = store.local() else { return pending().await };
    tokio::select! {
        never = watch_disk(store, handle, reserve) => never,
        never = probe_disk(store) => never,
        never = log_heads(store) => never,
        never = retain(store, retention) => never,
        never = watch_clock(metrics) => never,
        never = watch_joins(handle) => never,
    }
}

/// Warns when clients hold more than the store: the sign of a snapshot that was rolled back.
async fn watch_joins(handle: &Handle) -> Infallible {
    let mut seen = 0;
    loop {
        sleep(LOOK_AT_JOINS_EVERY).await;
        let Ok(stats) = handle.stats().await else { return pending().await };
        let joins = stats.engine.joins_beyond;
        if std::mem::replace(&mut seen, joins) < joins {
            warn!(
                joins,
                "clients hold newer messages than the store: if an older state was put back, stop the server, \
                 and run chat-server repair --new-epoch --yes"
            );
        }
    }
}

/// Turns all clients away while the database is out of reach for long. Nothing is told without it,
/// and nobody may take a silent screen for a quiet one.
#[cfg(feature = "postgres")]
async fn watch_database<F: Future<Output = ()>>(
    is_reachable: impl Fn() -> bool,
    turn_away: impl Fn(usize) -> F,
) -> Infallible {
    let mut reached = Instant::now();
    loop {
        sleep(LOOK_EVERY).await;
        if is_reachable() {
            reached = Instant::now();
        } else if reached.elapsed() >= DATABASE_AWAY_AT_MOST {
            warn!("the database can't be reached: all clients are told to go elsewhere");
            let (is_reachable, turn_away) = (&is_reachable, &turn_away);
            in_batches(TURN_AWAY_OVER, |left| async move {
                if !is_reachable() {
                    turn_away(left).await;
                }
            })
            .await;
            reached = Instant::now();
        }
    }
}

#[cfg(feature = "postgres")]
async fn log_heads_of(store: &SharedStore) -> Infallible {
    loop {
        log_shared_head(store).await;
        sleep(HEAD_EVERY).await;
    }
}

async fn log_heads(store: &LocalStore) -> Infallible {
    loop {
        sleep(HEAD_EVERY).await;
        log_head(store);
    }
}

/// Reports the state of the disk to the engine, and logs changes.
async fn watch_disk(store: &LocalStore, handle: &Handle, reserve: Option<u64>) -> Infallible {
    let mut is_seen = true;
    loop {
        let looking = store.clone();
        let looked = spawn_blocking(move || looking.look_at_disk(reserve)).await;
        match looked.expect("looking does not panic, and is not aborted") {
            Ok((before, now)) => {
                is_seen = true;
                if before != now {
                    log_headroom(now, store.meter().space.free());
                    handle.set_headroom(now).await;
                    store.meter().space.set(now);
                }
            }
            Err(error) => {
                if std::mem::replace(&mut is_seen, false) {
                    warn!(%error, "can't see how much room the disk of the data directory has");
                }
            }
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Probes an idle disk, for ever. The health check tells of a probe that hangs.
async fn probe_disk(store: &LocalStore) -> Infallible {
    loop {
        let probing = store.clone();
        let probed = spawn_blocking(move || probing.probe_disk()).await;
        probed.expect("probing does not panic, and is not aborted");
        sleep(LOOK_EVERY).await;
    }
}

fn log_headroom(headroom: Headroom, free_bytes: u64) {
    match headroom {
        Headroom::Ample => info!(free_bytes, "the disk has room again: everybody may write"),
        Headroom::Reserved => warn!(
            free_bytes,
            "the disk is almost full: only control, administration and emergencies may write"
        ),
        Headroom::Exhausted => {
            error!(free_bytes, "the disk is full: only retention and administration may write; make room");
        }
    }
}

/// Logs and counts when the clock was set.
async fn watch_clock(metrics: &Metrics) -> Infallible {
    let (start, mut offset) = (Instant::now(), None);
    loop {
        look_at_clock(clock::wall(), start.elapsed(), &mut offset, metrics);
        sleep(LOOK_AT_CLOCK_EVERY).await;
    }
}

/// Compares the clock with the time that has passed since the start. `offset` is their difference
/// at the last look, and stays the same as long as nobody sets the clock.
fn look_at_clock(wall: Timestamp, passed: Duration, offset: &mut Option<i64>, metrics: &Metrics) {
    let now = wall.minus(passed).as_millis();
    let step = now - offset.replace(now).unwrap_or(now);
    if step.abs() >= SMALLEST_STEP.as_millis().try_into().unwrap_or(i64::MAX) {
        warn!(milliseconds = step, "the clock of the machine was set");
        metrics.clock_steps.add(if step > 0 { "forward" } else { "back" });
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::io::{self, Write};
    use std::pin::pin;
    use std::sync::{Arc, Mutex};

    use tempfile::TempDir;
    use tokio::time::timeout;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::clock::SystemClock;
    use crate::store::Options;
    use crate::store::journal::ChainHead;

    /// Captured log output.
    #[derive(Clone, Default)]
    struct LogCapture(Arc<Mutex<Vec<u8>>>);

    impl Write for LogCapture {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl LogCapture {
        /// Captures the log of this thread until the guard is dropped.
        fn begin(&self) -> tracing::subscriber::DefaultGuard {
            let writer = self.clone();
            let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
            tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
        }

        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    #[cfg(feature = "postgres")]
    #[tokio::test(start_paused = true)]
    async fn without_the_database_clients_are_turned_away_after_half_a_minute() {
        let (is_reachable, turned_away) = (&Cell::new(true), &RefCell::new(Vec::new()));
        let watch = watch_database(
            || is_reachable.get(),
            |parts| async move { turned_away.borrow_mut().push(parts) },
        );
        let mut watch = pin!(watch);
        let mut seen_in = async |seconds| {
            drop(timeout(Duration::from_secs(seconds), watch.as_mut()).await);
            turned_away.take()
        };
        assert!(seen_in(600).await.is_empty());
        is_reachable.set(false);
        assert!(seen_in(28).await.is_empty(), "not at once");
        assert!(seen_in(14).await.into_iter().eq((1..=40).rev()), "all, in batches");
        assert_eq!(seen_in(40).await.len(), 40, "who came meanwhile");
        is_reachable.set(true);
        assert!(seen_in(600).await.is_empty());
    }

    #[test]
    fn each_step_of_the_clock_is_logged_and_counted_and_slewing_is_not() {
        let metrics = Metrics::new(SystemClock::start());
        let log = LogCapture::default();
        let _logging = log.begin();
        let mut offset = None;
        // Milliseconds on the clock, and seconds since the start.
        for (wall, passed) in [
            (1_000_000, 0),
            (1_010_400, 10),
            (1_020_800, 20),
            (4_630_800, 30),
            (4_640_800, 40),
            (1_050_800, 50),
        ] {
            look_at_clock(Timestamp::from_millis(wall), Duration::from_secs(passed), &mut offset, &metrics);
        }
        let steps = log.text();
        let steps: Vec<_> = steps.lines().filter_map(|line| line.split_once("milliseconds=")).collect();
        assert_eq!(steps.iter().map(|step| step.1).collect::<Vec<_>>(), ["3600000", "-3600000"]);
        let counts = metrics.clock_steps.counts();
        assert_eq!((counts["forward"], counts["back"]), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn the_head_is_logged_every_hour_as_verify_takes_it() {
        let dir = TempDir::new().unwrap();
        let store = LocalStore::open(dir.path(), Options::default()).unwrap();
        let log = LogCapture::default();
        let _logging = log.begin();
        timeout(Duration::from_mins(150), log_heads(&store)).await.unwrap_err();
        let log = log.text();
        let heads = log.lines().filter_map(|line| line.split_once("head=")?.1.parse::<ChainHead>().ok());
        assert_eq!(heads.collect::<Vec<_>>(), [store.head(); 2], "{log}");
    }
}

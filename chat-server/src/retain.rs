//! Retention: erasing the text of old messages, by a clock that is not simply believed.
//!
//! A clock that is ahead of the newest message by more than a day may be wrong, and what is erased
//! is gone. Nothing is erased then. Nor is anything before the setting is confirmed.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use chat_core::time::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::audit::{self, AuditLine};
use crate::clock;
use crate::store::{ClockNote, LocalStore, OpenError, RetentionError, Swept, count_due};

/// Pause between two steps of erasing. A step covers 256 KiB of the journal, and must not delay the
/// writing of messages.
pub(crate) const STEP_EVERY: Duration = Duration::from_millis(100);

/// Pause after erasing failed, and between two searches without an index. Kept short, because
/// erasing may be the way to make room for an index.
pub(crate) const RETRY_EVERY: Duration = Duration::from_secs(5);

/// Interval between searches for messages past their retention, while there is an index.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Interval between two dry runs.
pub(crate) const DRY_RUN_EVERY: Duration = Duration::from_hours(24);

/// The most by which the clock may be ahead of the newest message, or of the last look.
const AHEAD_MOST: Duration = Duration::from_hours(24);

/// The configured retention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetentionSetting {
    pub(crate) age: Duration,
    /// Whether the operator has confirmed this age.
    pub(crate) is_confirmed: bool,
}

/// Interval between two notes of the believed time.
const NOTE_EVERY: Duration = Duration::from_hours(1);

/// A clock that is believed as long as it goes on from a known time.
pub(crate) struct TrustedClock {
    known: Timestamp,
    is_doubted: bool,
    /// Whether the log knows of a doubt that is older than this program's start.
    has_looked: bool,
    /// The last note.
    noted: Option<ClockNote>,
}

impl TrustedClock {
    /// A clock that goes on from the last note. Without doubt the newest message proves a time too.
    pub(crate) fn noted(noted: Option<ClockNote>, newest: Option<Timestamp>, now: Timestamp) -> Self {
        let known = match noted {
            Some(note) if note.is_doubted => note.known,
            Some(note) => newest.map_or(note.known, |newest| newest.max(note.known)),
            None => newest.unwrap_or(now),
        };
        let is_doubted = noted.is_some_and(|note| note.is_doubted);
        Self { known, is_doubted, has_looked: false, noted }
    }

    /// Whether the clock was too far ahead at the last look.
    pub(crate) fn is_doubted(&self) -> bool {
        self.is_doubted
    }

    /// Takes up the confirmation of an operator.
    pub(crate) fn take_up(&mut self, note: Option<ClockNote>) {
        if let Some(note) = note.filter(|note| self.is_doubted && !note.is_doubted) {
            self.known = self.known.max(note.known);
            self.noted = Some(note);
        }
    }

    /// The time, unless the clock is too far ahead. The log names the begin and the end of doubt.
    pub(crate) fn read(&mut self, now: Timestamp) -> Option<Timestamp> {
        let is_doubted = now > self.known.plus(AHEAD_MOST);
        let was_doubted = std::mem::replace(&mut self.is_doubted, is_doubted);
        let is_first = !std::mem::replace(&mut self.has_looked, true);
        if was_doubted != is_doubted || (is_first && is_doubted) {
            if is_doubted {
                let hours = now.since(self.known).as_secs() / 3_600;
                warn!(
                    hours,
                    "the clock is ahead of the newest message, or of its last look, by more than a day: no text is \
                     erased. If the clock is right, run chat-server clock --trust"
                );
            } else {
                info!("the clock fits the messages again: retention goes on");
            }
        }
        if is_doubted {
            return None;
        }
        self.known = self.known.max(now);
        Some(now)
    }

    /// The note to be kept now, if it differs from the last one by enough.
    pub(crate) fn note(&mut self) -> Option<ClockNote> {
        let note = ClockNote::new(self.known, self.is_doubted);
        let is_same = self.noted.is_some_and(|noted| {
            noted.is_doubted == note.is_doubted && note.known.since(noted.known) < NOTE_EVERY
        });
        if is_same {
            return None;
        }
        self.noted = Some(note);
        Some(note)
    }

    /// Makes the next note due at once, after one that was not kept.
    #[cfg(feature = "postgres")]
    pub(crate) fn note_again(&mut self) {
        self.noted = None;
    }
}

/// A trusted clock whose notes are in the data directory.
struct NotedClock<'a> {
    store: &'a LocalStore,
    clock: TrustedClock,
}

impl<'a> NotedClock<'a> {
    async fn open(store: &'a LocalStore) -> Self {
        let noted = Self::read_note(store).await.unwrap_or_else(|error| {
            warn!(%error, "can't read what is known of the clock");
            // An earlier doubt may be lost with the note.
            Some(ClockNote::new(Timestamp::from_millis(0), true))
        });
        Self { store, clock: TrustedClock::noted(noted, store.report().newest, clock::wall()) }
    }

    async fn read_note(store: &LocalStore) -> Result<Option<ClockNote>, OpenError> {
        let dir = store.dir().to_owned();
        let read = spawn_blocking(move || ClockNote::read(&dir)).await;
        read.expect("reading does not panic, and is not aborted")
    }

    /// The time, if the clock is believed.
    async fn read(&mut self) -> Option<Timestamp> {
        if self.clock.is_doubted() {
            self.clock.take_up(Self::read_note(self.store).await.ok().flatten());
        }
        let now = self.clock.read(clock::wall());
        if let Some(note) = self.clock.note() {
            let dir = self.store.dir().to_owned();
            let written = spawn_blocking(move || note.write(&dir)).await;
            if let Err(error) = written.expect("writing does not panic, and is not aborted") {
                warn!(%error, "can't note what is known of the clock: a restart may believe a wrong one");
            }
        }
        now
    }

    /// Watches the clock for ever.
    async fn watch(mut self) -> Infallible {
        loop {
            let _now = self.read().await;
            sleep(SWEEP_EVERY).await;
        }
    }
}

/// Erases the text of messages past their retention, for ever. Watches the clock in any case.
pub(crate) async fn retain(store: &LocalStore, retention: Option<RetentionSetting>) -> Infallible {
    let clock = NotedClock::open(store).await;
    match retention {
        None => clock.watch().await,
        Some(RetentionSetting { age, is_confirmed: true }) => erase_all(store, clock, age).await,
        Some(RetentionSetting { age, is_confirmed: false }) => tokio::select! {
            never = dry_run(store, age) => never,
            never = clock.watch() => never,
        },
    }
}

async fn erase_all(store: &LocalStore, mut clock: NotedClock<'_>, age: Duration) -> Infallible {
    let (mut erased, mut is_failing) = (0, false);
    loop {
        let Some(now) = clock.read().await else {
            sleep(SWEEP_EVERY).await;
            continue;
        };
        let (swept_store, cutoff) = (store.clone(), now.minus(age));
        let swept = spawn_blocking(move || swept_store.erase_before(cutoff)).await;
        match swept.expect("erasing does not panic, and is not aborted") {
            Ok(Swept { erased: more, more: true }) => {
                erased += more;
                sleep(STEP_EVERY).await;
                continue;
            }
            Ok(Swept { erased: last, more: false }) => erased += last,
            Err(RetentionError::Busy) => {}
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    warn!(%error, "can't erase messages past their retention: trying again");
                }
                sleep(RETRY_EVERY).await;
                continue;
            }
        }
        is_failing = false;
        match std::mem::take(&mut erased) {
            0 => {}
            messages => {
                info!(messages, "erased the text of messages past their retention");
                note_erased(store.dir().to_owned(), format!("{messages} messages sent before {cutoff}"))
                    .await;
            }
        }
        sleep(if store.has_index() { SWEEP_EVERY } else { RETRY_EVERY }).await;
    }
}

/// Notes erased messages in the audit trail.
pub(crate) async fn note_erased(data_dir: PathBuf, detail: String) {
    let line = AuditLine {
        act: Some("retention".into()),
        by: Some("the setting --retention".into()),
        detail: Some(detail.into()),
        ..AuditLine::default()
    };
    let _noted = spawn_blocking(move || audit::act(&data_dir, line)).await;
}

/// Logs how much would be erased, if the operator confirmed the age.
pub(crate) fn warn_unconfirmed(messages: u64, age: Duration) {
    warn!(
        messages,
        days = age.as_secs() / 86_400,
        "retention is not confirmed: it would erase the text of these messages now, and of others as they reach \
         this age. Nothing is erased until --retention-confirmed has the same value"
    );
}

/// Logs how much would be erased, for ever.
async fn dry_run(store: &LocalStore, age: Duration) -> Infallible {
    loop {
        let (counted, cutoff) = (store.clone(), clock::wall().minus(age));
        let due = spawn_blocking(move || count_due(counted.dir(), cutoff)).await;
        match due.expect("counting does not panic, and is not aborted") {
            Ok(messages) => warn_unconfirmed(messages, age),
            Err(error) => warn!(%error, "can't count the messages past their retention"),
        }
        sleep(DRY_RUN_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_millis(hour * 3_600_000)
    }

    #[test]
    fn a_clock_is_believed_while_it_goes_on_from_a_known_time() {
        let mut clock = TrustedClock::noted(None, Some(hour(100)), hour(100));
        for (now, is_believed) in [
            (101, true),
            (90, true),
            (125, true),
            (149, true),
            (174, false),
            (17_000, false),
            (150, true),
            (174, true),
        ] {
            assert_eq!(clock.read(hour(now)).is_some(), is_believed, "{now}");
        }
    }

    #[test]
    fn doubt_is_kept_over_a_restart_though_a_message_was_stamped_meanwhile() {
        let mut clock = TrustedClock::noted(None, Some(hour(100)), hour(17_000));
        assert_eq!(clock.read(hour(17_000)), None);
        let noted = clock.note();
        assert_eq!(noted, Some(ClockNote::new(hour(100), true)));
        let mut restarted = TrustedClock::noted(noted, Some(hour(17_000)), hour(17_001));
        assert_eq!(restarted.read(hour(17_001)), None);
        assert_eq!(restarted.note(), None, "nothing new");
        assert_eq!(restarted.read(hour(101)), Some(hour(101)), "set right");
        assert_eq!(restarted.note(), Some(ClockNote::new(hour(101), false)));
    }

    #[test]
    fn an_operator_ends_the_doubt() {
        let mut clock = TrustedClock::noted(Some(ClockNote::new(hour(100), true)), None, hour(200));
        assert_eq!(clock.read(hour(200)), None);
        clock.take_up(Some(ClockNote::new(hour(100), true)));
        assert_eq!(clock.read(hour(200)), None);
        clock.take_up(Some(ClockNote::new(hour(200), false)));
        assert_eq!(clock.read(hour(201)), Some(hour(201)));
    }

    #[test]
    fn a_believed_time_is_noted_every_hour() {
        let mut clock =
            TrustedClock::noted(Some(ClockNote::new(hour(100), false)), Some(hour(99)), hour(100));
        let minutes = (1..=180).filter(|minute| {
            clock.read(Timestamp::from_millis(hour(100).as_millis() + minute * 60_000));
            clock.note().is_some()
        });
        assert_eq!(minutes.collect::<Vec<_>>(), [60, 120, 180]);
    }
}

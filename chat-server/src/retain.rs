//! Retention: erasing the text of old messages, by a clock that is not simply believed.
//!
//! A clock that is ahead of the newest message by more than a day may be wrong, and what is erased
//! is gone. Nothing is erased then. Nor is anything before the setting is confirmed.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use chat_core::time::Timestamp;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tracing::{info, warn};

use crate::clock;
use crate::store::{LocalStore, RetentionError, Swept, count_due};

/// Pause between two steps of erasing. A step covers 256 KiB of the journal, and must not delay the
/// writing of messages.
const STEP_EVERY: Duration = Duration::from_millis(100);

/// Pause after erasing failed, and between two searches without an index. Kept short, because
/// erasing may be the way to make room for an index.
const RETRY_EVERY: Duration = Duration::from_secs(5);

/// Interval between searches for messages past their retention, while there is an index.
const SWEEP_EVERY: Duration = Duration::from_mins(1);

/// Interval between two dry runs.
const DRY_RUN_EVERY: Duration = Duration::from_hours(24);

/// The most by which the clock may be ahead of the newest message, or of the last look.
const AHEAD_MOST: Duration = Duration::from_hours(24);

/// The configured retention.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RetentionSetting {
    pub(crate) age: Duration,
    /// Whether the operator has confirmed this age.
    pub(crate) is_confirmed: bool,
}

/// A clock that is believed as long as it goes on from a known time.
pub(crate) struct TrustedClock {
    known: Timestamp,
    is_doubted: bool,
}

impl TrustedClock {
    pub(crate) fn new(known: Timestamp) -> Self {
        Self { known, is_doubted: false }
    }

    /// The time, unless the clock is too far ahead. The log names the begin and the end of doubt.
    pub(crate) fn read(&mut self, now: Timestamp) -> Option<Timestamp> {
        let is_doubted = now > self.known.plus(AHEAD_MOST);
        if std::mem::replace(&mut self.is_doubted, is_doubted) != is_doubted {
            if is_doubted {
                let hours = now.since(self.known).as_secs() / 3_600;
                warn!(
                    hours,
                    "the clock is ahead of the newest message by more than a day: no text is erased. If the clock is \
                     right, restart the server after the next message"
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
}

/// Erases the text of messages past their retention, for ever.
pub(crate) async fn retain(store: &LocalStore, retention: Option<RetentionSetting>) -> Infallible {
    let Some(RetentionSetting { age, is_confirmed }) = retention else { return pending().await };
    let mut clock = TrustedClock::new(store.report().newest.unwrap_or_else(clock::wall));
    if !is_confirmed {
        return dry_run(store, age).await;
    }
    let (mut erased, mut is_failing) = (0, false);
    loop {
        let Some(now) = clock.read(clock::wall()) else {
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
            messages => info!(messages, "erased the text of messages past their retention"),
        }
        sleep(if store.has_index() { SWEEP_EVERY } else { RETRY_EVERY }).await;
    }
}

/// Logs how much would be erased, for ever.
async fn dry_run(store: &LocalStore, age: Duration) -> Infallible {
    loop {
        let (counted, cutoff) = (store.clone(), clock::wall().minus(age));
        let due = spawn_blocking(move || count_due(counted.dir(), cutoff)).await;
        match due.expect("counting does not panic, and is not aborted") {
            Ok(messages) => warn!(
                messages,
                days = age.as_secs() / 86_400,
                "retention is not confirmed: it would erase the text of these messages now, and of others as they \
                 reach this age. Nothing is erased until --retention-confirmed has the same value"
            ),
            Err(error) => warn!(%error, "can't count the messages past their retention"),
        }
        sleep(DRY_RUN_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_is_believed_while_it_goes_on_from_a_known_time() {
        let hour = |hour: i64| Timestamp::from_millis(hour * 3_600_000);
        let mut clock = TrustedClock::new(hour(100));
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
}

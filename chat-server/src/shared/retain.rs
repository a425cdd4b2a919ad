//! Retention over a database, by the server that holds its job.

use std::convert::Infallible;
use std::future::pending;
use std::path::PathBuf;
use std::time::Duration;

use chat_core::store::UnavailableError;
use chat_core::time::Timestamp;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::{Lease, SharedStore, Term};
use crate::retain::{
    DRY_RUN_EVERY, RETRY_EVERY, RetentionSetting, STEP_EVERY, SWEEP_EVERY, TrustedClock, note_erased,
    warn_unconfirmed,
};

/// The retention of a server.
#[derive(Clone, Debug)]
pub(crate) struct SharedRetention {
    pub(crate) setting: RetentionSetting,
    /// The directory of the audit trail.
    pub(crate) data_dir: PathBuf,
}

/// Erases the text of messages past their retention, whenever this server holds the job, for ever.
pub(crate) async fn retain(store: &SharedStore, retention: SharedRetention, mut lease: Lease) -> Infallible {
    loop {
        let Some(term) = lease.held().await else { return pending().await };
        let sweeping = Sweep {
            store,
            retention: retention.clone(),
            term,
            clock: None,
            counted: None,
            erased: 0,
            is_failing: false,
        };
        tokio::select! {
            never = sweeping.run() => match never {},
            () = lease.lost(term) => {}
        }
    }
}

/// Retention in one term.
struct Sweep<'a> {
    store: &'a SharedStore,
    retention: SharedRetention,
    term: Term,
    /// Begins at the first look.
    clock: Option<TrustedClock>,
    /// The last dry run.
    counted: Option<Instant>,
    /// Messages erased since the log named their number.
    erased: usize,
    is_failing: bool,
}

impl Sweep<'_> {
    async fn run(mut self) -> Infallible {
        loop {
            let pause = match self.step().await {
                Ok(pause) => {
                    self.is_failing = false;
                    pause
                }
                Err(error) => {
                    if !std::mem::replace(&mut self.is_failing, true) {
                        warn!(%error, "can't erase messages past their retention: trying again");
                    }
                    RETRY_EVERY
                }
            };
            sleep(pause).await;
        }
    }

    /// Erases some texts, or counts them. Returns the pause before the next step.
    async fn step(&mut self) -> Result<Duration, UnavailableError> {
        let Some(now) = self.time().await? else { return Ok(SWEEP_EVERY) };
        let SharedRetention { setting, data_dir } = &self.retention;
        let cutoff = now.minus(setting.age);
        if !setting.is_confirmed {
            if self.counted.is_none_or(|counted| counted.elapsed() >= DRY_RUN_EVERY) {
                warn_unconfirmed(self.store.count_due(cutoff).await?, setting.age);
                self.counted = Some(Instant::now());
            }
            return Ok(SWEEP_EVERY);
        }
        let swept = self.store.erase_before(self.term, cutoff).await?;
        self.erased += swept.erased;
        if swept.more {
            return Ok(STEP_EVERY);
        }
        match std::mem::take(&mut self.erased) {
            0 => {}
            messages => {
                info!(messages, "erased the text of messages past their retention");
                note_erased(data_dir.clone(), format!("{messages} messages sent before {cutoff}")).await;
            }
        }
        Ok(SWEEP_EVERY)
    }

    /// The database's time, if it is believed. The trust is noted for the next holder of the job.
    async fn time(&mut self) -> Result<Option<Timestamp>, UnavailableError> {
        let (now, newest) = self.store.clocks().await?;
        let clock = if let Some(clock) = &mut self.clock {
            if clock.is_doubted() {
                clock.take_up(self.store.clock_note().await?);
            }
            clock
        } else {
            let noted = self.store.clock_note().await?;
            self.clock.insert(TrustedClock::noted(noted, newest, now))
        };
        let believed = clock.read(now);
        if let Some(note) = clock.note()
            && let Err(error) = self.store.note_clock(Some(self.term), note).await
        {
            clock.note_again();
            return Err(error);
        }
        Ok(believed)
    }
}

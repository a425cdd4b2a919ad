//! Retention over a database, by the server that holds its job.

use std::convert::Infallible;
use std::future::pending;
use std::time::Duration;

use chat_core::store::UnavailableError;
use tokio::time::sleep;
use tracing::{info, warn};

use super::{Lease, SharedStore, Term};
use crate::retain::{
    DRY_RUN_EVERY, RETRY_EVERY, RetentionSetting, STEP_EVERY, SWEEP_EVERY, TrustedClock, warn_unconfirmed,
};

/// Erases the text of messages past their retention, whenever this server holds the job, for ever.
pub(crate) async fn retain(store: &SharedStore, setting: RetentionSetting, mut lease: Lease) -> Infallible {
    loop {
        let Some(term) = lease.held().await else { return pending().await };
        let sweeping = Sweep { store, setting, term, clock: None, erased: 0, is_failing: false };
        tokio::select! {
            never = sweeping.run() => match never {},
            () = lease.lost(term) => {}
        }
    }
}

/// Retention in one term.
struct Sweep<'a> {
    store: &'a SharedStore,
    setting: RetentionSetting,
    term: Term,
    /// Begins at the first look.
    clock: Option<TrustedClock>,
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
        let (now, newest) = self.store.clocks().await?;
        let clock = self.clock.get_or_insert_with(|| TrustedClock::new(newest.unwrap_or(now)));
        let Some(now) = clock.read(now) else { return Ok(SWEEP_EVERY) };
        let cutoff = now.minus(self.setting.age);
        if !self.setting.is_confirmed {
            warn_unconfirmed(self.store.count_due(cutoff).await?, self.setting.age);
            return Ok(DRY_RUN_EVERY);
        }
        let swept = self.store.erase_before(self.term, cutoff).await?;
        self.erased += swept.erased;
        if swept.more {
            return Ok(STEP_EVERY);
        }
        match std::mem::take(&mut self.erased) {
            0 => {}
            messages => info!(messages, "erased the text of messages past their retention"),
        }
        Ok(SWEEP_EVERY)
    }
}

//! Erasing texts over the shared store, the holds that it obeys, and the clock that it goes by.

use std::future::Future;
use std::time::Duration;

use chat_core::id::UserId;
use chat_core::store::{Position, UnavailableError};
use chat_core::time::Timestamp;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use super::erase_user::StepRange;
use super::{SharedStore, Term, closed, erase, erase_user, keeping, reader};
use crate::store::{
    ClockNote, EraseError, Erasure, Hold, HoldSubject, Keeping, KeepingError, RetentionError, Swept,
    UserTexts,
};

/// Time limit of a change of holds. It waits for the end of a step of erasing.
const CHANGE_WITHIN: Duration = Duration::from_secs(10);

impl SharedStore {
    /// The database's time, and the time of the newest message.
    pub(crate) async fn clocks(&self) -> Result<(Timestamp, Option<Timestamp>), UnavailableError> {
        let pool = self.pool.clone();
        self.load_within(async move { erase::clocks(&pool).await }).await
    }

    /// The noted trust in the database's clock.
    pub(crate) async fn clock_note(&self) -> Result<Option<ClockNote>, UnavailableError> {
        let pool = self.pool.clone();
        self.load_within(async move { Ok(erase::progress(&pool).await?.clock) }).await
    }

    /// Notes the trust in the database's clock. With a term, only for the server that holds
    /// retention in it.
    pub(crate) async fn note_clock(
        &self,
        term: Option<Term>,
        note: ClockNote,
    ) -> Result<(), UnavailableError> {
        let pool = self.pool.clone();
        self.load_within(async move { erase::note_clock(&pool, term, note).await }).await
    }

    /// Erases the content of more messages sent before `cutoff`, for good, unless on hold. The
    /// first younger one ends the step.
    pub(crate) async fn erase_before(
        &self,
        term: Term,
        cutoff: Timestamp,
    ) -> Result<Swept, UnavailableError> {
        let pool = self.pool.clone();
        self.load_within(async move { erase::step(&pool, term, cutoff).await }).await
    }

    /// The number of messages that retention would erase. A table of many takes long.
    pub(crate) async fn count_due(&self, cutoff: Timestamp) -> Result<u64, UnavailableError> {
        let pool = self.pool.clone();
        self.without_limit(async move { erase::due(&pool, cutoff).await }).await
    }

    /// The holds, which erasing obeys, and the record of erasures.
    pub(crate) async fn keeping(&self) -> Result<Keeping, UnavailableError> {
        let pool = self.pool.clone();
        let reading = async move {
            let client = pool.get().await.map_err(UnavailableError::new)?;
            keeping::read(&**client).await
        };
        self.load_within(reading).await
    }

    /// Adds a hold. No step of erasing that begins later touches its texts, at whatever server.
    pub(crate) async fn hold(&self, hold: Hold) -> Result<(), KeepingError> {
        let pool = self.pool.clone();
        let adding = async move {
            let mut client = pool.get().await.map_err(UnavailableError::new)?;
            keeping::add(&mut client, &hold).await
        };
        self.change(adding).await
    }

    /// Ends a hold. Retention then begins anew with the oldest message.
    pub(crate) async fn release(&self, subject: HoldSubject) -> Result<(), KeepingError> {
        let pool = self.pool.clone();
        let ending = async move {
            let mut client = pool.get().await.map_err(UnavailableError::new)?;
            keeping::release(&mut client, &subject).await
        };
        self.change(ending).await
    }

    /// Counts the texts of a user. Reads the whole history.
    pub(crate) async fn count_texts(&self, user: &UserId) -> Result<UserTexts, UnavailableError> {
        let (pool, user) = (self.pool.clone(), user.clone());
        let counting = async move {
            let (until, _) = reader::end(&pool).await?;
            erase_user::count(&pool, &user, until).await
        };
        self.without_limit(counting).await
    }

    /// Erases all texts of a user, whatever their age, unless on hold. Returns their number. Reads
    /// the whole history.
    ///
    /// `go_on` is called after each step with the position reached and the last one, and says
    /// whether to continue.
    ///
    /// # Errors
    ///
    /// [`EraseError`]. The record of the erasure may be written already.
    pub(crate) async fn erase_user(
        &self,
        erasure: Erasure,
        go_on: impl Fn(u64, u64) -> bool,
    ) -> Result<u64, EraseError> {
        let (pool, user) = (self.pool.clone(), erasure.user.clone());
        let recording = async move {
            let mut client = pool.get().await.map_err(UnavailableError::new)?;
            keeping::record_erasure(&mut client, erasure).await
        };
        let until = self.change(recording).await?;
        let (mut reached, mut erased) = (Position(0), 0);
        while reached < until {
            let range = StepRange::after(reached, until);
            let (pool, user) = (self.pool.clone(), user.clone());
            let step = self.load_within(async move { erase_user::step(&pool, &user, range).await });
            erased += step.await.map_err(RetentionError::from)?;
            reached = Position(range.to.cast_unsigned());
            if !go_on(reached.0, until.0) {
                return Err(RetentionError::Busy.into());
            }
        }
        Ok(erased)
    }

    /// Changes holds on the thread of loads.
    async fn change<T: Send + 'static>(
        &self,
        change: impl Future<Output = Result<T, KeepingError>> + Send + 'static,
    ) -> Result<T, KeepingError> {
        let changing =
            AbortOnDropHandle::new(self.loads.spawn(async move { timeout(CHANGE_WITHIN, change).await }));
        match changing.await {
            Ok(Ok(changed)) => changed,
            Ok(Err(_)) => Err(UnavailableError::new("the database did not answer in time").into()),
            Err(_) => Ok(closed()?),
        }
    }

    /// Loads on the thread of loads, however long this takes.
    async fn without_limit<T: Send + 'static>(
        &self,
        load: impl Future<Output = Result<T, UnavailableError>> + Send + 'static,
    ) -> Result<T, UnavailableError> {
        AbortOnDropHandle::new(self.loads.spawn(load)).await.unwrap_or_else(|_| closed())
    }
}

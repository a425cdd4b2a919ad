//! Erasing texts, and the holds that erasing obeys.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use chat_core::id::UserId;
use chat_core::time::Timestamp;

use super::{Erased, LocalStore, StoreInner};
use crate::store::error::OpenError;
use crate::store::lifecycle::erase_user::EraseError;
use crate::store::lifecycle::keeping::{Erasure, Hold, HoldSubject, Keeping, KeepingError};
use crate::store::lifecycle::retention::{self, Retention, RetentionError, Swept};
use crate::store::lock;
use crate::store::write::journal::End;

/// Pause of an erasure until the index has taken up more.
const BEHIND_PAUSE: Duration = Duration::from_millis(50);

impl LocalStore {
    /// Erases the content of more messages sent before `cutoff`, for good, from the journal and the
    /// index. The chain still holds. Blocks briefly.
    ///
    /// Erased messages keep their numbers and are answered with empty content. The first younger
    /// message ends the step, therefore a clock that was once set ahead delays erasing.
    ///
    /// # Errors
    ///
    /// [`RetentionError`]. The next call, or the next start, completes a step that was begun.
    pub fn erase_before(&self, cutoff: Timestamp) -> Result<Swept, RetentionError> {
        let mut erased = lock(&self.inner.erased);
        let Erased::Up(reached) = &mut *erased else { return Err(RetentionError::Busy) };
        let _changing = self.inner.upkeep.try_lock().map_err(|_| RetentionError::Busy)?;
        let StoreInner { dir, options, slot, memtable, synced, .. } = &*self.inner;
        let slot = slot.upgrade().ok_or(RetentionError::Busy)?;
        Retention { dir, disk: &options.disk, slot: &slot, memtable, synced }.step(reached, cutoff)
    }

    /// The holds, which erasing obeys.
    ///
    /// # Errors
    ///
    /// [`KeepingError`].
    pub fn holds(&self) -> Result<Vec<Hold>, KeepingError> {
        Ok(self.keeping()?.holds)
    }

    /// Adds a hold. No step of erasing that begins later touches its texts. Blocks briefly.
    ///
    /// # Errors
    ///
    /// [`KeepingError`].
    pub fn hold(&self, hold: Hold) -> Result<(), KeepingError> {
        let _erased = lock(&self.inner.erased);
        if retention::is_under_way(&self.journal_dir())? {
            return Err(KeepingError::Busy);
        }
        self.keeping()?.hold(&self.journal_dir(), hold)
    }

    /// Ends a hold. Retention then begins anew with the oldest message. Blocks briefly.
    ///
    /// # Errors
    ///
    /// [`KeepingError`], and [`RetentionError::Busy`] during a step that has failed.
    pub fn release(&self, subject: &HoldSubject) -> Result<(), EraseError> {
        let mut erased = lock(&self.inner.erased);
        retention::begin_anew(&self.journal_dir())?;
        if let Erased::Up(reached) = &mut *erased {
            *reached = None;
        }
        Ok(self.keeping()?.release(&self.journal_dir(), subject)?)
    }

    /// Erases all texts that a user has sent, whatever their age, unless on hold. Returns their
    /// number. Blocks, and reads the whole journal.
    ///
    /// `go_on` is called after each step with the position reached and the last one, and says
    /// whether to continue.
    ///
    /// # Errors
    ///
    /// [`EraseError`]. The record of the erasure may be written already.
    pub fn erase_user(
        &self,
        mut erasure: Erasure,
        go_on: &dyn Fn(u64, u64) -> bool,
    ) -> Result<u64, EraseError> {
        let until = self.inner.synced.end();
        erasure.until = until.position;
        let user = erasure.user.clone();
        {
            let _erased = lock(&self.inner.erased);
            self.keeping()?.erase(&self.journal_dir(), erasure)?;
        }
        let (mut reached, mut erased) = (End::default(), 0);
        loop {
            match self.erase_step(&user, &mut reached, until) {
                Ok(swept) => {
                    erased += swept.erased as u64;
                    if !swept.more {
                        return Ok(erased);
                    }
                }
                // The index takes up the newest messages within a second or two.
                Err(RetentionError::Behind) => thread::sleep(BEHIND_PAUSE),
                Err(error) => return Err(error.into()),
            }
            if !go_on(reached.position.0, until.position.0) {
                return Err(RetentionError::Busy.into());
            }
        }
    }

    fn erase_step(&self, user: &UserId, reached: &mut End, until: End) -> Result<Swept, RetentionError> {
        let erased = lock(&self.inner.erased);
        let _changing = self.inner.upkeep.try_lock().map_err(|_| RetentionError::Busy)?;
        let StoreInner { dir, options, slot, memtable, synced, .. } = &*self.inner;
        let slot = slot.upgrade().filter(|_| matches!(*erased, Erased::Up(_))).ok_or(RetentionError::Busy)?;
        Retention { dir, disk: &options.disk, slot: &slot, memtable, synced }.step_of(user, reached, until)
    }

    fn journal_dir(&self) -> PathBuf {
        self.inner.dir.join("journal")
    }

    fn keeping(&self) -> Result<Keeping, OpenError> {
        Keeping::read(&self.journal_dir())
    }
}

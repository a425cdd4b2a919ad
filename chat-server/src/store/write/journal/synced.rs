//! The acknowledged end of a journal in use, for other threads.

use std::sync::{Mutex, PoisonError};

use super::group::End;

/// The acknowledged end. Everything before it is synced and final.
#[derive(Debug)]
pub(in crate::store) struct Synced(Mutex<End>);

impl Synced {
    pub(super) fn new(end: End) -> Self {
        Self(Mutex::new(end))
    }

    pub(super) fn rise(&self, end: End) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    /// The present end.
    pub(in crate::store) fn end(&self) -> End {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

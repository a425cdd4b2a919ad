//! The acknowledged end of a journal that is being written, for other threads.

use std::sync::{Mutex, PoisonError};

use super::group::End;

/// The acknowledged end: all before it is synced, and stays as it is.
#[derive(Debug)]
pub(in crate::store) struct Synced(Mutex<End>);

impl Synced {
    pub(super) fn new(end: End) -> Self {
        Self(Mutex::new(end))
    }

    pub(super) fn rise(&self, end: End) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = end;
    }

    /// The end at present.
    pub(in crate::store) fn end(&self) -> End {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

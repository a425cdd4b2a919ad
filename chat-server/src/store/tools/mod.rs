//! Tools beside the running store: backup, export, history, verification and repair.
//!
//! They read a journal, of a store that is open or not. Only repair changes a data directory that
//! exists. Nothing in `write` and `read` may reach them.

pub(super) mod backup;
pub(super) mod export;
pub(super) mod history;
pub(super) mod repair;
#[cfg(feature = "postgres")]
pub(super) mod stored;
pub(super) mod verify;

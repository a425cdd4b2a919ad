//! Tools beside the running store: backup, export and verification.
//!
//! They read a journal, of a store that is open or not, and never change a data directory that
//! exists. Nothing in `write` and `read` may reach them.

pub(super) mod backup;
pub(super) mod export;
pub(super) mod verify;

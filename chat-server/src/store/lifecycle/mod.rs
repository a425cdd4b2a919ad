//! The life of a store: opening it, rebuilding its index, erasing old content, and watching its
//! disk.
//!
//! Nothing here decides about a change or answers a query. The files of the journal are changed
//! only through the journal's own recovery and erasing.

pub(super) mod clock;
pub(super) mod erase_user;
pub(super) mod health;
pub(super) mod keeping;
pub(super) mod lock;
pub(super) mod open;
pub(crate) mod presence;
pub(super) mod rebuild;
pub(super) mod rebuilder;
pub(super) mod retention;
pub(super) mod space;
pub(super) mod state;

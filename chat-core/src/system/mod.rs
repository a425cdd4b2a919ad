//! The clock of the operating system, and threads for a store that blocks. Needs the feature
//! `system`.
//!
//! No other module of this crate reads a clock or starts a thread, and without the feature this
//! one does not exist. Neither type here names a runtime.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the one place where the crate meets the operating system, and only if asked to"
)]

mod blocking;
mod clock;

pub use blocking::{Blocking, BlockingHistory, BlockingStore};
pub use clock::SystemClock;

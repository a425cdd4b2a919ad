//! The local store: an append-only journal that is the truth, and sled as its index.
//!
//! ```text
//! commit ──> commit thread: judge ─> group ─> one write, one fdatasync ─> memtable ─> acknowledged
//!                                                                             │
//!                                index thread: a batch of many groups <──────┘
//! load ────> load threads: memtable, then sled; long texts from the journal
//! ```
//!
//! The judge also computes the index entries (`index::apply`). The memtable holds them, and the
//! index thread only writes them to sled.
//!
//! An index that fails, or that a restart of the machine interrupted, is rebuilt from the journal,
//! at the start or while the store runs. Loads are unavailable meanwhile; commits continue if
//! memory is enough to judge them. After a crash of the process alone, the index is brought up to
//! date.
//!
//! | folder | |
//! |---|---|
//! | `write` | from a commit to durable records and index entries |
//! | `read` | from a query to facts |
//! | `lifecycle` | opening, rebuilding the index, retention, and the state of the disk |
//! | `tools` | backup, export, verification and repair |
//!
//! `local` is the handle, with the threads behind it. Shared by all: [`disk`] (write and sync),
//! `error`, `index`, `keys`, `meter`, `options`, `private` and `values`.
//!
//! The data directory holds `journal/` (see [`journal`]), `index/` (may be removed while the server
//! is stopped), `index.bad-N` (the last unusable index), `state` (whether the last stop was clean,
//! and the machine's boot of the last start) and `lock`.

pub mod disk;
mod error;
mod index;
mod keys;
mod lifecycle;
mod local;
mod meter;
mod options;
pub(crate) mod private;
mod read;
mod tools;
mod values;
mod write;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub use error::{DamageError, OpenError};
pub(crate) use lifecycle::clock::ClockNote;
pub(crate) use lifecycle::erase_user::count_texts;
pub use lifecycle::erase_user::{EraseError, UserTexts};
pub use lifecycle::health::Fault;
pub use lifecycle::keeping::{Erasure, Hold, HoldSubject, KeepingError};
pub(crate) use lifecycle::presence::{Presence, missing};
pub use lifecycle::rebuild::rebuild;
pub(crate) use lifecycle::retention::count_due;
pub use lifecycle::retention::{RetentionError, Swept};
pub use local::LocalStore;
pub use options::{IndexReport, Observer, OpenReport, Options, Progress};
pub use read::follow::JournalPlace;
pub use tools::backup::{BackupError, Restored, backup, restore};
pub use tools::export::{ExportError, Selection, export};
pub(crate) use tools::history::{HistoryMessage, JournalHistory, Period, history};
pub use tools::repair::{Repaired, new_epoch, repair};
pub use tools::verify::{Checks, FindingError, Verified, verify};
pub use write::journal;

#[cfg(feature = "postgres")]
pub(crate) use lifecycle::erase_user::names_user;
#[cfg(feature = "postgres")]
pub(crate) use lifecycle::keeping::Keeping;
#[cfg(feature = "postgres")]
pub(crate) use lifecycle::open::random_epoch;
#[cfg(feature = "postgres")]
pub(crate) use tools::history::HistoryWalk;
#[cfg(feature = "postgres")]
pub(crate) use tools::stored::{BackupDraft, ReadOut, StoredBytes};

/// The version of the index's keys and values.
pub const INDEX_VERSION: u32 = keys::VERSION;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

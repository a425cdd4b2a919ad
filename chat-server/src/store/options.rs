//! What can be set of a local store, and what it tells.

use std::fmt;
use std::fs;
use std::sync::Arc;

use chat_core::store::Position;

use super::disk::{Disk, SystemDisk};
use super::write::journal::TornTail;

/// Settings of a [`LocalStore`](super::LocalStore). The defaults suit a server of thousands of users.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes after which a new segment of the journal is begun; at least 4 KiB and at most 1 GiB. 64 MiB is some
    /// 100,000 messages, and what a start has to check whole even if the index is up to date.
    pub segment_bytes: u64,
    /// Bytes that sled may use for its cache.
    pub index_cache_bytes: u64,
    /// Threads that answer loads.
    pub load_threads: usize,
    /// Where the journal is written.
    pub disk: Arc<dyn Disk>,
    /// Who is told how far the store has come.
    pub observer: Observer,
    /// What names the time since the machine was booted: after an unclean stop under another name, or if there is
    /// none, the index is not trusted.
    pub boot_id: Option<String>,
    /// Whether the index is built anew, whatever is there.
    pub fresh_index: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            index_cache_bytes: 64 << 20,
            load_threads: 2,
            disk: Arc::new(SystemDisk),
            observer: Observer::default(),
            boot_id: fs::read_to_string("/proc/sys/kernel/random/boot_id")
                .ok()
                .map(|id| id.trim().to_owned()),
            fresh_index: false,
        }
    }
}

/// How far a store has come with something.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// Opening: the journal was checked up to here.
    Checked(Position),
    /// Opening, or running after a failure of the index: it was brought up to here, of so many.
    Replayed(Position, Position),
    /// Running: the index thread is about to apply all up to here. An observer that blocks here stalls it.
    Indexing(Position),
}

/// Who is told of a store's [`Progress`]; by default nobody.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<dyn Fn(Progress) + Send + Sync>>);

impl Observer {
    /// Tells this function, on the store's own threads.
    pub fn new(tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// Tells it.
    pub(super) fn tell(&self, progress: Progress) {
        if let Some(tell) = &self.0 {
            tell(progress);
        }
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Observer").field(&self.0.is_some()).finish()
    }
}

/// What opening a store found and did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenReport {
    /// Whether there was no store before.
    pub created: bool,
    /// The torn tail that was cut from the journal.
    pub cut: Option<TornTail>,
    /// What became of the index.
    pub index: IndexReport,
    /// How far the journal has come.
    pub position: Position,
}

/// What opening a store made of the index.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IndexReport {
    /// It had reached the journal's end.
    Current,
    /// It had reached this position, and the journal after it was replayed.
    Replayed(Position),
    /// It was built anew from the whole journal.
    Rebuilt {
        /// What was wrong with the one before.
        why: String,
    },
    /// There is none, because the disk is full: it is built as soon as there is room.
    Missing {
        /// What came of making one.
        why: String,
    },
}

//! Settings and reports of a local store.

use std::fmt;
use std::fs;
use std::sync::Arc;

use chat_core::store::Position;
use chat_core::time::Timestamp;

use super::disk::{Disk, SystemDisk};
use super::index::build::REPLAY_BATCH;
use super::write::journal::TornTail;

/// Settings of a [`LocalStore`](super::LocalStore). The defaults suit a server of thousands of
/// users.
#[derive(Clone, Debug)]
pub struct Options {
    /// Whether to begin a store where there is none.
    pub begin: bool,
    /// Bytes of a segment of the journal, at least 4 KiB and at most 1 GiB. 64 MiB hold some
    /// 100,000 messages; every start checks the last segment completely.
    pub segment_bytes: u64,
    /// Bytes of sled's cache.
    pub index_cache_bytes: u64,
    /// Writes after which an index under construction is flushed. A start that was cut off goes on
    /// from there.
    pub replay_batch: usize,
    /// Threads that answer loads.
    pub load_threads: usize,
    /// The disk of the journal.
    pub disk: Arc<dyn Disk>,
    /// Receives the store's progress.
    pub observer: Observer,
    /// The id of the machine's present boot. After an unclean stop under another id, or without any
    /// id, the index is not trusted.
    pub boot_id: Option<String>,
    /// Whether to rebuild the index in any case.
    pub fresh_index: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            begin: true,
            segment_bytes: 64 << 20,
            index_cache_bytes: 64 << 20,
            replay_batch: REPLAY_BATCH,
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

/// The progress of a store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Progress {
    /// Opening: the journal was checked up to this position.
    Checked(Position),
    /// Opening, or after a failure of the index: the index has reached the first position, of the
    /// second.
    Replayed(Position, Position),
    /// Running: the index thread is about to apply everything up to this position. A blocking
    /// observer stalls the thread.
    Indexing(Position),
}

/// Receiver of a store's [`Progress`]; by default none.
#[derive(Clone, Default)]
pub struct Observer(Option<Arc<dyn Fn(Progress) + Send + Sync>>);

impl Observer {
    /// Calls this function, on the store's own threads.
    pub fn new(tell: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(tell)))
    }

    /// Reports progress.
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

/// The result of opening a store.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenReport {
    /// Whether the store was created.
    pub created: bool,
    /// The torn tail that was cut from the journal.
    pub cut: Option<TornTail>,
    /// The time of the newest message.
    pub newest: Option<Timestamp>,
    /// The reason for beginning a new epoch in a store that was there.
    pub new_epoch: Option<&'static str>,
    /// The state of the index.
    pub index: IndexReport,
    /// The position of the journal's end.
    pub position: Position,
}

/// The state of the index after opening.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IndexReport {
    /// The index had reached the journal's end.
    Current,
    /// The index had reached this position; the rest of the journal was replayed.
    Replayed(Position),
    /// The index was rebuilt from the whole journal.
    Rebuilt {
        /// The flaw of the previous index.
        why: String,
    },
    /// The disk is too full for an index. One is built as soon as the disk has room.
    Missing {
        /// The error of the attempt.
        why: String,
    },
}

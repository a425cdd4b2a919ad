//! The file `state`: whether the last stop was clean. A backup has the same in the file `backup`.
//!
//! Opening and closing a store replace the file. It names an end of the journal that was synced.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::error::OpenError;
use crate::store::write::journal::{End, segment_path};
use crate::store::write::note;

/// The file in a data directory.
pub(in crate::store) const STATE: &str = "state";

/// The file in a backup.
pub(in crate::store) const BACKUP: &str = "backup";

/// The state of a store when it was opened or closed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct StoreState {
    /// The version of this file.
    version: u32,
    /// Whether everything was flushed, and nothing has run since.
    pub(in crate::store) clean: bool,
    /// The id of the boot under which the file was written.
    pub(in crate::store) boot_id: Option<String>,
    /// An end that was synced.
    pub(in crate::store) end: End,
    /// The inode of the segment of this end. A copy of the data directory has another.
    #[serde(default)]
    inode: Option<u64>,
}

impl StoreState {
    /// The state of a store at this end.
    pub(in crate::store) fn new(clean: bool, boot_id: Option<String>, end: End) -> Self {
        Self { version: note::VERSION, clean, boot_id, end, inode: None }
    }

    /// The state with the file that this journal has at the end.
    pub(in crate::store) fn of(self, journal: &Path) -> Self {
        Self { inode: inode(journal, self.end), ..self }
    }

    /// The state once the store is opened in this boot.
    pub(in crate::store) fn opened(self, boot_id: Option<String>) -> Self {
        Self { clean: false, boot_id, ..self }
    }

    /// Whether this journal is a copy of the one that the state describes, which may have gone on.
    pub(in crate::store) fn is_copied(&self, journal: &Path) -> bool {
        self.inode.is_some() && self.inode != inode(journal, self.end)
    }

    /// Reads the file of this name; `None` if there is none.
    pub(in crate::store) fn read(dir: &Path, name: &str) -> Result<Option<Self>, OpenError> {
        note::read(dir, name)
    }

    /// Replaces the file of this name durably. A data directory reserves room for the next one; a
    /// backup does not.
    pub(in crate::store) fn write(&self, dir: &Path, name: &str) -> io::Result<()> {
        note::write(dir, name, self)?;
        if name == STATE {
            note::keep_spare(dir, name);
        }
        Ok(())
    }
}

fn inode(journal: &Path, end: End) -> Option<u64> {
    segment_path(journal, end.segment).metadata().ok().map(|metadata| metadata.ino())
}

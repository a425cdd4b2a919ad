//! The file `state`: how the store was left. In a backup the file `backup`, of the same form.
//!
//! It is replaced when a store is opened and when it is closed, and names an end of the journal that was synced.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::store::error::OpenError;
use crate::store::write::journal::End;
use crate::store::write::note;

/// The file in a data directory.
pub(in crate::store) const STATE: &str = "state";

/// The file in a backup.
pub(in crate::store) const BACKUP: &str = "backup";

/// How a store was left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct StoreState {
    /// The version of this file.
    version: u32,
    /// Whether all was flushed and nothing has run since.
    pub(in crate::store) clean: bool,
    /// Under which boot of the machine it was written.
    pub(in crate::store) boot_id: Option<String>,
    /// An end that was synced.
    pub(in crate::store) end: End,
}

impl StoreState {
    /// The state of a store at this end.
    pub(in crate::store) fn new(clean: bool, boot_id: Option<String>, end: End) -> Self {
        Self { version: note::VERSION, clean, boot_id, end }
    }

    /// Reads the file of this name; `None` if there is none.
    pub(in crate::store) fn read(dir: &Path, name: &str) -> Result<Option<Self>, OpenError> {
        note::read(dir, name)
    }

    /// Replaces what the file of this name said before, durably. A data directory keeps room for the next one; a backup
    /// needs none.
    pub(in crate::store) fn write(&self, dir: &Path, name: &str) -> io::Result<()> {
        note::write(dir, name, self)?;
        if name == STATE {
            note::keep_spare(dir, name);
        }
        Ok(())
    }
}

//! The file `clock`: the last time that was believed, kept over a restart.

use std::path::Path;

use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::error::OpenError;
use crate::store::write::note;

/// The file in the data directory.
const NAME: &str = "clock";

/// The trust in the machine's clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct ClockNote {
    version: u32,
    /// The last time that was believed.
    pub(crate) known: Timestamp,
    /// Whether the clock was ahead of this time by too much. Messages stamped meanwhile prove
    /// nothing.
    pub(crate) is_doubted: bool,
}

impl ClockNote {
    /// A note.
    pub(crate) fn new(known: Timestamp, is_doubted: bool) -> Self {
        Self { version: note::VERSION, known, is_doubted }
    }

    /// Reads the file of a data directory; `None` if there is none.
    pub(crate) fn read(dir: &Path) -> Result<Option<Self>, OpenError> {
        note::read(dir, NAME)
    }

    /// Replaces the file durably.
    pub(crate) fn write(self, dir: &Path) -> Result<(), OpenError> {
        note::write(dir, NAME, &self).map_err(OpenError::io("write what is known of the clock in", dir))
    }
}

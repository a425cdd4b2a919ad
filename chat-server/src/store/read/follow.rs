//! Reading the journal of an open store while it grows.

use std::path::Path;

use chat_core::store::Position;
use serde::{Deserialize, Serialize};

use crate::store::error::OpenError;
use crate::store::write::journal::{End, Groups, Record, Synced};

/// A place between two groups of a journal: the progress of a reader. It can be stored as JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JournalPlace(End);

impl JournalPlace {
    /// A place in a history without a journal: only the position counts.
    #[cfg(feature = "postgres")]
    pub(crate) fn without_journal(position: Position) -> Self {
        Self(End { position, ..End::default() })
    }

    /// The last position before the place.
    pub fn position(self) -> Position {
        self.0.position
    }
}

/// The acknowledged end.
pub(in crate::store) fn end(synced: &Synced) -> JournalPlace {
    JournalPlace(synced.end())
}

/// The records of the next acknowledged group, with the place behind it.
pub(in crate::store) fn next(
    dir: &Path,
    synced: &Synced,
    after: JournalPlace,
) -> Result<Option<(JournalPlace, Vec<Record>)>, OpenError> {
    if after.0.position >= synced.end().position {
        return Ok(None);
    }
    let group = Groups::after(&dir.join("journal"), after.0)?.next_group()?;
    Ok(group
        .map(|(end, records)| (JournalPlace(end), records.into_iter().map(|(_, record)| record).collect())))
}

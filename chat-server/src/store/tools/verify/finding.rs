//! What verification can find.

use chat_core::store::Position;

use crate::store::error::OpenError;
use crate::store::write::journal::ChainHead;

/// Findings that are told one by one; of more only the number is.
pub(super) const TOLD_MOST: usize = 100;

/// Something that is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum FindingError {
    /// The journal is damaged, or has lost synced data, or the file `state` can't be read. What stands behind the place
    /// was not checked.
    #[error("{0}")]
    Journal(OpenError),
    /// A record says what can't be, after all before it.
    #[error("position {} of the journal: {what}", position.0)]
    Record {
        /// The record.
        position: Position,
        /// What is wrong with it.
        what: String,
    },
    /// The journal is whole, but not the one that was expected.
    #[error(
        "the journal is not the one that was expected: {expected} was its head, and {found}. \
         What stands at that position or before it was changed"
    )]
    Expected {
        /// What was noted.
        expected: ChainHead,
        /// What is there.
        found: String,
    },
    /// The index has an entry that the journal does not imply, or lacks one.
    #[error("the index {what}, the entry with the key \"{key}\". Run chat-server rebuild")]
    Entry {
        /// How it differs.
        what: String,
        /// The key, with what is no text escaped.
        key: String,
    },
    /// The index can't be read.
    #[error("the index can't be used: {0}. Run chat-server rebuild")]
    Index(String),
}

/// Findings, the first of which are kept.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) told: Vec<FindingError>,
    pub(super) count: u64,
}

impl Findings {
    /// Adds one.
    pub(super) fn add(&mut self, finding: FindingError) {
        self.count += 1;
        if self.told.len() < TOLD_MOST {
            self.told.push(finding);
        }
    }
}

//! Findings of a verification.

use chat_core::store::Position;

use crate::store::error::OpenError;
use crate::store::write::journal::ChainHead;

/// Most findings kept. Further ones are only counted.
pub(super) const TOLD_MOST: usize = 100;

/// A flaw of the store.
#[derive(Debug, thiserror::Error)]
pub enum FindingError {
    /// The journal is damaged or has lost synced data, or the file `state` can't be read.
    /// Everything behind that place was not checked.
    #[error("{0}")]
    Journal(OpenError),
    /// A record contradicts the records before it.
    #[error("position {} of the journal: {what}", position.0)]
    Record {
        /// The record.
        position: Position,
        /// A description of the flaw.
        what: String,
    },
    /// The journal is intact, but not the expected one.
    #[error(
        "the journal is not the one that was expected: {expected} was its head, and {found}. \
         What stands at that position or before it was changed"
    )]
    Expected {
        /// The noted head.
        expected: ChainHead,
        /// The journal's state, for the message.
        found: String,
    },
    /// The index has an entry that the journal does not imply, or lacks one.
    #[error("the index {what}, the entry with the key \"{key}\". Run chat-server rebuild")]
    Entry {
        /// The difference.
        what: String,
        /// The key, with other bytes than text escaped.
        key: String,
    },
    /// The index can't be read.
    #[error("the index can't be used: {0}. Run chat-server rebuild")]
    Index(String),
}

/// The first findings, and the number of all.
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

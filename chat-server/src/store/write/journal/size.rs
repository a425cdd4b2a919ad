//! The length of a journal, for progress reports.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::group::End;
use super::segment;

/// The bytes of a journal's segments at one time.
#[derive(Debug)]
pub(in crate::store) struct JournalSize {
    /// The bytes before each segment.
    before: BTreeMap<u64, u64>,
    /// Bytes of all segments.
    pub(in crate::store) bytes: u64,
}

impl JournalSize {
    /// Measures a journal.
    pub(in crate::store) fn of(journal: &Path) -> io::Result<Self> {
        let mut size = Self { before: BTreeMap::new(), bytes: 0 };
        for name in segment::list(journal)? {
            size.before.insert(name, size.bytes);
            size.bytes += fs::metadata(segment::path(journal, name))?.len();
        }
        Ok(size)
    }

    /// The bytes before an end.
    pub(in crate::store) fn before(&self, end: End) -> u64 {
        self.before.get(&end.segment).copied().unwrap_or_default() + end.offset
    }

    /// The number of segments.
    pub(in crate::store) fn segments(&self) -> usize {
        self.before.len()
    }
}

//! The content of the file, and the rules by which the file is written, cut and rewritten.

use std::io;

use chat_core::id::{ClientMessageId, UserId};

use super::disk::Disk;
use super::error::ContentError;
use super::record::{FORMAT, Header, Seal, scan};
use super::{Change, Entry};

/// Minimum of garbage bytes for rewriting the file, however small the live part.
///
/// About as much as some hundred acknowledged messages of usual length. A rewriting costs two
/// syncs.
pub(super) const GARBAGE_LEAST: u64 = 64 << 10;

/// The log of one user's outbox.
pub(super) struct Log<D> {
    disk: D,
    owner: UserId,
    seal: Seal,
    kept: Vec<StoredDraft>,
    /// Bytes of the used part of the file. The rest does not count and is cut off.
    length: u64,
    /// Whether the file is damaged and should be rewritten.
    worn: bool,
    /// Whether an operation failed that the durable state depends on. Nothing is written before
    /// [`Log::settle`] succeeds.
    unsettled: bool,
}

/// An entry, and the length of its line.
struct StoredDraft {
    entry: Entry,
    length: u64,
}

impl<D: Disk> Log<D> {
    /// Opens a log with the file's content `bytes`, and returns the number of damaged places.
    pub(super) fn open(disk: D, bytes: &[u8], owner: &UserId) -> Result<(Self, u64), ContentError> {
        let (seal, owner) = (Seal::of(owner), owner.clone());
        let mut log = Self { disk, owner, seal, kept: Vec::new(), length: 0, worn: false, unsettled: false };
        if bytes.is_empty() {
            log.rewrite().map_err(ContentError::Create)?;
            return Ok((log, 0));
        }
        let damaged = log.replay(bytes)?;
        log.tidy();
        Ok((log, damaged))
    }

    fn replay(&mut self, bytes: &[u8]) -> Result<u64, ContentError> {
        let header = Seal::of_header().read::<Header>(bytes);
        let start = match header {
            Some((Header { format, .. }, _)) if format > FORMAT => {
                return Err(ContentError::Newer { found: format, known: FORMAT });
            }
            Some((Header { owner: found, .. }, _)) if found != self.owner => {
                return Err(ContentError::OfAnotherUser { found, wanted: self.owner.clone() });
            }
            Some((_, length)) => length,
            None => 0,
        };
        let scan = scan(&self.seal, bytes, start);
        if start == 0 && scan.changes.is_empty() {
            return Err(ContentError::Unrecognised);
        }
        scan.changes.into_iter().for_each(|(change, length)| self.apply(change, length));
        self.length = scan.end as u64;
        self.worn = scan.damaged > 0;
        self.unsettled = scan.end < bytes.len();
        Ok(scan.damaged)
    }

    /// Returns the entries in the order of their insertion.
    pub(super) fn entries(&self) -> Vec<Entry> {
        self.kept.iter().map(|kept| kept.entry.clone()).collect()
    }

    /// Applies all changes or none.
    pub(super) fn write(&mut self, changes: Vec<Change>) -> io::Result<()> {
        if self.unsettled {
            self.settle()?;
        }
        let mut bytes = Vec::new();
        let lengths: Vec<u64> = changes.iter().map(|change| self.seal.write(&mut bytes, change)).collect();
        let must_last = changes.iter().any(|change| matches!(change, Change::Put(_)));
        if let Err(error) = self.append(&bytes, must_last) {
            self.unsettled = true;
            // If this fails too, the next write tries again first.
            let _ = self.settle();
            return Err(error);
        }
        self.length += bytes.len() as u64;
        changes.into_iter().zip(lengths).for_each(|(change, length)| self.apply(change, length));
        Ok(())
    }

    /// Rewrites the file if that is worth it.
    ///
    /// An error loses nothing: the old file is whole, and the next call tries again.
    pub(super) fn tidy(&mut self) {
        let live = self.live();
        if self.worn || self.length.saturating_sub(live) > live.max(GARBAGE_LEAST) {
            let _ = self.rewrite();
        }
    }

    /// Returns the bytes of the lines of all entries.
    fn live(&self) -> u64 {
        self.kept.iter().map(|kept| kept.length).sum()
    }

    fn apply(&mut self, change: Change, length: u64) {
        match change {
            Change::Put(entry) if self.place(&entry.client_message_id).is_some() => {}
            Change::Put(entry) => self.kept.push(StoredDraft { entry, length }),
            Change::Remove(id) => {
                self.place(&id).map(|place| self.kept.remove(place));
            }
        }
    }

    fn place(&self, id: &ClientMessageId) -> Option<usize> {
        self.kept.iter().position(|kept| kept.entry.client_message_id == *id)
    }

    fn append(&mut self, bytes: &[u8], must_last: bool) -> io::Result<()> {
        self.disk.write(self.length, bytes)?;
        if must_last { self.disk.sync() } else { Ok(()) }
    }

    /// Settles the durable state of the file: cuts the unused rest, and syncs the content and the
    /// name.
    fn settle(&mut self) -> io::Result<()> {
        self.disk.cut(self.length)?;
        self.disk.sync()?;
        self.disk.sync_folder()?;
        self.unsettled = false;
        Ok(())
    }

    /// Writes a second file with the entries, and replaces the first.
    fn rewrite(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        Seal::of_header().write(&mut bytes, &Header { format: FORMAT, owner: self.owner.clone() });
        for kept in &mut self.kept {
            kept.length = self.seal.write(&mut bytes, &Change::Put(kept.entry.clone()));
        }
        self.disk.draft(&bytes)?;
        self.disk.adopt()?;
        self.length = bytes.len() as u64;
        self.worn = false;
        // A crash may still bring back the old file, without later writes to the new one.
        self.unsettled = true;
        self.settle()
    }
}

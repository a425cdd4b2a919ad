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
    /// The format in which files are written.
    format: u32,
    /// The prefix of the changes in the file, by the file's own format.
    seal: Seal,
    kept: Vec<StoredDraft>,
    /// Bytes of the used part of the file. The rest does not count and is cut off.
    length: u64,
    /// Whether the file is damaged and should be rewritten.
    worn: bool,
    /// Whether the file has an older format, and must be rewritten before the next write.
    outdated: bool,
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
        Self::open_as(disk, bytes, owner, FORMAT)
    }

    /// Opens a log of a version whose newest format is `format`.
    pub(super) fn open_as(
        disk: D,
        bytes: &[u8],
        owner: &UserId,
        format: u32,
    ) -> Result<(Self, u64), ContentError> {
        let (seal, owner, kept) = (Seal::of(owner, format), owner.clone(), Vec::new());
        let (worn, outdated, unsettled) = (false, false, false);
        let mut log = Self { disk, owner, format, seal, kept, length: 0, worn, outdated, unsettled };
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
        let (start, format) = match header {
            Some((Header { format, .. }, _)) if format > self.format => {
                return Err(ContentError::Newer { found: format, known: self.format });
            }
            Some((Header { owner: found, .. }, _)) if found != self.owner => {
                return Err(ContentError::OfAnotherUser { found, wanted: self.owner.clone() });
            }
            Some((Header { format, .. }, length)) => (length, format),
            None => (0, self.format_of_changes(bytes).ok_or(ContentError::Unrecognised)?),
        };
        self.seal = Seal::of(&self.owner, format);
        self.outdated = format < self.format;
        let scan = scan(&self.seal, bytes, start);
        scan.changes.into_iter().for_each(|(change, length)| self.apply(change, length));
        self.length = scan.end as u64;
        self.worn = scan.damaged > 0;
        self.unsettled = scan.end < bytes.len();
        Ok(scan.damaged)
    }

    /// The format in which a file without a readable header has a readable change.
    fn format_of_changes(&self, bytes: &[u8]) -> Option<u32> {
        let mut formats = (1..=self.format).rev();
        formats.find(|format| !scan(&Seal::of(&self.owner, *format), bytes, 0).changes.is_empty())
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
        if self.outdated {
            self.rewrite()?;
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
        if self.worn || self.outdated || self.length.saturating_sub(live) > live.max(GARBAGE_LEAST) {
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

    /// Writes a second file with the entries, in the newest format, and replaces the first.
    fn rewrite(&mut self) -> io::Result<()> {
        let (mut bytes, seal) = (Vec::new(), Seal::of(&self.owner, self.format));
        Seal::of_header().write(&mut bytes, &Header { format: self.format, owner: self.owner.clone() });
        for kept in &mut self.kept {
            kept.length = seal.write(&mut bytes, &Change::Put(kept.entry.clone()));
        }
        self.disk.draft(&bytes)?;
        self.disk.adopt()?;
        (self.length, self.seal) = (bytes.len() as u64, seal);
        (self.worn, self.outdated) = (false, false);
        // A crash may still bring back the old file, without later writes to the new one.
        self.unsettled = true;
        self.settle()
    }
}

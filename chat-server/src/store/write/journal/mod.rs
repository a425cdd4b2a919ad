//! The journal: an append-only sequence of checked records in segments, written in groups. The
//! journal is the truth.
//!
//! A group is one write and one `fdatasync`, and is acknowledged after them. Groups overwrite zeros
//! written ahead, because syncing a growing file costs twice as much. `record`, `group` and
//! `segment` describe the format, and `recover` the start.

mod erasing;
mod fields;
mod group;
mod head;
mod read;
mod record;
mod recover;
mod salvage;
mod scan;
mod segment;
mod size;
mod synced;

use std::fs;
use std::io;
use std::mem;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chat_core::store::UnavailableError;

pub use head::{ChainHead, ParseHeadError};
pub use read::read_all;
pub use record::Record;
pub use recover::TornTail;
pub use segment::VERSION;

pub(crate) use record::{SaltPool, SaltedContent};
#[cfg(feature = "postgres")]
pub(crate) use record::{chain, open as open_event};

pub(in crate::store) use erasing::{Erasable, Erasing, ErasingStep};
pub(in crate::store) use group::{End, Group, Location};
pub(in crate::store) use read::{Groups, Reader, newest_time};
pub(in crate::store) use recover::{Inspected, KnownEnd, Recovered, inspect, recover};
pub(in crate::store) use salvage::{Hole, salvage};
pub(in crate::store) use segment::{HEADER as SEGMENT_HEADER, list as segments, path as segment_path};
pub(in crate::store) use size::JournalSize;
pub(in crate::store) use synced::Synced;

use crate::store::disk::{Disk, DiskFile};

/// Shortest segment, whatever the options say: longer than its header.
const SEGMENT_LEAST: u64 = 4 << 10;

/// Longest segment, whatever the options say: locations in a segment must fit 32 bits.
const SEGMENT_MOST: u64 = 1 << 30;

/// Bytes of zeros written ahead at a time. Dozens of large groups share the cost, and none waits
/// long.
const AHEAD: usize = 256 << 10;
static ZEROS: [u8; AHEAD] = [0; AHEAD];

/// The journal, open for writing. One thread owns it.
pub(in crate::store) struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment_bytes: u64,
    file: Box<dyn DiskFile>,
    /// The path under which the file was opened, and the identity of the file.
    place: (PathBuf, (u64, u64)),
    /// The acknowledged end. Everything before it is synced.
    end: End,
    /// End of the zeros behind the acknowledged end.
    ahead: u64,
    /// The acknowledged end, for readers.
    synced: Arc<Synced>,
    /// Remains of a failed write, to be removed before the next write.
    leftover: Option<Leftover>,
    /// Whether the last group was refused and the log says why.
    failing: bool,
}

/// Remains of a failed write beyond the acknowledged end.
#[derive(Clone, Copy)]
enum Leftover {
    /// Bytes in the segment.
    Bytes,
    /// The next segment.
    Segment,
}

impl Journal {
    /// Opens a journal at its end, or creates its first segment.
    pub(in crate::store) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        end: Option<End>,
        segment_bytes: u64,
    ) -> io::Result<Self> {
        let (file, end) = match end {
            Some(end) => (disk.open(&segment::path(dir, end.segment))?, end),
            None => new_segment(&*disk, dir, End::default())?,
        };
        let place = place_of(dir, end)?;
        let segment_bytes = segment_bytes.clamp(SEGMENT_LEAST, SEGMENT_MOST);
        Ok(Self {
            disk,
            dir: dir.to_owned(),
            segment_bytes,
            file,
            place,
            end,
            ahead: end.offset,
            synced: Arc::new(Synced::new(end)),
            leftover: None,
            failing: false,
        })
    }

    /// The acknowledged end.
    pub(in crate::store) fn end(&self) -> End {
        self.end
    }

    /// The acknowledged end, for other threads.
    pub(in crate::store) fn synced(&self) -> Arc<Synced> {
        self.synced.clone()
    }

    /// Begins a group, in a new segment if this one is full.
    ///
    /// Refuses to write to a file that was moved or removed: with its directory, later acknowledged
    /// changes would be lost. Remains of an earlier failure are removed first.
    pub(in crate::store) fn begin(&mut self) -> Result<Group, UnavailableError> {
        if id_of(&self.place.0).ok() != Some(self.place.1) {
            return Err(self.refuse(format!(
                "the journal is no longer in {}: nothing is acknowledged until the data directory is back where it \
                 was, or the server is started again",
                self.dir.display()
            )));
        }
        self.take_back().map_err(|error| self.failed(&error))?;
        if self.end.offset >= self.segment_bytes {
            self.next_segment().map_err(|error| self.undo(Leftover::Segment, &error))?;
        }
        Ok(Group::new(self.end))
    }

    /// Writes a group and syncs it. The group is durable when this returns.
    ///
    /// A failed write or sync is never repeated as it was, because the state of the disk after a
    /// failed sync is unknown. The file is cut back to the acknowledged end and synced. Nothing is
    /// acknowledged until both succeed. Trying again is always safe: bytes beyond the acknowledged
    /// end mean nothing.
    pub(in crate::store) fn commit(&mut self, group: Group) -> Result<(), UnavailableError> {
        self.commit_if(group, || true)
    }

    /// Like [`commit`](Self::commit), but asks at the end whether anybody still waits. If not, the
    /// group is taken back like a failed one.
    pub(in crate::store) fn commit_if(
        &mut self,
        group: Group,
        is_awaited: impl FnOnce() -> bool,
    ) -> Result<(), UnavailableError> {
        let (bytes, end) = group.finish();
        let written = self.file.write_at(self.end.offset, &bytes).and_then(|()| {
            self.write_ahead(end.offset);
            self.file.sync()
        });
        written.map_err(|error| self.undo(Leftover::Bytes, &error))?;
        if !is_awaited() {
            let late = io::Error::new(io::ErrorKind::TimedOut, "its disk did not answer in time");
            return Err(self.undo(Leftover::Bytes, &late));
        }
        self.end = end;
        self.synced.rise(end);
        if mem::take(&mut self.failing) {
            tracing::info!("the journal can be written again: changes are acknowledged");
        }
        Ok(())
    }

    /// Stops writing and cuts the segment at the acknowledged end, which is returned.
    pub(in crate::store) fn close(mut self) -> End {
        if let Err(error) = self.cut_back() {
            tracing::debug!(%error, "zeros are left behind the journal's end: the next start cuts them");
        }
        self.end
    }

    /// Writes zeros behind a group when none are left, at most up to the end of the segment. They
    /// make syncs faster and mean nothing; on an almost full disk the group counts without them.
    fn write_ahead(&mut self, offset: u64) {
        let left = usize::try_from(self.segment_bytes.saturating_sub(offset)).unwrap_or(AHEAD);
        let zeros = &ZEROS[..left.min(AHEAD)];
        if offset > self.ahead && !zeros.is_empty() && self.file.write_at(offset, zeros).is_ok() {
            self.ahead = offset + zeros.len() as u64;
        }
    }

    /// Cuts the segment at the acknowledged end.
    fn cut_back(&mut self) -> io::Result<()> {
        self.file.cut(self.end.offset)?;
        self.file.sync()?;
        self.ahead = self.end.offset;
        Ok(())
    }

    fn next_segment(&mut self) -> io::Result<()> {
        let (file, end) = new_segment(&*self.disk, &self.dir, self.end)?;
        self.place = place_of(&self.dir, end)?;
        (self.file, self.end, self.ahead) = (file, end, end.offset);
        Ok(())
    }

    fn undo(&mut self, leftover: Leftover, error: &io::Error) -> UnavailableError {
        self.leftover = Some(leftover);
        // After a failure the next group tries again and reports it.
        let _ = self.take_back();
        self.failed(error)
    }

    fn take_back(&mut self) -> io::Result<()> {
        match self.leftover {
            None => return Ok(()),
            Some(Leftover::Bytes) => self.cut_back()?,
            Some(Leftover::Segment) => {
                let path = segment::path(&self.dir, self.end.position.0 + 1);
                match self.disk.remove(&path) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
                    removed => removed,
                }?;
                self.disk.sync_directory(&self.dir)?;
            }
        }
        self.leftover = None;
        Ok(())
    }

    fn failed(&mut self, error: &io::Error) -> UnavailableError {
        self.refuse(format!(
            "could not write the journal in {} ({error}): nothing is acknowledged until it can be written again. \
             Check the space on its disk, and whether the disk is sound",
            self.dir.display()
        ))
    }

    /// Refuses with this reason. Only the first refusal is logged, because every request may cause
    /// one.
    fn refuse(&mut self, reason: String) -> UnavailableError {
        if !mem::replace(&mut self.failing, true) {
            tracing::error!(position = self.end.position.0, "{reason}");
        }
        UnavailableError::new(reason)
    }
}

/// The path of the segment with this end, and the identity of its file.
fn place_of(dir: &Path, end: End) -> io::Result<(PathBuf, (u64, u64))> {
    let path = segment::path(dir, end.segment);
    let id = id_of(&path)?;
    Ok((path, id))
}

/// The device and inode of a file.
fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Creates the segment after `end`. Its header and its name are synced before anything else is
/// written.
fn new_segment(disk: &dyn Disk, dir: &Path, end: End) -> io::Result<(Box<dyn DiskFile>, End)> {
    let name = end.position.0 + 1;
    let mut file = disk.create(&segment::path(dir, name))?;
    file.write_at(0, &segment::encode_header(&end))?;
    file.sync()?;
    disk.sync_directory(dir)?;
    Ok((file, End { segment: name, offset: segment::HEADER, ..end }))
}

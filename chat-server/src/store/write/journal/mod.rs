//! The journal: the truth. An append-only sequence of checked records in segments, written in groups.
//!
//! A group is one write and one `fdatasync`, and is acknowledged after that. It is written over zeros that were put there
//! before: a sync of a file that grows costs twice as much. See `record`, `group` and `segment` for the format and
//! `recover` for what a start makes of it.

mod erasing;
mod event;
mod fields;
mod group;
mod head;
mod read;
mod record;
mod recover;
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

pub use event::{ConversationCreated, Event, MembershipChanged, MessageAppended};
pub use head::{ChainHead, ParseHeadError};
pub use read::read_all;
pub use record::{Content, Hash, ParseHashError, Record};
pub use recover::TornTail;
pub use segment::VERSION;

pub(in crate::store) use erasing::{Erasable, Erasing, ErasingStep};
pub(in crate::store) use group::{End, Group, Location};
pub(in crate::store) use read::{Groups, Reader};
pub(in crate::store) use record::{SaltPool, SaltedContent};
pub(in crate::store) use recover::{Inspected, KnownEnd, Recovered, inspect, recover};
pub(in crate::store) use segment::{HEADER as SEGMENT_HEADER, list as segments, path as segment_path};
pub(in crate::store) use size::JournalSize;
pub(in crate::store) use synced::Synced;

use crate::store::disk::{Disk, DiskFile};

/// Shortest segment before a new one is begun, whatever the options say: longer than its header.
const SEGMENT_LEAST: u64 = 4 << 10;

/// Longest segment before a new one is begun, whatever the options say: places in it must fit 32 bits.
const SEGMENT_MOST: u64 = 1 << 30;

/// Bytes of zeros that are written ahead of the end at a time: some dozens of large groups share their cost, and none
/// waits long for them.
const AHEAD: usize = 256 << 10;
static ZEROS: [u8; AHEAD] = [0; AHEAD];

/// The journal, open for writing. There is one, and one thread has it.
pub(in crate::store) struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment_bytes: u64,
    file: Box<dyn DiskFile>,
    /// Where that file was opened, and which one it is.
    place: (PathBuf, (u64, u64)),
    /// The acknowledged end: all before it is synced.
    end: End,
    /// Up to where the segment holds zeros behind the end.
    ahead: u64,
    /// The same for who reads what is written.
    synced: Arc<Synced>,
    /// What has to be taken back before anything else is written.
    leftover: Option<Leftover>,
    /// Whether the last group was refused, and the log says why.
    failing: bool,
}

/// What a failed write left beyond the acknowledged end.
#[derive(Clone, Copy)]
enum Leftover {
    /// Bytes in the segment.
    Bytes,
    /// The segment after it.
    Segment,
}

impl Journal {
    /// Opens a journal at its end, or makes its first segment.
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

    /// The same, from any thread and while it rises.
    pub(in crate::store) fn synced(&self) -> Arc<Synced> {
        self.synced.clone()
    }

    /// Begins a group, in a new segment if this one is full.
    ///
    /// A file that is no longer where it was opened is not written to: who removes a directory would take with it what
    /// is acknowledged afterwards. What an earlier failure left is taken back first.
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

    /// Writes a group and syncs it: it is durable when this returns.
    ///
    /// A write or sync that failed is never tried again as it was, for what a failed sync left on disk is not
    /// known. The file is cut back to the acknowledged end, and that is synced; while this fails too, nothing is
    /// acknowledged. It can be tried as often as it takes, for what stands beyond that end means nothing.
    pub(in crate::store) fn commit(&mut self, group: Group) -> Result<(), UnavailableError> {
        let (bytes, end) = group.finish();
        let written = self.file.write_at(self.end.offset, &bytes).and_then(|()| {
            self.write_ahead(end.offset);
            self.file.sync()
        });
        written.map_err(|error| self.undo(Leftover::Bytes, &error))?;
        self.end = end;
        self.synced.rise(end);
        if mem::take(&mut self.failing) {
            tracing::info!("the journal can be written again: changes are acknowledged");
        }
        Ok(())
    }

    /// Ends the writing: gives the end, which is where the segment ends too.
    pub(in crate::store) fn close(mut self) -> End {
        if let Err(error) = self.cut_back() {
            tracing::debug!(%error, "zeros are left behind the journal's end: the next start cuts them");
        }
        self.end
    }

    /// Writes zeros behind a group, if there are none left, and none beyond where the segment is full: they are all
    /// written over when the next one is begun. They make a sync faster and mean nothing, so a group counts without them
    /// too: on a disk that is almost full, say.
    fn write_ahead(&mut self, offset: u64) {
        let left = usize::try_from(self.segment_bytes.saturating_sub(offset)).unwrap_or(AHEAD);
        let zeros = &ZEROS[..left.min(AHEAD)];
        if offset > self.ahead && !zeros.is_empty() && self.file.write_at(offset, zeros).is_ok() {
            self.ahead = offset + zeros.len() as u64;
        }
    }

    /// Cuts off what stands behind the acknowledged end.
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
        // If it fails, it is tried again before the next group, and said then.
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

    /// Says why nothing is acknowledged: in the log only the first time, for it may be asked of every request.
    fn refuse(&mut self, reason: String) -> UnavailableError {
        if !mem::replace(&mut self.failing, true) {
            tracing::error!(position = self.end.position.0, "{reason}");
        }
        UnavailableError::new(reason)
    }
}

/// The path of the segment that ends here, and which file stands there.
fn place_of(dir: &Path, end: End) -> io::Result<(PathBuf, (u64, u64))> {
    let path = segment::path(dir, end.segment);
    let id = id_of(&path)?;
    Ok((path, id))
}

/// What tells a file from every other.
fn id_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Makes the segment after `end`: its header is synced, and its name too, before anything is written to it.
fn new_segment(disk: &dyn Disk, dir: &Path, end: End) -> io::Result<(Box<dyn DiskFile>, End)> {
    let name = end.position.0 + 1;
    let mut file = disk.create(&segment::path(dir, name))?;
    file.write_at(0, &segment::encode_header(&end))?;
    file.sync()?;
    disk.sync_directory(dir)?;
    Ok((file, End { segment: name, offset: segment::HEADER, ..end }))
}

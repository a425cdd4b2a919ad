//! The journal: the truth. An append-only sequence of checked records in segments, written in groups.
//!
//! A group is one write and one `fdatasync`, and is acknowledged after that. See [`record`], [`group`] and
//! [`segment`] for the format and [`recover`] for what a start makes of it.

mod event;
mod fields;
mod group;
mod read;
mod record;
mod recover;
mod scan;
mod segment;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chat_core::store::Unavailable;

pub use event::{ConversationCreated, Event, MembershipChanged, MessageAppended};
pub use read::read_all;
pub use record::{Content, Hash, Record};
pub use recover::Cut;
pub use segment::VERSION;

pub(super) use group::{End, Group, Location};
pub(super) use read::{Groups, Reader};
pub(super) use record::Sealed;
pub(super) use recover::{Recovered, Witness, recover};

use super::disk::{Disk, DiskFile};

/// Shortest segment before a new one is begun, whatever the options say: longer than its header.
const SEGMENT_LEAST: u64 = 4 << 10;

/// Longest segment before a new one is begun, whatever the options say: places in it must fit 32 bits.
const SEGMENT_MOST: u64 = 1 << 30;

/// The journal, open for writing. There is one, and one thread has it.
pub(super) struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    segment_bytes: u64,
    file: Box<dyn DiskFile>,
    /// The acknowledged end: all before it is synced.
    end: End,
    /// Why nothing is acknowledged any more.
    broken: Option<String>,
}

impl Journal {
    /// Opens a journal at its end, or makes its first segment.
    pub(super) fn open(
        disk: Arc<dyn Disk>,
        dir: &Path,
        end: Option<End>,
        segment_bytes: u64,
    ) -> io::Result<Self> {
        let (file, end) = match end {
            Some(end) => (disk.open(&segment::path(dir, end.segment))?, end),
            None => new_segment(&*disk, dir, End::default())?,
        };
        let segment_bytes = segment_bytes.clamp(SEGMENT_LEAST, SEGMENT_MOST);
        Ok(Self { disk, dir: dir.to_owned(), segment_bytes, file, end, broken: None })
    }

    /// The acknowledged end.
    pub(super) fn end(&self) -> End {
        self.end
    }

    /// Begins a group, in a new segment if this one is full.
    pub(super) fn begin(&mut self) -> Result<Group, Unavailable> {
        if let Some(reason) = &self.broken {
            return Err(Unavailable::new(reason));
        }
        if self.end.offset >= self.segment_bytes {
            match new_segment(&*self.disk, &self.dir, self.end) {
                Ok((file, end)) => (self.file, self.end) = (file, end),
                Err(error) => return Err(self.undo_segment(&error)),
            }
        }
        Ok(Group::new(self.end))
    }

    /// Writes a group and syncs it: it is durable when this returns.
    ///
    /// A write or sync that failed is never tried again as it was, for what a failed sync left on disk is not
    /// known. The file is cut back to the acknowledged end, and that is synced; if this fails too, nothing is
    /// acknowledged any more until the store is opened anew.
    pub(super) fn commit(&mut self, group: Group) -> Result<(), Unavailable> {
        if let Some(reason) = &self.broken {
            return Err(Unavailable::new(reason));
        }
        let (bytes, end) = group.finish();
        let written = self.file.write_at(self.end.offset, &bytes).and_then(|()| self.file.sync());
        match written {
            Ok(()) => {
                self.end = end;
                Ok(())
            }
            Err(error) => Err(self.cut_back(&error)),
        }
    }

    fn cut_back(&mut self, error: &io::Error) -> Unavailable {
        let undone = self.file.cut(self.end.offset).and_then(|()| self.file.sync());
        self.failed(error, undone)
    }

    fn undo_segment(&mut self, error: &io::Error) -> Unavailable {
        let path = segment::path(&self.dir, self.end.position.0 + 1);
        let removed = match self.disk.remove(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        };
        let undone = removed.and_then(|()| self.disk.sync_directory(&self.dir));
        self.failed(error, undone)
    }

    fn failed(&mut self, error: &io::Error, undone: io::Result<()>) -> Unavailable {
        let position = self.end.position.0;
        match undone {
            Ok(()) => {
                tracing::error!(%error, position, "could not write the journal; went back to its synced end");
            }
            Err(then) => {
                let reason = format!(
                    "the journal could not be written ({error}), nor brought back to its synced end, \
                     position {position} ({then}): restart the server once the disk is sound"
                );
                tracing::error!("{reason}");
                self.broken = Some(reason);
            }
        }
        Unavailable::new(format!("the journal could not be written: {error}"))
    }
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

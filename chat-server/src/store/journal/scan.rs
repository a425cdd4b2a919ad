//! Reading segments group by group, with all that is checked on the way.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use chat_core::store::Position;

use super::group::{self, End, Location};
use super::record::{Framed, Record};
use super::segment::{self, BadHeader};
use crate::store::error::{Damage, OpenError};

/// How much is checked of what is read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Depth {
    /// Checksums and positions: as fast as the disk, for what was checked whole before.
    Checksums,
    /// The chain, the events and the hashes of contents too.
    Whole,
}

/// A segment that is read from its start or from a known end.
pub(super) struct SegmentReader {
    path: PathBuf,
    file: File,
    length: u64,
    end: End,
}

/// What was found where the next group should stand.
pub(super) enum Step {
    /// A group, with its records at [`Depth::Whole`].
    Group(Vec<(Location, Record)>),
    /// The end of the segment.
    End,
    /// Something else.
    Bad(&'static str),
}

impl SegmentReader {
    /// Opens a segment, and says what is wrong with its header.
    pub(super) fn open(journal: &Path, name: u64) -> Result<(Self, Option<&'static str>), OpenError> {
        let path = segment::path(journal, name);
        let file = File::open(&path).map_err(OpenError::io("open", &path))?;
        let length = file.metadata().map_err(OpenError::io("read", &path))?.len();
        let header = read(&file, 0, segment::HEADER.min(length)).map_err(OpenError::io("read", &path))?;
        let nowhere = End { position: Position(name.saturating_sub(1)), segment: name, ..End::default() };
        let (end, bad) = match segment::decode_header(&header, name) {
            Ok(end) => (end, None),
            Err(BadHeader::Damaged(what)) => (nowhere, Some(what)),
            Err(BadHeader::Newer(found)) => {
                return Err(OpenError::Newer { file: path, found, known: segment::VERSION });
            }
        };
        Ok((Self { path, file, length, end }, bad))
    }

    /// Goes to an end that is known to stand in this segment, and is known to be right.
    pub(super) fn seek(&mut self, end: End) {
        self.end = end;
    }

    /// How far it has read.
    pub(super) fn end(&self) -> End {
        self.end
    }

    /// How many bytes the file has.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What a bad step means if it is no torn tail.
    pub(super) fn damage(&self, what: &str) -> Damage {
        let position = Position(self.end.position.0 + 1);
        Damage { file: self.path.clone(), offset: self.end.offset, position, what: what.to_owned() }
    }

    /// Reads the next group.
    pub(super) fn step(&mut self, depth: Depth) -> io::Result<Step> {
        let left = self.length.saturating_sub(self.end.offset);
        if left == 0 {
            return Ok(Step::End);
        }
        let head = read(&self.file, self.end.offset, left.min(group::HEADER as u64))?;
        let header = match group::Header::decode(&head) {
            Ok(header) => header,
            Err(what) => return Ok(Step::Bad(what)),
        };
        let length = u64::from(header.length);
        if length > group::BYTES_MOST as u64 || length > left - group::HEADER as u64 {
            return Ok(Step::Bad("a group is cut short"));
        }
        let before = &header.before;
        let here = (self.end.position, self.end.segment, self.end.offset);
        if (before.position, before.segment, before.offset) != here || header.first.0 != here.0.0 + 1 {
            return Ok(Step::Bad("a group does not follow the one before it"));
        }
        let records = read(&self.file, self.end.offset + group::HEADER as u64, length)?;
        Ok(match self.records(&records, header.records, depth) {
            Ok((end, found)) => {
                self.end = end;
                Step::Group(found)
            }
            Err(what) => Step::Bad(what),
        })
    }

    fn records(
        &self,
        bytes: &[u8],
        count: u32,
        depth: Depth,
    ) -> Result<(End, Vec<(Location, Record)>), &'static str> {
        let start = self.end.offset + group::HEADER as u64;
        let mut found = Vec::new();
        let mut end = self.end;
        let mut rest = bytes;
        for _ in 0..count {
            let offset = start + (bytes.len() - rest.len()) as u64;
            let (framed, after) = Framed::split(rest)?;
            if framed.position().0 != end.position.0 + 1 {
                return Err("a record does not have the next position");
            }
            if depth == Depth::Whole {
                if framed.previous() != end.chain {
                    return Err("a record does not follow the one before it: its chain is broken");
                }
                let offset = u32::try_from(offset).map_err(|_| "a segment is longer than any may be")?;
                found.push((Location { segment: end.segment, offset }, framed.open()?));
            }
            end.position = framed.position();
            if depth == Depth::Whole || after.is_empty() {
                end.chain = framed.hash();
            }
            rest = after;
        }
        end.offset = start + bytes.len() as u64;
        rest.is_empty().then_some((end, found)).ok_or("a group is longer than its records")
    }

    /// Whether a group's header behind the present end shows that the records here were synced.
    ///
    /// A group is written only after all before it was synced, so the header alone is proof.
    pub(super) fn synced_by_later_group(&self) -> io::Result<bool> {
        const STEP: u64 = 1 << 20;
        let mut offset = self.end.offset + 1;
        while offset < self.length {
            let bytes = read(&self.file, offset, (STEP + group::HEADER as u64).min(self.length - offset))?;
            let found = bytes.windows(group::HEADER).filter(|window| window.starts_with(&group::MAGIC));
            let mut headers = found.filter_map(|window| group::Header::decode(window).ok());
            if headers.any(|header| header.before.position > self.end.position) {
                return Ok(true);
            }
            offset += STEP;
        }
        Ok(false)
    }
}

fn read(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    file.read_exact_at(&mut bytes, offset)?;
    Ok(bytes)
}

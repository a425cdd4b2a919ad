//! Reading segments group by group, with every check on the way.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use chat_core::store::Position;

use super::erasing::{Erasing, ErasingStep};
use super::group::{self, End, Location};
use super::read::ReadGroup;
use super::record::{self, Framed, Record};
use super::segment::{self, BadHeader};
use crate::store::error::{DamageError, OpenError};

/// Bytes at the end of a segment to search first for its last group. Most groups are far shorter.
const TAIL: u64 = 256 << 10;

/// The thoroughness of checks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Depth {
    /// Checksums and positions, for segments that were fully checked before.
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

/// The result of reading one step.
pub(super) enum ScanStep {
    /// A group, with its records at [`Depth::Whole`].
    Group(Vec<(Location, Record)>),
    /// The end of the segment.
    End,
    /// A flaw.
    Bad(Flaw),
}

/// Bytes that differ from the written ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flaw {
    /// A description.
    what: &'static str,
    /// The offset in the segment.
    offset: u64,
    /// The position expected here.
    position: Position,
    /// Whether a later group proves that the expected group was synced.
    synced: bool,
}

impl Flaw {
    /// A flaw directly behind an end.
    fn behind(end: End, what: &'static str) -> Self {
        Self { what, offset: end.offset, position: Position(end.position.0 + 1), synced: false }
    }

    /// Whether a later group proves that the expected group was synced.
    pub(super) fn was_synced(self) -> bool {
        self.synced
    }
}

impl SegmentReader {
    /// Opens a segment. Returns the flaw of its header, if any.
    pub(super) fn open(journal: &Path, name: u64) -> Result<(Self, Option<Flaw>), OpenError> {
        let path = segment::path(journal, name);
        let file = File::open(&path).map_err(OpenError::io("open", &path))?;
        let length = file.metadata().map_err(OpenError::io("read", &path))?.len();
        let header = read(&file, 0, segment::HEADER.min(length)).map_err(OpenError::io("read", &path))?;
        let nowhere = End { position: Position(name.saturating_sub(1)), segment: name, ..End::default() };
        let (end, bad) = match segment::decode_header(&header, name) {
            Ok(end) => (end, None),
            Err(BadHeader::Damaged(what)) => (nowhere, Some(Flaw::behind(nowhere, what))),
            Err(BadHeader::Newer(found)) => {
                return Err(OpenError::Newer { file: path, found, known: segment::VERSION });
            }
        };
        let reader = Self { path, file, length, end };
        let synced =
            bad.is_some() && reader.synced_by_later_group().map_err(OpenError::io("read", &reader.path))?;
        Ok((reader, bad.map(|flaw| Flaw { synced, ..flaw })))
    }

    /// Moves to an end that is known to be valid in this segment.
    pub(super) fn seek(&mut self, end: End) {
        self.end = end;
    }

    /// The end of the groups read.
    pub(super) fn end(&self) -> End {
        self.end
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The damage that a flaw means unless it is a torn tail.
    pub(super) fn damage(&self, flaw: Flaw) -> DamageError {
        let Flaw { what, offset, position, .. } = flaw;
        DamageError { file: self.path.clone(), offset, position, what: what.to_owned() }
    }

    /// The flaw of a segment that does not continue the previous one, which ends at `before`.
    pub(super) fn does_not_follow(&self, before: End) -> Option<Flaw> {
        let follows = (self.end.position, self.end.chain) == (before.position, before.chain);
        let start = End { offset: 0, ..before };
        (!follows).then(|| Flaw::behind(start, "the segment does not follow the one before it"))
    }

    /// Moves to the last group if it ends with the file, without reading the groups before.
    pub(super) fn skip_to_last_group(&mut self) -> io::Result<()> {
        let mut tail = TAIL.min(self.length);
        loop {
            let offset = self.length - tail;
            let bytes = read(&self.file, offset, tail)?;
            let mut places = (offset..self.length).zip(bytes.windows(group::HEADER));
            if let Some(before) = places.find_map(|(place, header)| self.last_group(place, header)) {
                self.end = before;
                return Ok(());
            }
            if offset == 0 || tail >= group::BYTES_MOST as u64 {
                return Ok(());
            }
            tail = (tail * 4).min(self.length);
        }
    }

    /// The end before the group whose header stands at `place`, if it is the last one of the
    /// segment.
    fn last_group(&self, place: u64, header: &[u8]) -> Option<End> {
        let is_group = header.starts_with(&group::MAGIC) && self.stands_at(place, header);
        let header = group::GroupHeader::decode(header).ok().filter(|_| is_group)?;
        let end = place + group::HEADER as u64 + u64::from(header.length);
        (end == self.length).then_some(header.before)
    }

    /// Reads the next group.
    ///
    /// A running server may be writing the group. A later group proves that it was synced; it is
    /// then complete, and read once more.
    pub(super) fn step(&mut self, depth: Depth) -> io::Result<ScanStep> {
        match self.try_step(depth)? {
            ScanStep::Bad(_) if self.synced_by_later_group()? => match self.try_step(depth)? {
                ScanStep::Bad(flaw) => Ok(ScanStep::Bad(Flaw { synced: true, ..flaw })),
                step => Ok(step),
            },
            step => Ok(step),
        }
    }

    fn try_step(&mut self, depth: Depth) -> io::Result<ScanStep> {
        let left = self.length.saturating_sub(self.end.offset);
        if left == 0 {
            return Ok(ScanStep::End);
        }
        let bad = |what| Ok(ScanStep::Bad(Flaw::behind(self.end, what)));
        let head = read(&self.file, self.end.offset, left.min(group::HEADER as u64))?;
        let header = match group::GroupHeader::decode(&head) {
            Ok(header) => header,
            Err(_) if self.written_behind()? == 0 => return Ok(ScanStep::End),
            Err(what) => return bad(what),
        };
        let length = u64::from(header.length);
        if length > group::BYTES_MOST as u64 || length > left - group::HEADER as u64 {
            return bad("a group is cut short");
        }
        let before = &header.before;
        let here = (self.end.position, self.end.segment, self.end.offset);
        if (before.position, before.segment, before.offset) != here || header.first.0 != here.0.0 + 1 {
            return bad("a group does not follow the one before it");
        }
        let mut read = self.records(header, depth, None)?;
        if read.is_err()
            && let Ok(Some(erasing)) = Erasing::read(self.path.parent().unwrap_or(Path::new(".")))
        {
            // Content may have been erased under this read.
            read = self.records(header, depth, Some(&erasing))?;
        }
        Ok(match read {
            Ok((end, found)) => {
                self.end = end;
                ScanStep::Group(found)
            }
            Err(flaw) => ScanStep::Bad(flaw),
        })
    }

    /// Reads the group at the present end with its damaged texts as erased ones, and moves behind
    /// it. `None` if more than texts is damaged.
    pub(super) fn step_over_texts(&mut self) -> io::Result<Option<Vec<(Location, Record)>>> {
        let left = self.length.saturating_sub(self.end.offset);
        let head = read(&self.file, self.end.offset, left.min(group::HEADER as u64))?;
        let Ok(header) = group::GroupHeader::decode(&head) else { return Ok(None) };
        let until = End { offset: u64::MAX, ..self.end };
        let everything = Erasing::new(End::default(), Some(ErasingStep { from: 0, until, of: None }));
        let read = self.records(header, Depth::Whole, Some(&everything))?;
        Ok(read.ok().map(|(end, records)| {
            self.end = end;
            records
        }))
    }

    /// Moves to the first sound group of a segment whose own header is bad. Returns whether one
    /// exists.
    pub(super) fn seek_first_group(&mut self) -> io::Result<bool> {
        self.end.offset = segment::HEADER - 1;
        let first = self.next_group()?;
        self.end = first.unwrap_or(self.end);
        Ok(first.is_some())
    }

    /// The end before the next group whose header stands at its place. The chain is the one that
    /// its first record names.
    pub(super) fn next_group(&self) -> io::Result<Option<End>> {
        const RECORD: usize = group::HEADER + record::HEADER;
        let mut from = self.end.offset + 1;
        while let Some(place) = self.proven_group(from)? {
            let head = read(&self.file, place, (self.length - place).min(RECORD as u64))?;
            let group = group::GroupHeader::decode(&head);
            let first = head.get(group::HEADER..).map(record::RecordHeader::decode);
            if let (Ok(group), Some(Ok(first))) = (group, first) {
                return Ok(Some(End { chain: first.previous(), ..group.before }));
            }
            from = place + 1;
        }
        Ok(None)
    }

    /// Bytes written behind the present end, without the zeros at the end of the file.
    pub(super) fn written_behind(&self) -> io::Result<u64> {
        const STEP: u64 = 64 << 10;
        let mut behind = self.length;
        while behind > self.end.offset {
            let offset = behind.saturating_sub(STEP).max(self.end.offset);
            let bytes = read(&self.file, offset, behind - offset)?;
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                return Ok(offset + last as u64 + 1 - self.end.offset);
            }
            behind = offset;
        }
        Ok(0)
    }

    /// Reads the records of the group at the present end. Returns them with the end behind them.
    fn records(
        &self,
        header: group::GroupHeader,
        depth: Depth,
        erasing: Option<&Erasing>,
    ) -> io::Result<Result<ReadGroup, Flaw>> {
        let start = End { offset: self.end.offset + group::HEADER as u64, ..self.end };
        let bytes = read(&self.file, start.offset, u64::from(header.length))?;
        let mut records = Records { end: start, rest: &bytes, depth, erasing, found: Vec::new() };
        Ok(match records.read(header.records) {
            Ok(()) => Ok((records.end, records.found)),
            Err(what) => Err(Flaw::behind(records.end, what)),
        })
    }

    /// Whether the header of a later group proves that the group at the present end was synced.
    ///
    /// A group is written only after everything before it was synced. A header proves that only at
    /// the place it names, because after a power cut, blocks of removed files may appear behind the
    /// end.
    fn synced_by_later_group(&self) -> io::Result<bool> {
        Ok(self.proven_group(self.end.offset + 1)?.is_some())
    }

    /// The first group header at or after this offset that stands at the place it names.
    fn proven_group(&self, mut offset: u64) -> io::Result<Option<u64>> {
        const STEP: u64 = 1 << 20;
        while offset < self.length {
            let bytes = read(&self.file, offset, (STEP + group::HEADER as u64).min(self.length - offset))?;
            let places = (offset..).zip(bytes.windows(group::HEADER));
            let mut found = places.filter(|(_, window)| window.starts_with(&group::MAGIC));
            if let Some((place, _)) = found.find(|(place, header)| self.stands_at(*place, header)) {
                return Ok(Some(place));
            }
            offset += STEP;
        }
        Ok(None)
    }

    /// Whether the header of a group of this segment stands at `place`.
    fn stands_at(&self, place: u64, header: &[u8]) -> bool {
        let here = (self.end.segment, place);
        group::GroupHeader::decode(header)
            .is_ok_and(|header| (header.before.segment, header.before.offset) == here)
    }
}

/// The records of a group during reading.
struct Records<'a> {
    /// The end of the last record read.
    end: End,
    rest: &'a [u8],
    depth: Depth,
    erasing: Option<&'a Erasing>,
    found: Vec<(Location, Record)>,
}

impl Records<'_> {
    fn read(&mut self, count: u32) -> Result<(), &'static str> {
        (0..count).try_for_each(|_| self.read_one())?;
        self.rest.is_empty().then_some(()).ok_or("a group is longer than its records")
    }

    fn read_one(&mut self) -> Result<(), &'static str> {
        let offset = u32::try_from(self.end.offset).map_err(|_| "a segment is longer than any may be")?;
        let location = Location { segment: self.end.segment, offset };
        let erasing = self.erasing.is_some_and(|erasing| erasing.covers(location));
        let (framed, after) = Framed::split(self.rest, erasing)?;
        if framed.position().0 != self.end.position.0 + 1 {
            return Err("a record does not have the next position");
        }
        if self.depth == Depth::Whole {
            if framed.previous() != self.end.chain {
                return Err("a record does not follow the one before it: its chain is broken");
            }
            self.found.push((location, framed.open()?));
        }
        self.end.position = framed.position();
        self.end.offset += (self.rest.len() - after.len()) as u64;
        if self.depth == Depth::Whole || after.is_empty() {
            self.end.chain = framed.hash();
        }
        self.rest = after;
        Ok(())
    }
}

/// Reads bytes that the file had when it was opened. A running server may have cut zeros off since.
fn read(file: &File, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    let mut done = 0;
    while done < bytes.len() {
        match file.read_at(&mut bytes[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(bytes)
}

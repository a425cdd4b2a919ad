//! Recovery at a start: tells damage from a torn tail.
//!
//! Some ends are known to have been synced: the index and the file `state` each name one, every
//! group's header names the end before it, and a segment is begun only after the previous one is
//! complete. Bad data before a known end is damage: the store is refused and nothing is changed.
//! Bad data beyond all known ends was never acknowledged: a torn tail, which is cut and reported.

use std::io;
use std::path::{Path, PathBuf};

use chat_core::store::Position;

use super::group::{End, Location};
use super::record::Record;
use super::scan::{Depth, Flaw, ScanStep, SegmentReader};
use super::segment;
use crate::store::disk::Disk;
use crate::store::error::{DamageError, OpenError};

/// An end known to have been synced.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct KnownEnd {
    /// The source of this knowledge, for messages.
    pub(in crate::store) name: &'static str,
    /// The end.
    pub(in crate::store) end: End,
}

/// A torn tail after it was cut. Nothing in it was acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    /// The segment.
    pub file: PathBuf,
    /// The offset of the cut.
    pub offset: u64,
    /// Bytes that were cut off, without the zeros written ahead.
    pub bytes: u64,
    /// The position of the first lost record.
    pub position: Position,
    /// A description of the flaw.
    pub what: String,
}

/// The result of a recovery.
#[derive(Debug)]
pub(in crate::store) struct Recovered {
    /// The end of the journal; `None` without any segment.
    pub(in crate::store) end: Option<End>,
    /// The tail that was cut.
    pub(in crate::store) cut: Option<TornTail>,
}

/// The result of an inspection.
pub(in crate::store) struct Inspected {
    /// The end of the journal; `None` without any segment.
    pub(in crate::store) end: Option<End>,
    /// Unacknowledged bytes beyond the end.
    pub(in crate::store) tail: Option<UncutTail>,
}

/// A torn tail that was not cut.
pub(in crate::store) struct UncutTail {
    reader: SegmentReader,
    flaw: Flaw,
    bytes: u64,
}

impl UncutTail {
    /// Describes the tail as if it were cut.
    pub(in crate::store) fn describe(&self) -> TornTail {
        let end = self.reader.end();
        let DamageError { file, what, .. } = self.reader.damage(self.flaw);
        let position = Position(end.position.0 + 1);
        TornTail { file, offset: end.offset, bytes: self.bytes, position, what }
    }

    fn cut(&self, disk: &dyn Disk, journal: &Path) -> Result<TornTail, OpenError> {
        let path = self.reader.path();
        let done: io::Result<()> = match self.reader.end().offset {
            0 => disk.remove(path).and_then(|()| disk.sync_directory(journal)),
            offset => disk.open(path).and_then(|mut file| file.cut(offset).and_then(|()| file.sync())),
        };
        done.map_err(OpenError::io("cut the torn tail of", path))?;
        let cut = self.describe();
        let TornTail { offset, bytes, what, .. } = &cut;
        tracing::warn!(file = %path.display(), offset, bytes, what, "cut a torn tail: it was never acknowledged");
        Ok(cut)
    }
}

/// A callback for each group, with the end behind it.
pub(in crate::store) type Visit<'a> =
    &'a mut dyn FnMut(End, Vec<(Location, Record)>) -> Result<(), OpenError>;

/// Checks the journal, cuts a torn tail and the zeros written ahead, and syncs the rest.
///
/// `progress` receives the position at each segment. Unless a store may `begin`, a journal without
/// any record is left as it is, and has no end. [`inspect`] describes the other parameters.
pub(in crate::store) fn recover(
    disk: &dyn Disk,
    journal: &Path,
    witnesses: &[KnownEnd],
    whole_from: u64,
    begin: bool,
    progress: &dyn Fn(Position),
) -> Result<Recovered, OpenError> {
    let mut segment = 0;
    let mut visit = |end: End, _| {
        if std::mem::replace(&mut segment, end.segment) != end.segment {
            progress(end.position);
        }
        Ok(())
    };
    let Inspected { end, tail } = inspect(journal, witnesses, whole_from, &mut visit)?;
    if !begin && end.is_none_or(|end| end.position.0 == 0) {
        return Ok(Recovered { end: None, cut: None });
    }
    let cut = tail.map(|tail| tail.cut(disk, journal)).transpose()?;
    if let Some(end) = end {
        let path = segment::path(journal, end.segment);
        let cut = disk.open(&path).and_then(|mut file| file.cut(end.offset).and_then(|()| file.sync()));
        cut.map_err(OpenError::io("sync", &path))?;
    }
    disk.sync_directory(journal).map_err(OpenError::io("sync", journal))?;
    Ok(Recovered { end, cut })
}

/// Checks the journal without changing anything.
///
/// Segments before `whole_from` were fully checked before. A start must not take longer as the
/// store grows, therefore only the last group of each is read, to check that the next segment
/// continues it. `visit` does not get their records. Damage in their other groups is found when
/// they are read.
pub(in crate::store) fn inspect(
    journal: &Path,
    witnesses: &[KnownEnd],
    whole_from: u64,
    visit: Visit<'_>,
) -> Result<Inspected, OpenError> {
    let segments = segment::list(journal).map_err(OpenError::io("list", journal))?;
    let mut walk = RecoveryWalk { end: None, unseen: witnesses.to_vec() };
    let mut tail = None;
    for (index, name) in segments.iter().enumerate() {
        let (mut reader, bad) = SegmentReader::open(journal, *name)?;
        let bad = match bad {
            Some(flaw) => Some(flaw),
            None => walk.segment(&mut reader, *name < whole_from, visit)?,
        };
        if let Some(flaw) = bad {
            let last = index + 1 == segments.len();
            if !last || walk.is_witnessed(&reader, flaw) {
                return Err(reader.damage(flaw).into());
            }
            let bytes = reader.written_behind().map_err(OpenError::io("read", reader.path()))?;
            tail = Some(UncutTail { reader, flaw, bytes });
        }
    }
    walk.check_witnesses(journal)?;
    Ok(Inspected { end: walk.end, tail })
}

/// Progress of the walk over the segments.
struct RecoveryWalk {
    end: Option<End>,
    /// Known ends that were not met yet.
    unseen: Vec<KnownEnd>,
}

impl RecoveryWalk {
    /// Walks over a segment. Returns the flaw at which the reader stopped.
    fn segment(
        &mut self,
        reader: &mut SegmentReader,
        known: bool,
        visit: Visit<'_>,
    ) -> Result<Option<Flaw>, OpenError> {
        if let Some(flaw) = reader.does_not_follow(self.end.unwrap_or_default()) {
            return Err(reader.damage(flaw).into());
        }
        self.reach(reader.end());
        let segment = reader.end().segment;
        if known && self.unseen.iter().all(|witness| witness.end.segment != segment) {
            reader.skip_to_last_group().map_err(OpenError::io("read", reader.path()))?;
        }
        let depth = if known { Depth::Checksums } else { Depth::Whole };
        loop {
            match reader.step(depth).map_err(OpenError::io("read", reader.path()))? {
                ScanStep::Group(records) => {
                    self.reach(reader.end());
                    visit(reader.end(), records)?;
                }
                ScanStep::End => return Ok(None),
                ScanStep::Bad(flaw) => return Ok(Some(flaw)),
            }
        }
    }

    fn reach(&mut self, end: End) {
        self.end = Some(end);
        self.unseen.retain(|known| (known.end.position, known.end.chain) != (end.position, end.chain));
    }

    /// Whether the place of a flaw is known to have been synced.
    fn is_witnessed(&self, reader: &SegmentReader, flaw: Flaw) -> bool {
        let position = reader.end().position;
        // The name of a segment proves the end before it.
        let is_named_later = position > self.end.unwrap_or_default().position;
        flaw.was_synced() || is_named_later || self.unseen.iter().any(|known| known.end.position > position)
    }

    fn check_witnesses(&self, journal: &Path) -> Result<(), OpenError> {
        let Some(KnownEnd { name, end: known }) = self.unseen.first() else { return Ok(()) };
        let position = self.end.unwrap_or_default().position;
        let found = if position < known.position {
            format!("ends with position {}", position.0)
        } else {
            "holds something else there".to_owned()
        };
        let journal = journal.to_owned();
        Err(OpenError::Lost { journal, witness: name, known: known.position, found })
    }
}

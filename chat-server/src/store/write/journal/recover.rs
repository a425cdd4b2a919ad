//! Is it damage or a torn tail? What a start makes of the journal that it finds.
//!
//! Some places are known to have been synced: the index and the file `state` each name one, every group's header
//! names the end before it, and a segment is only begun when the one before it is complete. What is bad before
//! any of these places is damage: the store is refused and nothing is changed. What is bad beyond all of them was
//! never acknowledged: a torn tail, which is cut and reported.

use std::io;
use std::path::{Path, PathBuf};

use chat_core::store::Position;

use super::group::{End, Location};
use super::record::Record;
use super::scan::{Depth, Flaw, ScanStep, SegmentReader};
use super::segment;
use crate::store::disk::Disk;
use crate::store::error::{DamageError, OpenError};

/// Someone who knows an end that was synced.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct KnownEnd {
    /// Who, for the message.
    pub(in crate::store) name: &'static str,
    /// What it knows.
    pub(in crate::store) end: End,
}

/// A torn tail that was cut: it was never acknowledged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornTail {
    /// The segment.
    pub file: PathBuf,
    /// Where it was cut.
    pub offset: u64,
    /// How many bytes were cut off, without zeros behind them: these were written ahead.
    pub bytes: u64,
    /// The position that would have stood there.
    pub position: Position,
    /// What was wrong with it.
    pub what: String,
}

/// What a start found.
#[derive(Debug)]
pub(in crate::store) struct Recovered {
    /// Where the journal ends; `None` if there is no segment.
    pub(in crate::store) end: Option<End>,
    /// What was cut off.
    pub(in crate::store) cut: Option<TornTail>,
}

/// What stands in a journal.
pub(in crate::store) struct Inspected {
    /// Where it ends; `None` if there is no segment.
    pub(in crate::store) end: Option<End>,
    /// What stands beyond that end, and was never acknowledged.
    pub(in crate::store) tail: Option<UncutTail>,
}

/// A torn tail that is still there.
pub(in crate::store) struct UncutTail {
    reader: SegmentReader,
    flaw: Flaw,
    bytes: u64,
}

impl UncutTail {
    /// What would be cut.
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

/// Who sees each group that was read, with the end behind it.
pub(in crate::store) type Visit<'a> =
    &'a mut dyn FnMut(End, Vec<(Location, Record)>) -> Result<(), OpenError>;

/// Checks the journal, cuts a torn tail and what was written ahead, and syncs what is left.
///
/// `progress` is told the position at each segment. See [`inspect`] for the rest.
pub(in crate::store) fn recover(
    disk: &dyn Disk,
    journal: &Path,
    witnesses: &[KnownEnd],
    whole_from: u64,
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
    let cut = tail.map(|tail| tail.cut(disk, journal)).transpose()?;
    if let Some(end) = end {
        let path = segment::path(journal, end.segment);
        let cut = disk.open(&path).and_then(|mut file| file.cut(end.offset).and_then(|()| file.sync()));
        cut.map_err(OpenError::io("sync", &path))?;
    }
    disk.sync_directory(journal).map_err(OpenError::io("sync", journal))?;
    Ok(Recovered { end, cut })
}

/// Checks the journal, and changes nothing.
///
/// Segments before `whole_from` were checked whole before, and a start must not take longer the more is stored: of
/// them only the last group is read, which shows that the next one follows, and its records are not given. DamageError
/// elsewhere in them is found by who reads it.
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

/// How far the walk over the segments has come.
struct RecoveryWalk {
    end: Option<End>,
    /// Who knows an end that was not met yet.
    unseen: Vec<KnownEnd>,
}

impl RecoveryWalk {
    /// Walks over a segment, and says what is bad where the reader then stands.
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

    /// Whether something shows that the place where the reader met something bad was synced.
    fn is_witnessed(&self, reader: &SegmentReader, flaw: Flaw) -> bool {
        let position = reader.end().position;
        // A segment is named by the end before it, which was synced.
        let is_named_later = position > self.end.unwrap_or_default().position;
        flaw.was_synced() || is_named_later || self.unseen.iter().any(|known| known.end.position > position)
    }

    fn check_witnesses(&self, journal: &Path) -> Result<(), OpenError> {
        let Some(KnownEnd { name, end: known }) = self.unseen.first() else { return Ok(()) };
        let position = self.end.unwrap_or_default().position;
        let found = match position < known.position {
            true => format!("ends with position {}", position.0),
            false => "holds something else there".to_owned(),
        };
        let journal = journal.to_owned();
        Err(OpenError::Lost { journal, witness: name, known: known.position, found })
    }
}

//! Reading a damaged journal: all sound records, and the holes between them.

use std::path::Path;

use super::group::End;
use super::recover::Visit;
use super::scan::{Depth, Flaw, ScanStep, SegmentReader};
use super::segment;
use crate::store::error::OpenError;

/// A part of a journal that differs from the written bytes.
#[derive(Debug)]
pub(in crate::store) struct Hole {
    /// The end before the part.
    pub(in crate::store) before: End,
    /// The end behind the part; `None` if nothing sound follows.
    pub(in crate::store) behind: Option<End>,
    /// A description of the flaw, with its place.
    pub(in crate::store) what: String,
    /// Whether nothing but texts is damaged.
    pub(in crate::store) is_texts: bool,
    /// Whether something later proves that the part was synced.
    pub(in crate::store) was_synced: bool,
}

impl Hole {
    /// The part behind the end of a journal.
    pub(in crate::store) fn behind(end: End) -> Self {
        Self { before: end, behind: None, what: String::new(), is_texts: false, was_synced: false }
    }
}

/// The result of reading a damaged journal.
#[derive(Debug, Default)]
pub(in crate::store) struct Salvaged {
    /// The parts that can't be read, in order.
    pub(in crate::store) holes: Vec<Hole>,
    /// The end behind the last sound group.
    pub(in crate::store) end: End,
}

/// Reads all that is sound in a journal, and changes nothing. `visit` gets each group, with damaged
/// texts as erased ones.
pub(in crate::store) fn salvage(journal: &Path, visit: Visit<'_>) -> Result<Salvaged, OpenError> {
    let names = segment::list(journal).map_err(OpenError::io("list", journal))?;
    let mut salvaged = Salvaged::default();
    for name in names {
        salvaged.segment(journal, name, visit)?;
    }
    Ok(salvaged)
}

impl Salvaged {
    fn segment(&mut self, journal: &Path, name: u64, visit: Visit<'_>) -> Result<(), OpenError> {
        let (mut reader, bad) = SegmentReader::open(journal, name)?;
        let flaw = bad.or_else(|| reader.does_not_follow(self.end));
        if let Some(flaw) = bad
            && !reader.seek_first_group().map_err(OpenError::io("read", reader.path()))?
        {
            self.hole(&reader, flaw, None, false);
            return Ok(());
        }
        match (flaw, self.holes.last_mut()) {
            // The segment proves the end of the one before it.
            (Some(_), Some(hole)) if hole.behind.is_none() => {
                (hole.behind, hole.was_synced) = (Some(reader.end()), true);
            }
            (Some(flaw), _) => self.hole(&reader, flaw, Some(reader.end()), false),
            (None, _) => {}
        }
        loop {
            self.end = reader.end();
            match reader.step(Depth::Whole).map_err(OpenError::io("read", reader.path()))? {
                ScanStep::Group(records) => visit(reader.end(), records)?,
                ScanStep::Bad(flaw) if self.pass(&mut reader, flaw, visit)? => {}
                ScanStep::End | ScanStep::Bad(_) => return Ok(()),
            }
        }
    }

    /// Passes a bad part. Returns whether anything sound follows in the segment.
    fn pass(&mut self, reader: &mut SegmentReader, flaw: Flaw, visit: Visit<'_>) -> Result<bool, OpenError> {
        let path = reader.path().to_owned();
        if let Some(records) = reader.step_over_texts().map_err(OpenError::io("read", &path))? {
            self.hole(reader, flaw, Some(reader.end()), true);
            visit(reader.end(), records)?;
            return Ok(true);
        }
        let behind = reader.next_group().map_err(OpenError::io("read", &path))?;
        self.hole(reader, flaw, behind, false);
        if let Some(end) = behind {
            reader.seek(end);
        }
        Ok(behind.is_some())
    }

    fn hole(&mut self, reader: &SegmentReader, flaw: Flaw, behind: Option<End>, is_texts: bool) {
        let what = reader.damage(flaw).place();
        let was_synced = flaw.was_synced() || behind.is_some();
        self.holes.push(Hole { before: self.end, behind, what, is_texts, was_synced });
    }
}

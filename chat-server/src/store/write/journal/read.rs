//! Reading the journal: every record in order, or one record at its location.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use chat_core::time::Timestamp;

use super::erasing::Erasing;
use super::group::{End, Location};
use super::record::{self, Framed, Record, RecordHeader};
use super::scan::{Depth, ScanStep, SegmentReader};
use super::segment;
use crate::store::error::OpenError;

/// Reads every record of a data directory's journal in order, and checks each one completely.
///
/// Changes nothing and takes no lock. In a store in use, each segment is read as of the time it is
/// reached. Its last group may then be incomplete; such an error is the last item, like damage.
///
/// # Errors
///
/// If the journal can't be listed.
pub fn read_all(dir: &Path) -> Result<impl Iterator<Item = Result<Record, OpenError>>, OpenError> {
    let mut groups = Groups::after(&dir.join("journal"), End::default())?;
    let groups = std::iter::from_fn(move || groups.next_group().transpose());
    Ok(groups.flat_map(|group| match group {
        Ok((_, records)) => records.into_iter().map(|(_, record)| Ok(record)).collect(),
        Err(error) => vec![Err(error)],
    }))
}

/// The time of the newest message, from the last segment that has one.
pub(in crate::store) fn newest_time(journal: &Path) -> Result<Option<Timestamp>, OpenError> {
    let names = segment::list(journal).map_err(OpenError::io("list", journal))?;
    for name in names.into_iter().rev() {
        let (mut reader, bad) = SegmentReader::open(journal, name)?;
        let mut newest = None;
        while bad.is_none()
            && let ScanStep::Group(records) =
                reader.step(Depth::Whole).map_err(OpenError::io("read", reader.path()))?
        {
            newest = records.iter().filter_map(|(_, record)| record.event.sent_at()).max().max(newest);
        }
        if newest.is_some() {
            return Ok(newest);
        }
    }
    Ok(None)
}

/// The time of the first message of a segment. Damage ends the search.
fn first_time(reader: &mut SegmentReader) -> Result<Option<Timestamp>, OpenError> {
    while let ScanStep::Group(records) =
        reader.step(Depth::Whole).map_err(OpenError::io("read", reader.path()))?
    {
        if let Some(time) = records.iter().find_map(|(_, record)| record.event.sent_at()) {
            return Ok(Some(time));
        }
    }
    Ok(None)
}

/// Groups in order, after a known end.
pub(in crate::store) struct Groups {
    journal: PathBuf,
    /// The segments to read, the next one last.
    segments: Vec<u64>,
    reader: Option<SegmentReader>,
    after: End,
}

/// A group with the end behind it.
pub(in crate::store) type ReadGroup = (End, Vec<(Location, Record)>);

impl Groups {
    /// The groups after `end`; the default end means all groups.
    pub(in crate::store) fn after(journal: &Path, end: End) -> Result<Self, OpenError> {
        let mut segments = segment::list(journal).map_err(OpenError::io("list", journal))?;
        segments.retain(|segment| *segment >= end.segment);
        segments.reverse();
        Ok(Self { journal: journal.to_owned(), segments, reader: None, after: end })
    }

    /// The groups from the segment on in which messages of this time begin. The messages of a
    /// journal are roughly in the order of time.
    pub(in crate::store) fn since(journal: &Path, time: Timestamp) -> Result<Self, OpenError> {
        let segments = segment::list(journal).map_err(OpenError::io("list", journal))?;
        for name in segments.into_iter().rev() {
            let (mut reader, bad) = SegmentReader::open(journal, name)?;
            if let Some(flaw) = bad {
                return Err(reader.damage(flaw).into());
            }
            let start = reader.end();
            if first_time(&mut reader)?.is_some_and(|first| first < time) {
                return Self::after(journal, start);
            }
        }
        Self::after(journal, End::default())
    }

    /// The next group; none after an error.
    pub(in crate::store) fn next_group(&mut self) -> Result<Option<ReadGroup>, OpenError> {
        loop {
            let Some(mut reader) =
                self.reader.take().map_or_else(|| self.next_segment(), |reader| Ok(Some(reader)))?
            else {
                return Ok(None);
            };
            match reader.step(Depth::Whole).map_err(OpenError::io("read", reader.path()))? {
                ScanStep::Group(records) => {
                    self.after = reader.end();
                    self.reader = Some(reader);
                    return Ok(Some((self.after, records)));
                }
                ScanStep::End => (),
                ScanStep::Bad(flaw) => {
                    self.segments.clear();
                    return Err(reader.damage(flaw).into());
                }
            }
        }
    }

    fn next_segment(&mut self) -> Result<Option<SegmentReader>, OpenError> {
        let Some(name) = self.segments.pop() else { return Ok(None) };
        let (mut reader, bad) = SegmentReader::open(&self.journal, name)?;
        if name == self.after.segment {
            reader.seek(self.after);
            return Ok(Some(reader));
        }
        match bad.or_else(|| reader.does_not_follow(self.after)) {
            None => Ok(Some(reader)),
            Some(flaw) => {
                self.segments.clear();
                Err(reader.damage(flaw).into())
            }
        }
    }
}

/// Most segments held open for reading. At this number all are closed, and opened again on demand.
const OPEN_FILES: usize = 64;

/// Reads single records, from many threads.
#[derive(Debug)]
pub(in crate::store) struct Reader {
    journal: PathBuf,
    /// Whether damaged texts count as erased.
    is_lenient: bool,
    files: Mutex<BTreeMap<u64, Arc<File>>>,
}

impl Reader {
    /// A reader of this journal.
    pub(in crate::store) fn new(journal: &Path) -> Self {
        Self { journal: journal.to_owned(), is_lenient: false, files: Mutex::default() }
    }

    /// A reader to which damaged texts are erased ones.
    pub(in crate::store) fn lenient(journal: &Path) -> Self {
        Self { is_lenient: true, ..Self::new(journal) }
    }

    /// Reads the record at a location.
    pub(in crate::store) fn read(&self, location: Location) -> io::Result<Record> {
        let file = self.file(location.segment)?;
        let offset = u64::from(location.offset);
        let read = read_at(&file, offset, self.is_lenient)?;
        let read = match (&read, Erasing::read(&self.journal)) {
            // The content may have changed under this read.
            (Err(_), Ok(Some(erasing))) => read_at(&file, offset, erasing.covers(location))?,
            _ => read,
        };
        read.map_err(|what| {
            let path = segment::path(&self.journal, location.segment);
            io::Error::other(format!("the journal is damaged at byte {offset} of {}: {what}", path.display()))
        })
    }

    /// Reads the payload and the content of the record at a location, which was read and checked
    /// before.
    #[cfg(feature = "postgres")]
    pub(in crate::store) fn read_bytes(&self, location: Location) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let (file, offset) = (self.file(location.segment)?, u64::from(location.offset));
        let mut bytes = vec![0; record::HEADER];
        file.read_exact_at(&mut bytes, offset)?;
        let header = RecordHeader::decode(&bytes).map_err(io::Error::other)?;
        bytes.resize(header.length(), 0);
        file.read_exact_at(&mut bytes[record::HEADER..], offset + record::HEADER as u64)?;
        Ok((bytes[header.payload()].to_vec(), bytes[header.content()].to_vec()))
    }

    fn file(&self, segment: u64) -> io::Result<Arc<File>> {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = files.get(&segment) {
            return Ok(file.clone());
        }
        if files.len() >= OPEN_FILES {
            files.clear();
        }
        let file = Arc::new(File::open(segment::path(&self.journal, segment))?);
        files.insert(segment, file.clone());
        Ok(file)
    }
}

fn read_at(file: &File, offset: u64, erasing: bool) -> io::Result<Result<Record, &'static str>> {
    let mut bytes = vec![0; record::HEADER];
    file.read_exact_at(&mut bytes, offset)?;
    let header = match RecordHeader::decode(&bytes) {
        Ok(header) => header,
        Err(what) => return Ok(Err(what)),
    };
    bytes.resize(header.length(), 0);
    file.read_exact_at(&mut bytes[record::HEADER..], offset + record::HEADER as u64)?;
    Ok(Framed::split(&bytes, erasing).and_then(|(framed, _)| framed.open()))
}

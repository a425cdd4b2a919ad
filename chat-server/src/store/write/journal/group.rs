//! A group: the records that one write and one sync make durable together.
//!
//! ```text
//! magic 4 · first position u64 · records u32 · bytes of the records u32
//!   · synced end before it (position u64, segment u64, offset u64) · crc of all these u32
//!   · records
//! ```
//!
//! The magic is not UTF-8, therefore no message can look like a group. A header is written only
//! after everything before it was synced; finding one proves that.

use chat_core::store::{Event, Hash, Position};
use serde::{Deserialize, Serialize};

use super::fields::Fields;
use super::record::{self, Framed, Record, RecordTooLargeError, SaltedContent};

/// The first bytes of every group.
pub(super) const MAGIC: [u8; 4] = [0xff, b'G', b'R', 0xfe];
/// Bytes of a group's header.
pub(super) const HEADER: usize = 48;
const CHECKED: usize = 44;

/// Most bytes of a group's records. Reading the journal back loads one group into memory.
pub(super) const BYTES_MOST: usize = 64 << 20;

/// A place between two groups, before which everything is synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(in crate::store) struct End {
    /// The last position before this end.
    pub(in crate::store) position: Position,
    /// The segment, by its first position.
    pub(in crate::store) segment: u64,
    /// The offset in the segment.
    pub(in crate::store) offset: u64,
    /// The hash of the last record before this end.
    pub(in crate::store) chain: Hash,
}

/// The location of a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) struct Location {
    /// The segment, by its first position.
    pub(in crate::store) segment: u64,
    /// The offset in the segment. Segments are shorter than 4 GiB.
    pub(in crate::store) offset: u32,
}

/// A group of records that is not written yet.
pub(in crate::store) struct Group {
    start: End,
    last: Position,
    chain: Hash,
    records: u32,
    bytes: Vec<u8>,
}

impl Group {
    /// An empty group to be written at `start`.
    pub(super) fn new(start: End) -> Self {
        Self { start, last: start.position, chain: start.chain, records: 0, bytes: vec![0; HEADER] }
    }

    /// Adds a record.
    pub(in crate::store) fn push(
        &mut self,
        event: &Event,
        content: Option<&SaltedContent>,
    ) -> Result<(Position, Location), RecordTooLargeError> {
        let position = Position(self.last.0 + 1);
        let offset = self.start.offset + self.bytes.len() as u64;
        let offset = u32::try_from(offset).map_err(|_| RecordTooLargeError(self.bytes.len()))?;
        self.chain = record::encode(&mut self.bytes, position, self.chain, event, content)?;
        if self.bytes.len() > HEADER + BYTES_MOST {
            return Err(RecordTooLargeError(self.bytes.len()));
        }
        self.last = position;
        self.records += 1;
        Ok((position, Location { segment: self.start.segment, offset }))
    }

    /// Adds a record with the bytes that another journal or a database has. Returns its position
    /// and its hash.
    #[cfg(feature = "postgres")]
    pub(in crate::store) fn push_stored(
        &mut self,
        payload: &[u8],
        content: &[u8],
    ) -> Result<(Position, Hash), RecordTooLargeError> {
        let position = Position(self.last.0 + 1);
        self.chain = record::encode_stored(&mut self.bytes, position, self.chain, payload, content)?;
        if self.bytes.len() > HEADER + BYTES_MOST {
            return Err(RecordTooLargeError(self.bytes.len()));
        }
        self.last = position;
        self.records += 1;
        Ok((position, self.chain))
    }

    /// The last position in the group, or before an empty group.
    pub(in crate::store) fn last(&self) -> Position {
        self.last
    }

    /// Whether the group has no record.
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.records == 0
    }

    /// Reads back a record of this unwritten group; `None` if the location is elsewhere.
    pub(in crate::store) fn read(&self, location: Location) -> Option<Record> {
        let within = u64::from(location.offset).checked_sub(self.start.offset)?;
        let within = usize::try_from(within).ok().filter(|_| location.segment == self.start.segment)?;
        let (framed, _) = Framed::split(self.bytes.get(within..)?, false).ok()?;
        framed.open().ok()
    }

    /// Completes the header. Returns the bytes to write, and the end after they are synced.
    pub(super) fn finish(mut self) -> (Vec<u8>, End) {
        let header = GroupHeader {
            first: Position(self.start.position.0 + 1),
            records: self.records,
            length: u32::try_from(self.bytes.len() - HEADER).expect("a group has at most BYTES_MOST bytes"),
            before: self.start,
        };
        header.encode(&mut self.bytes);
        let offset = self.start.offset + self.bytes.len() as u64;
        let end = End { position: self.last, segment: self.start.segment, offset, chain: self.chain };
        (self.bytes, end)
    }
}

/// The header of a group. The chain of `before` is not stored here: the first record names it.
#[derive(Clone, Copy, Debug)]
pub(super) struct GroupHeader {
    /// The position of the first record.
    pub(super) first: Position,
    /// The number of records.
    pub(super) records: u32,
    /// The bytes of the records.
    pub(super) length: u32,
    /// The synced end before the group.
    pub(super) before: End,
}

impl GroupHeader {
    fn encode(&self, bytes: &mut [u8]) {
        let mut header = Vec::with_capacity(HEADER);
        header.extend(MAGIC);
        header.extend(self.first.0.to_be_bytes());
        header.extend(self.records.to_be_bytes());
        header.extend(self.length.to_be_bytes());
        let End { position, segment, offset, .. } = self.before;
        [position.0, segment, offset].iter().for_each(|number| header.extend(number.to_be_bytes()));
        header.extend(crc32fast::hash(&header).to_be_bytes());
        bytes[..HEADER].copy_from_slice(&header);
    }

    /// Reads a header.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let bytes = bytes.get(..HEADER).ok_or("the header of a group is cut short")?;
        let mut fields = Fields(bytes);
        if fields.array() != MAGIC {
            return Err("no group begins here");
        }
        let first = Position(fields.u64());
        let (records, length) = (fields.u32(), fields.u32());
        let position = Position(fields.u64());
        let before = End { position, segment: fields.u64(), offset: fields.u64(), chain: Hash::default() };
        if crc32fast::hash(&bytes[..CHECKED]) != fields.u32() {
            return Err("the header of a group fails its checksum");
        }
        Ok(Self { first, records, length, before })
    }
}

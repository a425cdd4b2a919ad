//! A segment: one file of the journal, named by the first position in it.
//!
//! ```text
//! magic 8 · version u32 · crc u32 · first position u64 · hash of the record before it 32 · crc u32
//!   · groups
//! ```
//!
//! Zeros may follow the groups of the last segment. The next groups overwrite them.
//!
//! The first 16 bytes are the same in every version, therefore any program can name a version it
//! does not know.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use chat_core::store::{Hash, Position};

use super::fields::Fields;
use super::group::End;

const MAGIC: [u8; 8] = *b"chatjrnl";

/// The version of the format of segments, groups, records and events.
pub const VERSION: u32 = 1;

/// Bytes of a segment's header.
pub(in crate::store) const HEADER: u64 = 60;
const HEADER_LENGTH: usize = 60;
const PREFIX: usize = 16;

/// The flaw of a segment's header.
#[derive(Debug)]
pub(super) enum BadHeader {
    /// The bytes differ from the written ones.
    Damaged(&'static str),
    /// A valid header of a newer version.
    Newer(u32),
}

/// The header of a segment that begins after `end`.
pub(super) fn encode_header(end: &End) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_LENGTH);
    header.extend(MAGIC);
    header.extend(VERSION.to_be_bytes());
    header.extend(crc32fast::hash(&header).to_be_bytes());
    header.extend((end.position.0 + 1).to_be_bytes());
    header.extend(end.chain.0);
    header.extend(crc32fast::hash(&header).to_be_bytes());
    header
}

/// Reads the header of the segment with this name. Returns the end at which the first group begins.
pub(super) fn decode_header(bytes: &[u8], name: u64) -> Result<End, BadHeader> {
    let prefix = bytes.get(..PREFIX).ok_or(BadHeader::Damaged("the header of the segment is cut short"))?;
    let mut fields = Fields(prefix);
    let magic: [u8; 8] = fields.array();
    let version = fields.u32();
    if magic != MAGIC || crc32fast::hash(&prefix[..PREFIX - 4]) != fields.u32() {
        return Err(BadHeader::Damaged("the file does not begin as a segment does"));
    }
    if version > VERSION {
        return Err(BadHeader::Newer(version));
    }
    let header = bytes.get(..HEADER_LENGTH);
    let header = header.ok_or(BadHeader::Damaged("the header of the segment is cut short"))?;
    let mut fields = Fields(&header[PREFIX..]);
    let first = fields.u64();
    let chain = Hash(fields.array());
    if crc32fast::hash(&header[..HEADER_LENGTH - 4]) != fields.u32() {
        return Err(BadHeader::Damaged("the header of the segment fails its checksum"));
    }
    if first == name && first > 0 {
        Ok(End { position: Position(first - 1), segment: name, offset: HEADER, chain })
    } else {
        Err(BadHeader::Damaged("the segment does not begin with the position of its name"))
    }
}

/// The file of a segment.
pub(in crate::store) fn path(journal: &Path, segment: u64) -> PathBuf {
    journal.join(format!("{segment:020}.log"))
}

/// The segments of a journal in order; other files are skipped.
pub(in crate::store) fn list(journal: &Path) -> io::Result<Vec<u64>> {
    let mut segments = Vec::new();
    for entry in fs::read_dir(journal)? {
        let name = entry?.file_name();
        let digits = name.to_str().and_then(|name| name.strip_suffix(".log"));
        segments.extend(digits.and_then(|digits| digits.parse::<u64>().ok()));
    }
    segments.sort_unstable();
    Ok(segments)
}

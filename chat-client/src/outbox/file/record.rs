//! One line of the file: checksum, length and a JSON value.
//!
//! ```text
//! 8b1c5f7a 00000021 {"format":1,"owner":"driver_17"}
//! ```
//!
//! Both numbers are hexadecimal; the checksum is the CRC-32 of what the line is about and of the JSON. The header's is
//! about nothing, so that every version can read it. That of a change is about format and owner: a change proves by
//! itself whose it is, and stays readable when the header is damaged. By the length a line is found whole even if its
//! line feed is damaged; by the line feed, which JSON never contains, the next line is found if the length is.

use chat_core::id::UserId;
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use super::Change;

/// The format that is written here, and the newest that is read.
///
/// It rises with every change of what a line may say, be it one more variant: what an old version can't read it would
/// take for damage, and lose.
pub(super) const FORMAT: u32 = 1;

/// Bytes before the JSON: two numbers of eight digits with a space after each.
const PREFIX: usize = 18;

/// The first line. Its form is the same in every format.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) owner: UserId,
}

/// What the checksums of lines begin with.
#[derive(Clone)]
pub(super) struct Seal(Hasher);

impl Seal {
    /// That of the header.
    pub(super) fn of_header() -> Self {
        Self(Hasher::new())
    }

    /// That of this user's changes.
    pub(super) fn of(owner: &UserId) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(format!("{FORMAT} {owner}\n").as_bytes());
        Self(hasher)
    }

    fn prefix(&self, json: &[u8]) -> String {
        let mut hasher = self.0.clone();
        hasher.update(json);
        format!("{:08x} {:08x} ", hasher.finalize(), json.len())
    }

    /// Appends a line to `bytes` and gives its length.
    pub(super) fn write(&self, bytes: &mut Vec<u8>, value: &impl Serialize) -> u64 {
        let json = serde_json::to_vec(value).expect("a line has string keys and no failing serializer");
        let start = bytes.len();
        bytes.extend(self.prefix(&json).as_bytes());
        bytes.extend(json);
        bytes.push(b'\n');
        (bytes.len() - start) as u64
    }

    /// The value of the line that `bytes` begin with, and the line's length.
    pub(super) fn read<'a, T: Deserialize<'a>>(&self, bytes: &'a [u8]) -> Option<(T, usize)> {
        let prefix = bytes.get(..PREFIX)?;
        let length = usize::from_str_radix(std::str::from_utf8(&prefix[9..17]).ok()?, 16).ok()?;
        let end = PREFIX.checked_add(length)?;
        // The byte after the JSON must be there but need not be a line feed: it may be the one that is damaged.
        let json = bytes.get(PREFIX..end).filter(|_| end < bytes.len())?;
        (prefix == self.prefix(json).as_bytes()).then_some(())?;
        Some((serde_json::from_slice(json).ok()?, end + 1))
    }
}

/// What is readable of a file's changes.
#[derive(Default)]
pub(super) struct Scan {
    /// The changes in their order, each with the length of its line.
    pub(super) changes: Vec<(Change, u64)>,
    /// Stretches that can't be read, without that at the end.
    pub(super) damaged: u64,
    /// Where the file ends, without a line that was begun and never finished.
    pub(super) end: usize,
}

/// Reads the changes in `bytes` from `start` on, passing over what can't be read.
pub(super) fn scan(seal: &Seal, bytes: &[u8], start: usize) -> Scan {
    let mut scan = Scan { end: start, ..Scan::default() };
    let mut in_damage = false;
    while scan.end < bytes.len() {
        let rest = &bytes[scan.end..];
        if let Some((change, length)) = seal.read(rest) {
            scan.changes.push((change, length as u64));
            scan.end += length;
            in_damage = false;
        } else if let Some(line_feed) = rest.iter().position(|byte| *byte == b'\n') {
            scan.damaged += u64::from(!in_damage);
            scan.end += line_feed + 1;
            in_damage = true;
        } else {
            break;
        }
    }
    scan
}

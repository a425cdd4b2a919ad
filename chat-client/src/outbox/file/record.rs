//! The lines of the file: checksum, length and a JSON value.
//!
//! ```text
//! 8b1c5f7a 00000021 {"format":1,"owner":"driver_17"}
//! ```
//!
//! Both numbers are hexadecimal. The checksum is the CRC-32 of a prefix and the JSON. The header's
//! prefix is empty, which lets every version read it. A change's prefix holds format and owner:
//! each change proves its owner, and stays readable when the header is damaged. The length finds a
//! whole line even if its line feed is damaged. The line feed, which JSON never contains, finds the
//! next line if the length is damaged.

use chat_core::id::UserId;
use crc32fast::Hasher;
use serde::{Deserialize, Serialize};

use super::Change;

/// The format written here, and the newest that is read.
///
/// Must grow with every change to the content of lines, even for one more variant: an old version
/// would take an unknown line for damage and lose it. The lines of every older format must stay
/// readable, because they are the messages that wait on a phone during its update.
pub(super) const FORMAT: u32 = 1;

/// Bytes before the JSON: two numbers of eight digits, each followed by a space.
const PREFIX: usize = 18;

/// The first line. Its form is the same in every format.
#[derive(Serialize, Deserialize)]
pub(super) struct Header {
    pub(super) format: u32,
    pub(super) owner: UserId,
}

/// The hashed prefix of a line's checksum.
#[derive(Clone)]
pub(super) struct Seal(Hasher);

impl Seal {
    /// The prefix of the header.
    pub(super) fn of_header() -> Self {
        Self(Hasher::new())
    }

    /// The prefix of this user's changes in a file of this format.
    pub(super) fn of(owner: &UserId, format: u32) -> Self {
        let mut hasher = Hasher::new();
        hasher.update(format!("{format} {owner}\n").as_bytes());
        Self(hasher)
    }

    fn prefix(&self, json: &[u8]) -> String {
        let mut hasher = self.0.clone();
        hasher.update(json);
        format!("{:08x} {:08x} ", hasher.finalize(), json.len())
    }

    /// Appends a line to `bytes` and returns its length.
    pub(super) fn write(&self, bytes: &mut Vec<u8>, value: &impl Serialize) -> u64 {
        let json = serde_json::to_vec(value).expect("a line has string keys and no failing serializer");
        let start = bytes.len();
        bytes.extend(self.prefix(&json).as_bytes());
        bytes.extend(json);
        bytes.push(b'\n');
        (bytes.len() - start) as u64
    }

    /// Returns the value of the line at the start of `bytes`, and the line's length.
    pub(super) fn read<'a, T: Deserialize<'a>>(&self, bytes: &'a [u8]) -> Option<(T, usize)> {
        let prefix = bytes.get(..PREFIX)?;
        let length = usize::from_str_radix(std::str::from_utf8(&prefix[9..17]).ok()?, 16).ok()?;
        let end = PREFIX.checked_add(length)?;
        // The byte after the JSON must exist but may differ from a line feed: it may be the damaged
        // byte.
        let json = bytes.get(PREFIX..end).filter(|_| end < bytes.len())?;
        (prefix == self.prefix(json).as_bytes()).then_some(())?;
        Some((serde_json::from_slice(json).ok()?, end + 1))
    }
}

/// The readable changes of a file.
#[derive(Default)]
pub(super) struct Scan {
    /// The changes in order, each with the length of its line.
    pub(super) changes: Vec<(Change, u64)>,
    /// The unreadable places, except for one at the end.
    pub(super) damaged: u64,
    /// The end of the file, without an incomplete last line.
    pub(super) end: usize,
}

/// Reads the changes in `bytes` from `start` on, skipping unreadable places.
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

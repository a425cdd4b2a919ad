//! The log of recent entries, for recovery after a crash.
//!
//! ```text
//! blocks: entries u32 · crc of them u32 · crc of these two u32
//!   · entries: hash 12, place in the journal 12
//! ```
//!
//! A crash may cut the last block short. The index has not reached its entries, and a replay puts
//! them again.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::page::{ENTRY, IdHash};
use super::{RecordPlace, damaged};
use crate::store::private;

const HEADER: usize = 12;

/// Longest log, read into memory at once. A whole batch of a replay fills half of it.
const BYTES_MOST: u64 = 8 << 20;

/// The log, open at its end.
#[derive(Debug)]
pub(super) struct IdLog {
    file: File,
    length: u64,
    entries: usize,
}

impl IdLog {
    /// Makes an empty log.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = private::options().read(true).write(true).create_new(true).open(path)?;
        Ok(Self { file, length: 0, entries: 0 })
    }

    /// Opens an existing log and returns its entries.
    pub(super) fn open(path: &Path) -> io::Result<(Self, Vec<(IdHash, RecordPlace)>)> {
        let file = File::options().read(true).write(true).open(path)?;
        let length = file.metadata()?.len();
        if length > BYTES_MOST {
            return Err(damaged());
        }
        let mut bytes = vec![0; usize::try_from(length).map_err(|_| damaged())?];
        file.read_exact_at(&mut bytes, 0)?;
        let (mut entries, mut rest) = (Vec::new(), &bytes[..]);
        while let Some((block, after)) = split(rest)? {
            entries.extend(block.chunks_exact(ENTRY).map(IdHash::split));
            rest = after;
        }
        let length = length - rest.len() as u64;
        file.set_len(length)?;
        Ok((Self { file, length, entries: entries.len() }, entries))
    }

    /// The number of entries.
    pub(super) fn entries(&self) -> usize {
        self.entries
    }

    /// Adds entries.
    pub(super) fn add(&mut self, entries: &[(IdHash, RecordPlace)]) -> io::Result<()> {
        let count = u32::try_from(entries.len()).map_err(io::Error::other)?;
        let mut block = vec![0; HEADER];
        entries.iter().for_each(|(hash, place)| block.extend([hash.0, *place].as_flattened()));
        let crc = crc32fast::hash(&block[HEADER..]);
        block[..4].copy_from_slice(&count.to_be_bytes());
        block[4..8].copy_from_slice(&crc.to_be_bytes());
        let crc = crc32fast::hash(&block[..8]);
        block[8..HEADER].copy_from_slice(&crc.to_be_bytes());
        self.file.write_all_at(&block, self.length)?;
        self.length += block.len() as u64;
        self.entries += entries.len();
        Ok(())
    }

    /// Removes all entries.
    pub(super) fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        (self.length, self.entries) = (0, 0);
        Ok(())
    }
}

/// The entries of the next block, with the rest; `None` at the end, or if the block is cut short.
fn split(bytes: &[u8]) -> io::Result<Option<(&[u8], &[u8])>> {
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Ok(None) };
    let [count, crc, of_both] = [0, 4, 8]
        .map(|at| u32::from_be_bytes(*header[at..].first_chunk().expect("a header has three numbers")));
    if crc32fast::hash(&header[..8]) != of_both {
        return Err(damaged());
    }
    let length =
        usize::try_from(count).ok().and_then(|count| count.checked_mul(ENTRY)).ok_or_else(damaged)?;
    match rest.split_at_checked(length) {
        Some((entries, _)) if crc32fast::hash(entries) != crc => Err(damaged()),
        block => Ok(block),
    }
}

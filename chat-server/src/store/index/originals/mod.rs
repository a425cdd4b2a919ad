//! The record of each client message id: a file of pages beside sled, addressed by hash.
//!
//! Most messages have such an id. Ids come in random order, and are only looked up singly. In sled
//! an id would be the only own key of each message, at 12 to 17 µs. Recent ids are buffered in
//! memory and [logged](log), then written in bulk: a page is rewritten once for many ids. A filter
//! in memory recognises new ids, the vast majority, without reading a page.
//!
//! One sled key per id instead of this file was measured at commit 2e2ff58, on two cores with the
//! data in memory. The file stays because sled allows 0.65 × the messages at ten listeners, and
//! 0.8 × was the least for a deletion:
//!
//! | | this file | sled |
//! |---|---:|---:|
//! | messages a second, ten listeners | 34,600 | 22,600 |
//! | acknowledged after, p99 | 8 ms | 49 ms |
//! | server CPU of a message | 32 µs | 51 µs |
//! | messages a second with a million stored | 27,600 | 20,200 |
//! | index of a million messages built anew | 17 s | 39 s |
//!
//! Reading pages of 50 cost no more. A start after kill -9 took 0.6 s instead of 0.3 s. Ids in
//! order gave 0.66 ×. Look-ups wait while sled applies a batch: with batches of 64 ids, and keys of
//! 12 hashed bytes, the p99 was 11 ms, and the messages were 0.61 × (0.59 to 0.76).
//!
//! ```text
//! page 0      MAGIC 8 · secret 16
//! any other   crc u32 · entries u16 · unused 2 · entries: hash 12, place in the journal 12
//!
//! page 1 holds entries whose own page was full; a hash chooses among the pages after it
//! ```
//!
//! The file grows by *linear hashing*: pages are split one at a time, in order. The page of a hash
//! follows from the hash and the number of pages. Keys are hashed with a secret (SipHash-2-4, 128
//! bits), therefore nobody can choose ids that share a page. Entries without room in their page
//! stay in the buffer until the next attempt. Page 1 keeps them over a restart.
//!
//! After a crash the file may be ahead of the index; putting an entry twice changes nothing.
//! Entries leave the log only after their page was written. A new page is written before the page
//! it is split from, therefore a crash between the two leaves some entries in both.

mod filter;
mod log;
mod page;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fs::File;
use std::hash::Hasher as _;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use siphasher::sip128::{Hasher128 as _, SipHasher24};

use super::backend::Bytes;
use crate::store::private;
use crate::store::values::{LOCATION, decode_location, encode_location};
use crate::store::write::journal::Location;
use filter::Filters;
use log::IdLog;
use page::{IdHash, IdPage, PAGE, ROOM};

const MAGIC: [u8; 8] = *b"chatorig";
const SECRET: usize = 16;

/// A page with more entries triggers the split of the next page in turn. Hashes are spread evenly,
/// and pages hardly ever fill before their turn.
const SPLIT_ABOVE: usize = ROOM * 3 / 4;

/// Entries buffered before they are written to pages: 3.3 MB of memory. With a million ids, nine
/// share each page; unbuffered, every id would rewrite a page.
const RECENT_MOST: usize = 1 << 16;

/// Entries buffered per lock.
const AT_ONCE: usize = 256;

/// With more new entries per existing page, pages are split beforehand: splitting full pages would
/// be too late.
const FOR_EACH_PAGE: u64 = 16;

/// Entries per page after such splits.
const FILL: u64 = 80;

/// Pages read to estimate the fill of all.
const SAMPLE: u64 = 16;

/// A record's location in the journal, encoded.
type RecordPlace = [u8; LOCATION];

/// The file. Lookups go on during writes, and wait for a page or two at most.
#[derive(Debug)]
pub(super) struct Originals {
    file: File,
    secret: [u8; SECRET],
    /// The buffer. All entries are also in the log, or on the overflow page.
    recent: RwLock<HashMap<IdHash, RecordPlace>>,
    table: RwLock<Table>,
    /// Held by the writer, of which there is one.
    log: Mutex<IdLog>,
}

/// The pages, changed together with their number.
#[derive(Debug)]
struct Table {
    /// Pages with entries.
    pages: u64,
    filters: Filters,
}

impl Originals {
    /// Makes an empty file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = private::options().read(true).write(true).create_new(true).open(path)?;
        let mut secret = [0; SECRET];
        getrandom::fill(&mut secret)?;
        let mut first = IdPage::empty();
        first.0[..MAGIC.len()].copy_from_slice(&MAGIC);
        first.0[MAGIC.len()..][..SECRET].copy_from_slice(&secret);
        file.write_all_at(&first.0[..], 0)?;
        let originals = Self::new(file, secret, 1, IdLog::create(&log_of(path))?);
        originals.write_at(OVERFLOW, &mut IdPage::empty())?;
        originals.write(0, IdPage::empty())?;
        Ok(originals)
    }

    /// Opens an existing file.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let length = file.metadata()?.len();
        let mut first = IdPage::empty();
        file.read_exact_at(&mut first.0[..], 0)?;
        let pages = (length / PAGE as u64).saturating_sub(2);
        if !first.0.starts_with(&MAGIC) || pages == 0 || !length.is_multiple_of(PAGE as u64) {
            return Err(damaged());
        }
        let secret = *first.0[MAGIC.len()..].first_chunk().expect("a page is longer");
        let (log, logged) = IdLog::open(&log_of(path))?;
        let originals = Self::new(file, secret, pages, log);
        let overflow = originals.read_at(OVERFLOW)?;
        originals.recent_mut().extend(overflow.all().chain(logged));
        Ok(originals)
    }

    fn new(file: File, secret: [u8; SECRET], pages: u64, log: IdLog) -> Self {
        let recent = RwLock::new(HashMap::with_capacity(RECENT_MOST));
        let table = RwLock::new(Table { pages, filters: Filters::new(pages) });
        Self { file, secret, recent, table, log: Mutex::new(log) }
    }

    /// Looks up a key.
    pub(super) fn get(&self, key: &[u8]) -> io::Result<Option<Location>> {
        let hash = self.hash(key);
        if let Some(place) = self.recent().get(&hash) {
            return Ok(Some(decode_location(*place)));
        }
        // Entries that left the buffer meanwhile are in their page by now.
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let address = hash.address(table.pages);
        if table.filters.rule_out(address, hash) {
            return Ok(None);
        }
        let page = self.read(address)?;
        table.filters.learn(address, &page);
        Ok(page.find(hash).map(decode_location))
    }

    /// Adds keys with their locations.
    pub(super) fn put(&self, entries: &[(Bytes, Location)]) -> io::Result<()> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        let hashed = entries.iter().map(|(key, location)| (self.hash(key), encode_location(*location)));
        let hashed: Vec<_> = hashed.collect();
        log.add(&hashed)?;
        for some in hashed.chunks(AT_ONCE) {
            self.recent_mut().extend(some.iter().copied());
        }
        if log.entries() < RECENT_MOST { Ok(()) } else { self.settle(&mut log) }
    }

    /// Writes the buffer to pages. Entries without room trigger splits until few are left.
    fn settle(&self, log: &mut IdLog) -> io::Result<()> {
        let recent = self.recent().iter().map(|(hash, place)| (*hash, *place)).collect();
        let mut left = self.put_into_pages(recent)?;
        while left.len() > ROOM {
            left = self.put_into_pages(left)?;
        }
        let mut overflow = IdPage::empty();
        let found_room = left.iter().all(|(hash, place)| overflow.put(*hash, *place));
        assert!(found_room, "no more than ROOM are left");
        self.write_at(OVERFLOW, &mut overflow)?;
        log.clear()?;
        let mut recent = self.recent_mut();
        recent.clear();
        recent.extend(left);
        Ok(())
    }

    /// Writes entries to their pages, and returns those without room. Sorted, each page is read and
    /// written once.
    fn put_into_pages(
        &self,
        mut entries: Vec<(IdHash, RecordPlace)>,
    ) -> io::Result<Vec<(IdHash, RecordPlace)>> {
        self.make_room(entries.len() as u64)?;
        entries.sort_unstable_by_key(|(hash, _)| hash.rank());
        self.put_sorted(&entries)
    }

    /// Splits pages if many entries are to come for the existing ones.
    fn make_room(&self, more: u64) -> io::Result<()> {
        let pages = self.pages();
        if more <= pages * FOR_EACH_PAGE {
            return Ok(());
        }
        let sample = pages.min(SAMPLE);
        let entries: io::Result<usize> =
            (0..sample).map(|n| Ok(self.read(n * pages / sample)?.entries())).sum();
        let there = entries? as u64 * pages / sample;
        (pages..(there + more) / FILL).try_for_each(|pages| self.split(pages).map(drop))
    }

    fn put_sorted(&self, entries: &[(IdHash, RecordPlace)]) -> io::Result<Vec<(IdHash, RecordPlace)>> {
        let (mut pages, mut left) = (self.pages(), Vec::new());
        let mut open: Option<(u64, IdPage)> = None;
        for (hash, place) in entries.iter().copied() {
            let address = hash.address(pages);
            let mut page = match open.take() {
                Some((same, page)) if same == address => page,
                other => {
                    other.map_or(Ok(()), |(before, page)| self.write(before, page))?;
                    self.read(address)?
                }
            };
            let before = page.entries();
            let is_full = !page.put(hash, place);
            if is_full {
                left.push((hash, place));
            }
            if is_full || page.entries() > before.max(SPLIT_ABOVE) {
                self.write(address, page)?;
                pages = self.split(pages)?;
            } else {
                open = Some((address, page));
            }
        }
        open.map_or(Ok(()), |(address, page)| self.write(address, page))?;
        Ok(left)
    }

    /// Splits the next page in turn, and returns the new number of pages.
    fn split(&self, pages: u64) -> io::Result<u64> {
        let (from, to) = (pages - (1 << pages.ilog2()), pages);
        let pages = pages + 1;
        let whole = self.read(from)?;
        let mut halves = [IdPage::empty(), IdPage::empty()];
        for (hash, place) in whole.all() {
            // An interrupted split leaves entries here that belong to neither half; their own page
            // has them too.
            let half = [from, to].iter().position(|half| *half == hash.address(pages));
            half.map(|half| halves[half].put(hash, place));
        }
        let [stays, moves] = halves;
        let mut table = self.table_mut();
        self.write_in(&mut table, to, moves)?;
        self.write_in(&mut table, from, stays)?;
        table.pages = pages;
        Ok(pages)
    }

    fn pages(&self) -> u64 {
        self.table.read().unwrap_or_else(PoisonError::into_inner).pages
    }

    fn recent(&self) -> RwLockReadGuard<'_, HashMap<IdHash, RecordPlace>> {
        self.recent.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn recent_mut(&self) -> RwLockWriteGuard<'_, HashMap<IdHash, RecordPlace>> {
        self.recent.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn table_mut(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, key: &[u8]) -> IdHash {
        let mut hasher = SipHasher24::new_with_key(&self.secret);
        hasher.write(key);
        IdHash(*hasher.finish128().as_bytes().first_chunk().expect("128 bits are longer"))
    }

    fn read(&self, page: u64) -> io::Result<IdPage> {
        self.read_at(offset(page))
    }

    fn read_at(&self, offset: u64) -> io::Result<IdPage> {
        let mut read = IdPage::empty();
        self.file.read_exact_at(&mut read.0[..], offset)?;
        if read.is_whole() { Ok(read) } else { Err(damaged()) }
    }

    fn write(&self, number: u64, page: IdPage) -> io::Result<()> {
        self.write_in(&mut self.table_mut(), number, page)
    }

    fn write_in(&self, table: &mut Table, number: u64, mut page: IdPage) -> io::Result<()> {
        self.write_at(offset(number), &mut page)?;
        table.filters.replace(number, &page);
        Ok(())
    }

    fn write_at(&self, offset: u64, page: &mut IdPage) -> io::Result<()> {
        page.seal();
        self.file.write_all_at(&page.0[..], offset)
    }
}

/// Offset of the overflow page.
const OVERFLOW: u64 = PAGE as u64;

fn offset(page: u64) -> u64 {
    (page + 2) * PAGE as u64
}

/// The path of the log, beside the file.
fn log_of(path: &Path) -> PathBuf {
    path.with_extension("log")
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file of client message ids is damaged, or its log")
}

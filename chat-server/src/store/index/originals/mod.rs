//! Under which client message id a user did what: a file of pages beside sled, found by a hash.
//!
//! Most messages name such an id, in random order, and it is only ever asked for by itself. In sled it would be the one
//! key that each message costs, at 12 to 17 µs; here it is a page read and written, and no page is asked twice. That an
//! id is new, as nearly all are, is known without reading its page, from a filter in memory.
//!
//! ```text
//! page 0      MAGIC 8 · salt 16
//! any other   crc u32 · entries u16 · spilled u16 · entries: hash 12, place in the journal 12
//! ```
//!
//! It grows by *linear hashing*: one page at a time is split in two, in their order, so that the number of pages says in
//! which one a hash belongs. The salt is secret, so nobody can choose ids that meet in one page. What finds its page full
//! all the same stands in sled, and the page says so.
//!
//! A crash may leave more in it than the index has reached: that is put again, and again is the same. A new page is
//! written before the one that it is split from, so that a crash between the two leaves some entries in both.

mod filter;
mod page;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock, RwLockWriteGuard};

use sha2::{Digest as _, Sha256};

use crate::store::values::LOCATION;
use filter::Filters;
use page::{Hash, PAGE, Page, ROOM};

const MAGIC: [u8; 8] = *b"chatorig";
const SALT: usize = 16;

/// With more than these in it, a page makes the next one in turn be split. Hashes spread evenly, so that hardly any page
/// gets full before its turn.
const SPLIT_ABOVE: usize = ROOM * 3 / 4;

/// Entries that are sorted by their pages and put together, for each page that there is: the more, the seldomer a page is
/// read and written. With many more a page would get full before its turn to be split comes.
const AT_ONCE: usize = 16;
/// And at least so many.
const AT_ONCE_LEAST: usize = 64;

/// The file. It may be asked while something is put: who asks waits for a page or two to be written, and not for all.
#[derive(Debug)]
pub(super) struct Originals {
    file: File,
    salt: [u8; SALT],
    table: RwLock<Table>,
    /// Held by who puts: nobody else writes pages.
    putting: Mutex<()>,
}

/// What the pages are: changed together with them.
#[derive(Debug)]
struct Table {
    /// Pages with entries.
    pages: u64,
    filters: Filters,
}

/// A key with its place in the journal.
pub(super) type Original<'a> = (&'a [u8], [u8; LOCATION]);

/// What is known of a key.
pub(super) enum Found {
    /// Its place in the journal.
    Here([u8; LOCATION]),
    /// It is not there.
    Nowhere,
    /// It may be in sled.
    Spilled,
}

impl Originals {
    /// Makes an empty file.
    pub(super) fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        let mut salt = [0; SALT];
        getrandom::fill(&mut salt)?;
        let mut first = Page::empty();
        first.0[..MAGIC.len()].copy_from_slice(&MAGIC);
        first.0[MAGIC.len()..][..SALT].copy_from_slice(&salt);
        file.write_all_at(&first.0[..], 0)?;
        let originals = Self::new(file, salt, 1);
        originals.write(0, Page::empty())?;
        Ok(originals)
    }

    /// Opens a file that is there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).open(path)?;
        let length = file.metadata()?.len();
        let mut first = Page::empty();
        file.read_exact_at(&mut first.0[..], 0)?;
        let pages = (length / PAGE as u64).saturating_sub(1);
        if !first.0.starts_with(&MAGIC) || pages == 0 || !length.is_multiple_of(PAGE as u64) {
            return Err(damaged());
        }
        let salt = *first.0[MAGIC.len()..].first_chunk().expect("a page is longer");
        Ok(Self::new(file, salt, pages))
    }

    fn new(file: File, salt: [u8; SALT], pages: u64) -> Self {
        let table = RwLock::new(Table { pages, filters: Filters::new(pages) });
        Self { file, salt, table, putting: Mutex::default() }
    }

    /// Looks for a key.
    pub(super) fn get(&self, key: &[u8]) -> io::Result<Found> {
        let hash = self.hash(key);
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let address = hash.address(table.pages);
        if table.filters.rule_out(address, hash) {
            return Ok(Found::Nowhere);
        }
        let page = self.read(address)?;
        table.filters.learn(address, &page);
        Ok(match page.find(hash) {
            Some(place) => Found::Here(place),
            None if page.is_spilled() => Found::Spilled,
            None => Found::Nowhere,
        })
    }

    /// Puts keys with their places; gives those that found no room.
    pub(super) fn put<'a>(&self, mut entries: &[Original<'a>]) -> io::Result<Vec<Original<'a>>> {
        let _alone = self.putting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut spilled = Vec::new();
        while !entries.is_empty() {
            let most =
                usize::try_from(self.pages()).map_or(usize::MAX, |pages| pages.saturating_mul(AT_ONCE));
            let (some, rest) = entries.split_at(most.max(AT_ONCE_LEAST).min(entries.len()));
            self.put_some(some, &mut spilled)?;
            entries = rest;
        }
        Ok(spilled)
    }

    fn put_some<'a>(&self, entries: &[Original<'a>], spilled: &mut Vec<Original<'a>>) -> io::Result<()> {
        let mut pages = self.pages();
        let mut hashed: Vec<_> = entries.iter().map(|entry| (self.hash(entry.0), *entry)).collect();
        hashed.sort_unstable_by_key(|(hash, _)| hash.rank());
        let mut open: Option<(u64, Page)> = None;
        for (hash, (key, place)) in hashed {
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
                spilled.push((key, place));
            }
            if is_full || page.entries() > before.max(SPLIT_ABOVE) {
                self.write(address, page)?;
                pages = self.split(pages)?;
            } else {
                open = Some((address, page));
            }
        }
        open.map_or(Ok(()), |(address, page)| self.write(address, page))
    }

    /// Splits the next page in turn, of so many; gives how many there are then.
    fn split(&self, pages: u64) -> io::Result<u64> {
        let (from, to) = (pages - (1 << pages.ilog2()), pages);
        let pages = pages + 1;
        let whole = self.read(from)?;
        let mut halves = [Page::empty(), Page::empty()];
        for (hash, place) in whole.all() {
            // One that belongs to neither was left by a split that a crash cut short, and is where it belongs too.
            let half = [from, to].iter().position(|half| *half == hash.address(pages));
            half.map(|half| halves[half].put(hash, place));
        }
        let [mut stays, mut moves] = halves;
        if whole.is_spilled() {
            stays.set_spilled();
            moves.set_spilled();
        }
        let mut table = self.table_mut();
        self.write_in(&mut table, to, moves)?;
        self.write_in(&mut table, from, stays)?;
        table.pages = pages;
        Ok(pages)
    }

    fn pages(&self) -> u64 {
        self.table.read().unwrap_or_else(PoisonError::into_inner).pages
    }

    fn table_mut(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn hash(&self, key: &[u8]) -> Hash {
        let digest = Sha256::new().chain_update(self.salt).chain_update(key).finalize();
        Hash(*digest.first_chunk().expect("a SHA-256 is longer"))
    }

    fn read(&self, page: u64) -> io::Result<Page> {
        let mut read = Page::empty();
        self.file.read_exact_at(&mut read.0[..], offset(page))?;
        match read.is_whole() {
            true => Ok(read),
            false => Err(damaged()),
        }
    }

    fn write(&self, number: u64, page: Page) -> io::Result<()> {
        self.write_in(&mut self.table_mut(), number, page)
    }

    fn write_in(&self, table: &mut Table, number: u64, mut page: Page) -> io::Result<()> {
        page.seal();
        self.file.write_all_at(&page.0[..], offset(number))?;
        table.filters.replace(number, &page);
        Ok(())
    }
}

fn offset(page: u64) -> u64 {
    (page + 1) * PAGE as u64
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file of client message ids is damaged")
}

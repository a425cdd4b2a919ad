//! Under which client message id a user did what: a file of pages beside sled, found by a hash.
//!
//! Most messages name such an id, in random order, and it is only ever asked for by itself. In sled it would be the one
//! key that each message costs, at 12 to 17 µs; here it is a page read and written, and no page is asked twice.
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

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::store::values::LOCATION;

const MAGIC: [u8; 8] = *b"chatorig";
const SALT: usize = 16;
const PAGE: usize = 4096;
const HEADER: usize = 8;
const HASH: usize = 12;
const ENTRY: usize = HASH + LOCATION;

/// Entries that find room in a page.
const ROOM: usize = (PAGE - HEADER) / ENTRY;

/// With more than these in it, a page makes the next one in turn be split. Hashes spread evenly, so that hardly any page
/// gets full before its turn.
const SPLIT_ABOVE: usize = ROOM * 3 / 4;

/// The file.
#[derive(Debug)]
pub(super) struct Originals {
    file: File,
    salt: [u8; SALT],
    /// Pages with entries.
    pages: u64,
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

/// A salted hash of a key: what tells it from all others in its page, and chooses the page.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Hash([u8; HASH]);

struct Page(Box<[u8; PAGE]>);

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
        let originals = Self { file, salt, pages: 1 };
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
        Ok(Self { file, salt, pages })
    }

    /// Looks for a key.
    pub(super) fn get(&self, key: &[u8]) -> io::Result<Found> {
        let hash = self.hash(key);
        let page = self.read(self.address(hash))?;
        Ok(match page.find(hash) {
            Some(place) => Found::Here(place),
            None if page.is_spilled() => Found::Spilled,
            None => Found::Nowhere,
        })
    }

    /// Puts keys with their places; gives those that found no room.
    pub(super) fn put<'a>(&mut self, entries: &[Original<'a>]) -> io::Result<Vec<Original<'a>>> {
        let mut hashed: Vec<_> = entries.iter().map(|entry| (self.hash(entry.0), *entry)).collect();
        hashed.sort_unstable_by_key(|(hash, _)| self.address(*hash));
        let mut spilled = Vec::new();
        let mut open: Option<(u64, Page)> = None;
        for (hash, (key, place)) in hashed {
            let address = self.address(hash);
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
                self.split()?;
            } else {
                open = Some((address, page));
            }
        }
        open.map_or(Ok(()), |(address, page)| self.write(address, page))?;
        Ok(spilled)
    }

    /// Splits the next page in turn.
    fn split(&mut self) -> io::Result<()> {
        let (from, to) = (self.pages - (1 << self.pages.ilog2()), self.pages);
        let whole = self.read(from)?;
        self.pages += 1;
        let mut halves = [Page::empty(), Page::empty()];
        for entry in whole.0[HEADER..].chunks_exact(ENTRY).take(whole.entries()) {
            let (hash, place) = Hash::split(entry);
            // One that belongs to neither was left by a split that a crash cut short, and is where it belongs too.
            let half = [from, to].iter().position(|half| *half == self.address(hash));
            half.map(|half| halves[half].put(hash, place));
        }
        let [mut stays, mut moves] = halves;
        if whole.is_spilled() {
            stays.set_spilled();
            moves.set_spilled();
        }
        self.write(to, moves)?;
        self.write(from, stays)
    }

    fn hash(&self, key: &[u8]) -> Hash {
        let digest = Sha256::new().chain_update(self.salt).chain_update(key).finalize();
        Hash(*digest.first_chunk().expect("a SHA-256 is longer"))
    }

    /// The page of a hash: of the pages of the last doubling, or of this one if it is there already.
    fn address(&self, hash: Hash) -> u64 {
        let mask = self.pages.next_power_of_two() - 1;
        match hash.number() & mask {
            there if there < self.pages => there,
            not_yet => not_yet & (mask >> 1),
        }
    }

    fn read(&self, page: u64) -> io::Result<Page> {
        let mut read = Page::empty();
        self.file.read_exact_at(&mut read.0[..], offset(page))?;
        match read.is_whole() {
            true => Ok(read),
            false => Err(damaged()),
        }
    }

    fn write(&self, number: u64, mut page: Page) -> io::Result<()> {
        page.seal();
        self.file.write_all_at(&page.0[..], offset(number))
    }
}

impl Hash {
    /// What chooses the page.
    fn number(self) -> u64 {
        u64::from_be_bytes(*self.0.first_chunk().expect("a hash is longer"))
    }

    /// The hash of an entry, and its place.
    fn split(entry: &[u8]) -> (Self, [u8; LOCATION]) {
        let (hash, place) = entry.split_first_chunk().expect("an entry is whole");
        (Self(*hash), *place.first_chunk().expect("an entry is whole"))
    }
}

impl Page {
    fn empty() -> Self {
        Self(Box::new([0; PAGE]))
    }

    fn entries(&self) -> usize {
        usize::from(u16::from_be_bytes([self.0[4], self.0[5]])).min(ROOM)
    }

    fn is_spilled(&self) -> bool {
        self.0[7] != 0
    }

    fn set_spilled(&mut self) {
        self.0[7] = 1;
    }

    /// The place of a hash.
    fn find(&self, hash: Hash) -> Option<[u8; LOCATION]> {
        let mut entries = self.0[HEADER..].chunks_exact(ENTRY).take(self.entries()).map(Hash::split);
        entries.find(|(other, _)| *other == hash).map(|(_, place)| place)
    }

    /// Adds an entry, or replaces that of the same hash; `false` if it finds no room.
    fn put(&mut self, hash: Hash, place: [u8; LOCATION]) -> bool {
        let entries = self.entries();
        let mut there = self.0[HEADER..].chunks_exact(ENTRY).take(entries);
        let at = there.position(|entry| Hash::split(entry).0 == hash).unwrap_or(entries);
        if at == ROOM {
            self.set_spilled();
            return false;
        }
        let entry = &mut self.0[HEADER + at * ENTRY..][..ENTRY];
        entry[..HASH].copy_from_slice(&hash.0);
        entry[HASH..].copy_from_slice(&place);
        let entries = u16::try_from(entries.max(at + 1)).expect("a page has room for some hundred");
        self.0[4..6].copy_from_slice(&entries.to_be_bytes());
        true
    }

    fn seal(&mut self) {
        let crc = crc32fast::hash(&self.0[4..]);
        self.0[..4].copy_from_slice(&crc.to_be_bytes());
    }

    fn is_whole(&self) -> bool {
        self.0[..4] == crc32fast::hash(&self.0[4..]).to_be_bytes()
    }
}

fn offset(page: u64) -> u64 {
    (page + 1) * PAGE as u64
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the file of client message ids is damaged")
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    fn key(number: u32) -> [u8; 4] {
        number.to_be_bytes()
    }

    fn place(number: u32) -> [u8; LOCATION] {
        let mut place = [0; LOCATION];
        place[..4].copy_from_slice(&number.to_be_bytes());
        place
    }

    fn put(originals: &mut Originals, numbers: std::ops::Range<u32>) -> usize {
        let keys: Vec<_> = numbers.clone().map(key).collect();
        let entries: Vec<_> = numbers.map(place).zip(&keys).map(|(place, key)| (&key[..], place)).collect();
        originals.put(&entries).unwrap().len()
    }

    fn holds(originals: &Originals, number: u32) -> bool {
        match originals.get(&key(number)).unwrap() {
            Found::Here(found) => found == place(number),
            Found::Nowhere => false,
            Found::Spilled => true,
        }
    }

    fn lacks(originals: &Originals, number: u32) -> bool {
        !matches!(originals.get(&key(number)).unwrap(), Found::Here(_))
    }

    #[test]
    fn it_grows_with_what_is_put_and_finds_all_of_it_and_nothing_else() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("originals");
        let mut originals = Originals::create(&path).unwrap();
        let spilled: usize =
            (0..50_000).step_by(1_000).map(|first| put(&mut originals, first..first + 1_000)).sum();
        assert!(spilled < 50, "{spilled} in sled");
        let pages = originals.pages;
        assert!((350..900).contains(&pages), "{pages}");
        let mut originals = Originals::open(&path).unwrap();
        assert_eq!(originals.pages, pages);
        assert!((0..50_000).all(|number| holds(&originals, number)));
        assert!((50_000..60_000).all(|number| lacks(&originals, number)));
        put(&mut originals, 0..50_000);
        assert!(originals.pages - pages <= 50, "again is the same, but for what was spilled");
    }

    #[test]
    fn a_split_that_was_cut_short_loses_nothing() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("originals");
        let mut originals = Originals::create(&path).unwrap();
        put(&mut originals, 0..1_000);
        for _ in 0..40 {
            let from = originals.pages - (1 << originals.pages.ilog2());
            let before = originals.read(from).unwrap();
            originals.split().unwrap();
            originals.write(from, before).unwrap();
            assert!((0..1_000).all(|number| holds(&originals, number)));
        }
    }

    #[test]
    fn a_full_page_says_so_and_its_halves_too() {
        let dir = TempDir::new().unwrap();
        let mut originals = Originals::create(&dir.path().join("originals")).unwrap();
        let mut full = Page::empty();
        for number in 0..u8::try_from(ROOM).unwrap() {
            assert!(full.put(Hash([number; HASH]), place(0)));
        }
        originals.write(0, full).unwrap();
        assert_eq!(put(&mut originals, 0..1), 1);
        assert_eq!(originals.pages, 2, "it was split");
        (0..100).for_each(|number| {
            assert!(matches!(originals.get(&key(number)).unwrap(), Found::Spilled), "asked for in sled");
        });
    }

    #[test]
    fn damage_is_found() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("originals");
        let mut originals = Originals::create(&path).unwrap();
        put(&mut originals, 0..10);
        originals.file.write_all_at(&[7], offset(0) + 20).unwrap();
        assert!(originals.get(&key(1)).is_err());
        originals.file.set_len(offset(0) + 100).unwrap();
        assert!(Originals::open(&path).is_err());
    }
}

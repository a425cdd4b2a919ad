//! A page of the file, and its hashes.

use std::array;

use super::RecordPlace;
use crate::store::values::LOCATION;

/// Bytes of a page.
pub(super) const PAGE: usize = 4096;
const HEADER: usize = 8;
/// Bytes of a hash.
pub(super) const HASH: usize = 12;

/// Bytes of an entry.
pub(super) const ENTRY: usize = HASH + LOCATION;

/// Most entries of a page.
pub(super) const ROOM: usize = (PAGE - HEADER) / ENTRY;

/// A keyed hash of a key. It identifies the key within its page, and chooses the page.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct IdHash(pub(super) [u8; HASH]);

/// A page.
pub(super) struct IdPage(pub(super) Box<[u8; PAGE]>);

impl IdHash {
    /// The part that chooses the page.
    fn number(self) -> u64 {
        u64::from_be_bytes(*self.0.first_chunk().expect("a hash is longer"))
    }

    /// The page of a hash among this many pages: the lowest bits of the hash, as many as the page
    /// numbers need. If that page does not exist yet, one bit less.
    pub(super) fn address(self, pages: u64) -> u64 {
        let mask = pages.next_power_of_two() - 1;
        match self.number() & mask {
            there if there < pages => there,
            not_yet => not_yet & (mask >> 1),
        }
    }

    /// A sort key that keeps hashes of one page together, whatever the number of pages.
    pub(super) fn rank(self) -> u64 {
        self.number().reverse_bits()
    }

    /// The part that does not choose the page, with fewer than 2^32 pages.
    pub(super) fn rest(self) -> [u8; 8] {
        array::from_fn(|n| self.0[(n + 8) % HASH])
    }

    /// The hash of an entry, and its location.
    pub(super) fn split(entry: &[u8]) -> (Self, RecordPlace) {
        let (hash, place) = entry.split_first_chunk().expect("an entry is whole");
        (Self(*hash), *place.first_chunk().expect("an entry is whole"))
    }
}

impl IdPage {
    pub(super) fn empty() -> Self {
        Self(Box::new([0; PAGE]))
    }

    pub(super) fn entries(&self) -> usize {
        usize::from(u16::from_be_bytes([self.0[4], self.0[5]])).min(ROOM)
    }

    /// All entries.
    pub(super) fn all(&self) -> impl Iterator<Item = (IdHash, RecordPlace)> + '_ {
        self.0[HEADER..].chunks_exact(ENTRY).take(self.entries()).map(IdHash::split)
    }

    /// The location of a hash.
    pub(super) fn find(&self, hash: IdHash) -> Option<RecordPlace> {
        self.all().find(|(other, _)| *other == hash).map(|(_, place)| place)
    }

    /// Adds or replaces an entry. Returns `false` without room.
    pub(super) fn put(&mut self, hash: IdHash, place: RecordPlace) -> bool {
        let entries = self.entries();
        let at = self.all().position(|(other, _)| other == hash).unwrap_or(entries);
        if at == ROOM {
            return false;
        }
        let entry = &mut self.0[HEADER + at * ENTRY..][..ENTRY];
        entry[..HASH].copy_from_slice(&hash.0);
        entry[HASH..].copy_from_slice(&place);
        let entries = u16::try_from(entries.max(at + 1)).expect("a page has room for some hundred");
        self.0[4..6].copy_from_slice(&entries.to_be_bytes());
        true
    }

    pub(super) fn seal(&mut self) {
        let crc = crc32fast::hash(&self.0[4..]);
        self.0[..4].copy_from_slice(&crc.to_be_bytes());
    }

    pub(super) fn is_whole(&self) -> bool {
        self.0[..4] == crc32fast::hash(&self.0[4..]).to_be_bytes()
    }
}

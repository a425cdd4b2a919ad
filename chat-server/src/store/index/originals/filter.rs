//! What is surely not in a page, without reading it.

use std::array;
use std::sync::OnceLock;

use super::page::{IdHash, IdPage};

/// Pages that are remembered, by 136 bytes each: 17 MiB, for 9 to 13 million ids. Of the pages after these nothing is
/// known, and they are read.
const PAGES_MOST: usize = 1 << 17;

const WORDS: usize = 16;

/// Bits of a hash: with a hundred hashes in it, one in a hundred others seems to be there too.
const BITS: usize = 4;

/// A Bloom filter of each page, as far as it was read or written since the start.
#[derive(Debug)]
pub(super) struct Filters(Vec<OnceLock<Filter>>);

#[derive(Debug)]
struct Filter([u64; WORDS]);

impl Filters {
    /// Knows nothing yet of so many pages.
    pub(super) fn new(pages: u64) -> Self {
        let pages = usize::try_from(pages).map_or(PAGES_MOST, |pages| pages.min(PAGES_MOST));
        let mut filters = Vec::with_capacity(PAGES_MOST);
        filters.resize_with(pages, OnceLock::new);
        Self(filters)
    }

    /// Whether a hash is surely not in a page.
    pub(super) fn rule_out(&self, page: u64, hash: IdHash) -> bool {
        let known = self.slot(page).and_then(OnceLock::get);
        known.is_some_and(|filter| !filter.may_hold(hash))
    }

    /// A page was read.
    pub(super) fn learn(&self, number: u64, page: &IdPage) {
        if let Some(slot) = self.slot(number) {
            slot.get_or_init(|| Filter::of(page));
        }
    }

    /// A page was written: one that is there, or the next one.
    pub(super) fn replace(&mut self, number: u64, page: &IdPage) {
        let Ok(number) = usize::try_from(number) else { return };
        let filter = OnceLock::from(Filter::of(page));
        match self.0.get_mut(number) {
            Some(slot) => *slot = filter,
            None if number < PAGES_MOST => self.0.push(filter),
            None => {}
        }
    }

    fn slot(&self, page: u64) -> Option<&OnceLock<Filter>> {
        self.0.get(usize::try_from(page).ok()?)
    }
}

impl Filter {
    fn of(page: &IdPage) -> Self {
        let mut words = [0; WORDS];
        for (hash, _) in page.all() {
            bits(hash).into_iter().for_each(|(word, bit)| words[word] |= bit);
        }
        Self(words)
    }

    fn may_hold(&self, hash: IdHash) -> bool {
        bits(hash).into_iter().all(|(word, bit)| self.0[word] & bit != 0)
    }
}

/// The bits of a hash, from the part of it that has not chosen the page.
fn bits(hash: IdHash) -> [(usize, u64); BITS] {
    let rest = hash.rest();
    array::from_fn(|n| {
        let [word, bit] = [rest[2 * n], rest[2 * n + 1]];
        (usize::from(word) % WORDS, 1 << (bit % 64))
    })
}

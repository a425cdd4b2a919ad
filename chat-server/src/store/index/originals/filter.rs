//! Bloom filters that rule out pages without reading them.

use std::array;
use std::sync::OnceLock;

use super::page::{IdHash, IdPage};

/// Most pages with a filter, of 136 bytes each: 17 MiB for 9 to 13 million ids. Later pages have no
/// filter and are read.
const PAGES_MOST: usize = 1 << 17;

const WORDS: usize = 16;

/// Bits that a hash sets. A filter of a hundred hashes wrongly reports one percent of all other
/// hashes as present.
const BITS: usize = 4;

/// A Bloom filter for each page that was read or written since the start.
#[derive(Debug)]
pub(super) struct Filters(Vec<OnceLock<Filter>>);

#[derive(Debug)]
struct Filter([u64; WORDS]);

impl Filters {
    /// No filters yet, for this many pages.
    pub(super) fn new(pages: u64) -> Self {
        let pages = usize::try_from(pages).map_or(PAGES_MOST, |pages| pages.min(PAGES_MOST));
        let mut filters = Vec::with_capacity(PAGES_MOST);
        filters.resize_with(pages, OnceLock::new);
        Self(filters)
    }

    /// Whether a hash is certainly not in a page.
    pub(super) fn rule_out(&self, page: u64, hash: IdHash) -> bool {
        let known = self.slot(page).and_then(OnceLock::get);
        known.is_some_and(|filter| !filter.may_hold(hash))
    }

    /// Records a page that was read.
    pub(super) fn learn(&self, number: u64, page: &IdPage) {
        if let Some(slot) = self.slot(number) {
            slot.get_or_init(|| Filter::of(page));
        }
    }

    /// Records a page that was written, an existing one or the next.
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

/// The bits of a hash, from the part that does not choose the page.
fn bits(hash: IdHash) -> [(usize, u64); BITS] {
    let rest = hash.rest();
    array::from_fn(|n| {
        let [word, bit] = [rest[2 * n], rest[2 * n + 1]];
        (usize::from(word) % WORDS, 1 << (bit % 64))
    })
}

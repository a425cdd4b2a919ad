//! Everything that is left to chance, from one number.

use std::ops::Range;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of chance: the same seed gives the same draws, always.
#[derive(Clone, Debug)]
pub struct Random(ChaCha8Rng);

impl Random {
    /// From this number.
    pub fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `end`; 0 if that is 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0.next_u64() % end.max(1)
    }

    /// Whether this came true, which it does in so many of a hundred draws.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A span of whole milliseconds within these.
    pub fn span(&mut self, millis: Range<u64>) -> Duration {
        Duration::from_millis(millis.start + self.below(millis.end.saturating_sub(millis.start)))
    }

    /// One of these, if there is any.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.get(usize::try_from(self.below(of.len() as u64)).unwrap_or_default())
    }

    /// A seed for a machine that draws by itself.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        seed
    }
}

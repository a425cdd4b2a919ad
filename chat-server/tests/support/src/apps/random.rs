//! Random choices from one seed.

use std::ops::Range;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of randomness. Each part of a test has its own, and none takes numbers from another.
pub struct Random(ChaCha8Rng);

impl Random {
    /// The source of a whole test: from this environment variable, or a fresh one, which is
    /// printed.
    pub fn of_test(name: &str, variable: &str) -> Self {
        let seed = match std::env::var(variable) {
            Ok(seed) => seed.parse().expect("the seed is a number"),
            Err(_) => getrandom::u64().unwrap(),
        };
        println!("{name}: {variable}={seed}");
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// The source of a part.
    #[must_use]
    pub fn part(&mut self) -> Self {
        Self(ChaCha8Rng::seed_from_u64(self.0.next_u64()))
    }

    /// A number less than this one.
    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.next_u64() % u64::try_from(end).unwrap()).unwrap()
    }

    /// A number of this range.
    pub fn within(&mut self, range: Range<usize>) -> usize {
        range.start + self.below(range.end - range.start)
    }

    /// A pause of this range of milliseconds.
    pub fn millis(&mut self, range: Range<usize>) -> Duration {
        Duration::from_millis(u64::try_from(self.within(range)).unwrap())
    }

    /// One of these, if there is any.
    pub fn one_of<T>(&mut self, choices: impl IntoIterator<Item = T>) -> Option<T> {
        let mut choices = choices.into_iter().collect::<Vec<_>>();
        let place = if choices.is_empty() { return None } else { self.below(choices.len()) };
        Some(choices.swap_remove(place))
    }
}

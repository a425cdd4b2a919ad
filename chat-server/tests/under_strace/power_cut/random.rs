//! Choices that are the same for the same seed.

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};

/// A source of choices.
pub(crate) struct Random(TestRng);

impl Random {
    /// The choices of this seed and these numbers.
    pub(crate) fn new(seed: u64, numbers: [u64; 2]) -> Self {
        let mut bytes = [0; 32];
        let parts = [seed, numbers[0], numbers[1]];
        bytes
            .chunks_exact_mut(8)
            .zip(parts)
            .for_each(|(bytes, part)| bytes.copy_from_slice(&part.to_be_bytes()));
        Self(TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.0.next_u64() % u64::try_from(end).unwrap()).unwrap()
    }

    /// One of these.
    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// Whether an event with these odds in a hundred happens.
    pub(crate) fn percent(&mut self, odds: usize) -> bool {
        self.below(100) < odds
    }
}

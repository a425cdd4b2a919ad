//! Ids derived from a seed: unguessable, and equal in every run with the same seed.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::id::{NONCE_BYTES, Nonce};

/// A source of nonces.
pub(super) struct Ids(ChaCha12Rng);

impl Ids {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    pub(super) fn nonce(&mut self) -> Nonce {
        let mut bytes = [0; NONCE_BYTES];
        self.0.fill_bytes(&mut bytes);
        Nonce(bytes)
    }
}

//! Ids derived from a seed: unguessable, and equal in every run with the same seed.

use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use crate::id::{NONCE_BYTES, Nonce};
use crate::store::Life;

/// A source of nonces.
pub(super) struct Ids(ChaCha12Rng);

/// The life of an engine with this seed. Takes no nonce away from the ids.
pub(super) fn life(seed: [u8; 32]) -> Life {
    let mut rng = ChaCha12Rng::from_seed(seed);
    rng.set_stream(1);
    let mut life = Life([0; 16]);
    rng.fill_bytes(&mut life.0);
    life
}

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

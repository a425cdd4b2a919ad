//! The client message ids.

use chat_core::id::ClientMessageId;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A source of ids of 128 random bits. With a fresh seed, no other client and no other run of this
/// one draws the same ids.
pub(super) struct Ids(ChaCha12Rng);

impl Ids {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha12Rng::from_seed(seed))
    }

    pub(super) fn client_message_id(&mut self) -> ClientMessageId {
        let (high, low) = (self.0.next_u64(), self.0.next_u64());
        ClientMessageId::from(format!("{high:016x}{low:016x}"))
    }

    /// Draws a seed for another generator, independent of the ids.
    pub(super) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        seed
    }
}

//! The conformance suite, on the store in memory.

use chat_core::store::MemoryStore;
use chat_core::testing::conformance::Fixture;

struct InMemory;

impl Fixture for InMemory {
    type Store = MemoryStore;

    async fn create(&mut self) -> MemoryStore {
        MemoryStore::new("epoch")
    }

    async fn reopen(&mut self, store: MemoryStore) -> MemoryStore {
        store
    }

    async fn crash(&mut self, _: MemoryStore) -> Option<MemoryStore> {
        None // It keeps nothing beyond its process.
    }
}

chat_core::store_conformance!(InMemory);

/// The same suite, as an embedder uses it whose store needs a runtime of its own.
mod on_a_named_runtime {
    use super::InMemory;

    chat_core::store_conformance!(InMemory, block_on = futures::executor::block_on);
}

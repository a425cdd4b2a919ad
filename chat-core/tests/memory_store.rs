//! The store in memory does what a store must.

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
}

chat_core::store_conformance!(InMemory);

//! The shared store is a store: the public conformance suite, each case also with the store opened
//! again after every commit.

use chat_core::testing::conformance::Fixture;
use chat_server::shared::SharedStore;

use super::database::{create, run};

#[derive(Default)]
struct InDatabase(String);

impl InDatabase {
    fn open(&self) -> SharedStore {
        run(SharedStore::open(&self.0)).unwrap()
    }
}

impl Fixture for InDatabase {
    type Store = SharedStore;

    async fn create(&mut self) -> SharedStore {
        self.0 = run(create());
        self.open()
    }

    async fn reopen(&mut self, store: SharedStore) -> SharedStore {
        drop(store);
        self.open()
    }

    /// The connections of a killed process stay until the database misses them.
    async fn crash(&mut self, store: SharedStore) -> Option<SharedStore> {
        std::mem::forget(store);
        Some(self.open())
    }
}

chat_core::store_conformance!(InDatabase::default());

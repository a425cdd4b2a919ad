//! The local store is a store: the public conformance suite, each case also with the store closed and opened again
//! after every commit.

use chat_core::testing::conformance::Fixture;
use chat_server::store::{LocalStore, Options};
use tempfile::TempDir;

struct OnDisk(TempDir);

impl OnDisk {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    /// Small segments, so that a case goes through several.
    fn open(&self) -> LocalStore {
        let options = Options { segment_bytes: 4 << 10, ..Options::default() };
        LocalStore::open(self.0.path(), options).unwrap()
    }
}

impl Fixture for OnDisk {
    type Store = LocalStore;

    async fn create(&mut self) -> LocalStore {
        self.open()
    }

    async fn reopen(&mut self, store: LocalStore) -> LocalStore {
        store.close().unwrap();
        drop(store);
        self.open()
    }
}

chat_core::store_conformance!(OnDisk::new());

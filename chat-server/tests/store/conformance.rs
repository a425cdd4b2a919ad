//! The local store is a store: the public conformance suite, each case also with the store opened
//! again after every commit: closed before, stopped without closing, and without its index.

use std::fs;

use chat_core::testing::conformance::Fixture;
use chat_server::store::{IndexReport, LocalStore, Options};
use server_test_support::store::crash;
use tempfile::TempDir;

/// How a store ends before it is opened again.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Closed,
    Dropped,
    WithoutIndex,
}

struct OnDisk(TempDir, Ending);

impl OnDisk {
    fn new(ending: Ending) -> Self {
        Self(TempDir::new().unwrap(), ending)
    }

    /// Small segments: a case goes through several.
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
        if self.1 != Ending::Dropped {
            store.close().unwrap();
        }
        drop(store);
        if self.1 == Ending::WithoutIndex {
            fs::remove_dir_all(self.0.path().join("index")).unwrap();
        }
        let store = self.open();
        let built_anew = matches!(store.report().index, IndexReport::Rebuilt { .. });
        assert_eq!(built_anew, self.1 == Ending::WithoutIndex, "{:?}", store.report());
        store
    }

    async fn crash(&mut self, store: LocalStore) -> Option<LocalStore> {
        crash(self.0.path(), store);
        Some(self.open())
    }
}

mod closed {
    use super::{Ending, OnDisk};

    chat_core::store_conformance!(OnDisk::new(Ending::Closed));
}

mod dropped {
    use super::{Ending, OnDisk};

    chat_core::store_conformance!(OnDisk::new(Ending::Dropped));
}

mod without_index {
    use super::{Ending, OnDisk};

    chat_core::store_conformance!(OnDisk::new(Ending::WithoutIndex));
}

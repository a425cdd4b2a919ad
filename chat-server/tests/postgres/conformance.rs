//! The shared store is a store: the public conformance suite, each case also with the store opened
//! again after every commit, and the suite for stores that several engines share.

use chat_core::testing::conformance::Fixture;
use chat_core::testing::conformance::shared::SharedFixture;
use chat_server::shared::SharedStore;

use super::database::{connect, create, run};

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

impl SharedFixture for InDatabase {
    async fn another(&mut self, _: &SharedStore) -> SharedStore {
        self.open()
    }

    async fn begin_epoch(&mut self, _: &SharedStore) {
        run(async { connect(&self.0).await.batch_execute(ANOTHER_EPOCH).await.unwrap() });
    }
}

/// The begin of another epoch, as another server writes it.
const ANOTHER_EPOCH: &str = "BEGIN; \
    SELECT 1 FROM chat.lane FOR UPDATE; \
    UPDATE chat.meta SET epoch = 'another'; \
    INSERT INTO chat.record (position, previous, hash, payload) \
    SELECT position + 1, hash, sha256(int8send(position + 1) || hash || payload_of.json), payload_of.json \
    FROM chat.record, (SELECT convert_to('{\"epoch_begun\":{\"epoch\":\"another\"}}', 'UTF8') AS json) AS payload_of \
    ORDER BY position DESC LIMIT 1; \
    COMMIT";

chat_core::store_conformance!(InDatabase::default());

mod shared {
    use super::InDatabase;

    chat_core::shared_store_conformance!(InDatabase::default());
}

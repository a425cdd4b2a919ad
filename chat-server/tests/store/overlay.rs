//! Reads see all acknowledged writes, however far behind the index is.

use std::sync::{Arc, RwLock};

use chat_core::store::Store;
use chat_server::store::{IndexReport, LocalStore, Observer, Options, Progress};
use futures::executor::block_on;
use server_test_support::store::{
    commit, contents, conv, creation, everything, message, open, open_with, read,
};
use tempfile::TempDir;

/// A store and a lock. The index thread stands still while the lock is held for writing.
fn stallable(dir: &TempDir) -> (Arc<RwLock<()>>, LocalStore) {
    let stall = Arc::new(RwLock::new(()));
    let stalled = stall.clone();
    let observer = Observer::new(move |progress| {
        if matches!(progress, Progress::Indexing(_)) {
            drop(stalled.read().unwrap());
        }
    });
    let store = open_with(dir.path(), Options { observer, ..Options::default() });
    (stall, store)
}

#[test]
fn reads_see_what_was_acknowledged_while_the_index_stands_still() {
    let dir = TempDir::new().unwrap();
    let (stall, store) = stallable(&dir);
    commit(&store, vec![creation(&conv(), Some("a"))]);
    let stalled = stall.write().unwrap();
    commit(&store, vec![message(&conv(), "second", Some("b"))]);
    commit(&store, vec![creation(&"conv_2".into(), None), message(&conv(), "third", None), read(&conv(), 2)]);
    let everything = |store: &LocalStore| everything(store, &["driver", "control"], &["a", "b"]);
    assert_eq!(contents(&store, &conv()), ["the first message", "second", "third"]);
    let verdict = block_on(store.commit(vec![message(&conv(), "second", Some("b"))])).unwrap().remove(0);
    assert!(verdict.is_err(), "a repeat is known, though the index knows nothing of it");
    let before = everything(&store);
    drop(stalled);
    store.close().unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.report().index, IndexReport::Current);
    assert_eq!(everything(&store), before);
}

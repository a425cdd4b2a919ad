//! Reads see what was acknowledged, however far behind the index is; and what happens when the index fails.

#[expect(dead_code, reason = "other tests use the rest")]
mod store_support;

use std::sync::{Arc, RwLock};

use chat_core::protocol::Role;
use chat_core::store::{Facts, Query, Store};
use chat_server::store::{IndexReport, LocalStore, Observer, Options, Progress};
use futures::executor::block_on;
use store_support::{account, commit, contents, conv, creation, everything, load, message, open, read};
use tempfile::TempDir;

/// A store whose index thread stands still while the lock is held for writing.
fn stallable(dir: &TempDir) -> (Arc<RwLock<()>>, LocalStore) {
    let stall = Arc::new(RwLock::new(()));
    let stalled = stall.clone();
    let observer = Observer::new(move |progress| {
        if matches!(progress, Progress::Indexing(_)) {
            drop(stalled.read().unwrap());
        }
    });
    let store = LocalStore::open(dir.path(), Options { observer, ..Options::default() }).unwrap();
    (stall, store)
}

#[test]
fn reads_see_what_was_acknowledged_while_the_index_stands_still() {
    let dir = TempDir::new().unwrap();
    let (stall, store) = stallable(&dir);
    commit(&store, vec![account("control", Role::ControlStaff), creation(&conv(), Some("a"))]);
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

/// A store whose index has failed after the creation of a conversation.
fn store_without_index(dir: &TempDir) -> LocalStore {
    let observer = Observer::new(|progress| {
        assert!(
            !matches!(progress, Progress::Indexing(position) if position.0 > 2),
            "a failure of the index"
        );
    });
    let store = LocalStore::open(dir.path(), Options { observer, ..Options::default() }).unwrap();
    commit(&store, vec![creation(&conv(), None)]);
    commit(&store, vec![message(&conv(), "acknowledged before", Some("a"))]);
    // The index fails a moment after the acknowledgement.
    while block_on(store.load(Query::Conversation(conv()))).is_ok() {
        std::thread::yield_now();
    }
    store
}

#[test]
fn when_the_index_fails_reads_are_unavailable_and_nothing_acknowledged_is_lost() {
    let dir = TempDir::new().unwrap();
    let store = store_without_index(&dir);
    let reason = block_on(store.load(Query::Directory)).unwrap_err().reason;
    assert!(reason.contains("built anew when the server is started again"), "{reason}");
    commit(&store, vec![message(&conv(), "acknowledged after", None)]);
    commit(&store, vec![account("driver", Role::BusDriver)]);
    store.close().unwrap();
    drop(store);
    let store = open(dir.path());
    assert!(matches!(store.report().index, IndexReport::Rebuilt { .. }), "{:?}", store.report());
    assert_eq!(contents(&store, &conv()), ["the first message", "acknowledged before", "acknowledged after"]);
    let Facts::Account(found) = load(&store, Query::Account("driver".into())).facts else { panic!() };
    assert!(found.is_some());
}

#[test]
fn without_the_index_what_could_be_a_repeat_is_not_acknowledged() {
    let dir = TempDir::new().unwrap();
    let store = store_without_index(&dir);
    assert!(block_on(store.commit(vec![message(&conv(), "acknowledged before", Some("a"))])).is_err());
    // A batch that failed does not take from what is known.
    commit(&store, vec![message(&conv(), "acknowledged after", None)]);
    store.close().unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(contents(&store, &conv()).len(), 3);
    let verdict =
        block_on(store.commit(vec![message(&conv(), "acknowledged before", Some("a"))])).unwrap().remove(0);
    assert!(verdict.is_err(), "after the restart the repeat is known");
}

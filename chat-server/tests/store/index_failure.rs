//! An index that fails in a running store is built anew while the store runs. Acknowledgements go
//! on, loads are unavailable until then, and nothing acknowledged is missing afterwards.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chat_core::protocol::User;
use chat_core::store::{
    Account, Change, Facts, Loaded, MemoryStore, PutAccount, Query, Store, StoredAccount, UnavailableError,
};
use chat_server::store::{IndexReport, LocalStore, Observer, Options, Progress};
use futures::executor::block_on;
use server_test_support::store::{
    commit, contents, control, conv, creation, everything, message, open, open_with, people, read, reference,
};
use tempfile::TempDir;

/// Patience for an awaited event, because a failing test must not hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// More changes than may wait for the index.
const MANY: usize = 20_000;

/// As many of them at once.
const AT_ONCE: usize = 1_000;

/// Faults to be raised on the index thread.
#[derive(Default)]
struct Faults {
    indexing: AtomicBool,
    building: AtomicBool,
    /// How often building has failed.
    failed: AtomicUsize,
}

impl Faults {
    fn set(&self, fail: bool) {
        self.indexing.store(fail, Ordering::Release);
        self.building.store(fail, Ordering::Release);
    }

    fn meet(&self, progress: Progress) {
        match progress {
            Progress::Indexing(_) => assert!(!self.indexing.load(Ordering::Acquire), "told to fail"),
            Progress::Replayed(..) if self.building.load(Ordering::Acquire) => {
                self.failed.fetch_add(1, Ordering::AcqRel);
                panic!("told to fail");
            }
            _ => {}
        }
    }
}

fn faulty(dir: &TempDir) -> (Arc<Faults>, LocalStore) {
    // The store's log is shown if the test fails: nothing else explains an index that is not built
    // anew.
    let _begun_before = tracing_subscriber::fmt().with_test_writer().try_init();
    let faults = Arc::new(Faults::default());
    let met = faults.clone();
    let observer = Observer::new(move |progress| met.meet(progress));
    let options = Options { observer, segment_bytes: 4 << 10, ..Options::default() };
    (faults, open_with(dir.path(), options))
}

fn ask(store: &LocalStore) -> Result<Loaded, UnavailableError> {
    block_on(store.load(Query::Directory))
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < patience, "{what}");
        thread::yield_now();
    }
}

/// Commits a change that is accepted, to both.
fn commit_to(stores: (&LocalStore, &MemoryStore), change: impl Fn() -> Change) {
    let said = commit(stores.0, vec![change()]);
    let expected = block_on(stores.1.commit(vec![change()])).unwrap();
    assert_eq!(said.len(), expected.iter().filter(|verdict| verdict.is_ok()).count());
}

/// A store without an index while the faults are set, and a store in memory with the same content.
fn store_without_index(dir: &TempDir) -> (Arc<Faults>, LocalStore, MemoryStore) {
    let ((faults, store), reference) = (faulty(dir), reference());
    let stores = (&store, &reference);
    block_on(reference.commit(people())).unwrap();
    commit_to(stores, || creation(&conv(), Some("a")));
    wait_until("the index is up to date", || contents(&store, &conv()).len() == 1);
    faults.set(true);
    commit_to(stores, || message(&conv(), "acknowledged before", Some("b")));
    wait_until("the index fails", || ask(&store).is_err());
    (faults, store, reference)
}

/// Another name for `control`.
fn renamed() -> Change {
    let StoredAccount { account, position, .. } = control();
    let user = User { first_name: "Con".into(), ..account.user };
    Change::PutAccount(PutAccount { account: Account { user, ..account }, replaces: Some(position) })
}

fn answers(store: &impl Store) -> Vec<Facts> {
    everything(store, &["driver", "control"], &["a", "b", "c"])
}

#[test]
fn the_index_is_built_anew_while_the_store_runs() {
    let dir = TempDir::new().unwrap();
    let (faults, store, reference) = store_without_index(&dir);
    let stores = (&store, &reference);
    commit_to(stores, || message(&conv(), "acknowledged meanwhile", None));
    commit_to(stores, renamed);
    wait_until("building is tried again", || faults.failed.load(Ordering::Acquire) > 1);
    let reason = ask(&store).unwrap_err().reason;
    assert!(reason.contains("is built anew"), "{reason}");
    faults.set(false);
    wait_until("the index is built anew", || ask(&store).is_ok());
    assert_eq!(answers(&store), answers(&reference));
    commit_to(stores, || creation(&"conv_2".into(), Some("c")));
    commit_to(stores, || read(&conv(), 2));
    assert_eq!(answers(&store), answers(&reference));
    store.close().unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.report().index, IndexReport::Current);
    assert_eq!(answers(&store), answers(&reference));
}

#[test]
fn an_index_that_holds_nonsense_is_found_out_by_a_load_and_replaced() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    commit(&store, vec![creation(&conv(), None)]);
    let before = answers(&store);
    store.close().unwrap();
    drop(store);
    let db = sled::Config::new().path(dir.path().join("index")).flush_every_ms(None).open().unwrap();
    db.insert(b"udriver", b"nonsense").unwrap();
    drop(db);
    let store = open(dir.path());
    assert_eq!(store.report().index, IndexReport::Current);
    let account = Query::Account("driver".into());
    assert!(block_on(store.load(account.clone())).is_err());
    wait_until("the index is built anew", || block_on(store.load(account.clone())).is_ok());
    assert_eq!(answers(&store), before);
    assert!(fs::exists(dir.path().join("index.bad-1")).unwrap());
}

#[test]
fn acknowledgements_go_on_beyond_what_may_wait_for_the_index() {
    let dir = TempDir::new().unwrap();
    let (faults, store, reference) = store_without_index(&dir);
    for _ in 0..MANY / AT_ONCE {
        let messages = || (0..AT_ONCE).map(|_| message(&conv(), "acknowledged meanwhile", None)).collect();
        assert_eq!(commit(&store, messages()).len(), AT_ONCE);
        block_on(reference.commit(messages())).unwrap();
    }
    assert!(ask(&store).is_err());
    faults.set(false);
    wait_until("the index is built anew", || ask(&store).is_ok());
    assert_eq!(answers(&store), answers(&reference));
}

#[test]
fn an_index_that_fails_again_is_built_anew_again() {
    let dir = TempDir::new().unwrap();
    let (faults, store, reference) = store_without_index(&dir);
    for _ in 0..2 {
        faults.set(false);
        wait_until("the index is built anew", || ask(&store).is_ok());
        faults.set(true);
        commit_to((&store, &reference), || message(&conv(), "acknowledged", None));
        wait_until("the index fails", || ask(&store).is_err());
    }
    faults.set(false);
    wait_until("the index is built anew", || ask(&store).is_ok());
    assert_eq!(answers(&store), answers(&reference));
}

#[test]
fn a_store_that_is_closed_without_an_index_is_whole_when_it_is_opened() {
    for dropped in [false, true] {
        let dir = TempDir::new().unwrap();
        let (_faults, store, reference) = store_without_index(&dir);
        commit_to((&store, &reference), || message(&conv(), "acknowledged meanwhile", None));
        if dropped {
            drop(store.clone());
        } else {
            store.close().unwrap();
        }
        drop(store);
        assert_eq!(answers(&open(dir.path())), answers(&reference));
    }
}

#[test]
fn without_the_index_what_could_be_a_repeat_is_not_acknowledged() {
    let dir = TempDir::new().unwrap();
    let (faults, store, _reference) = store_without_index(&dir);
    let repeat = || message(&conv(), "acknowledged before", Some("b"));
    assert!(block_on(store.commit(vec![repeat()])).is_err());
    // A failed batch takes nothing away from the known messages.
    commit(&store, vec![message(&conv(), "acknowledged meanwhile", None)]);
    faults.set(false);
    wait_until("the index is built anew", || ask(&store).is_ok());
    assert_eq!(contents(&store, &conv()).len(), 3);
    let verdict = block_on(store.commit(vec![repeat()])).unwrap().remove(0);
    assert!(verdict.is_err(), "the repeat is known again");
}

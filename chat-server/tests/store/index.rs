//! The index can be lost, damaged, stale or distrusted without loss of data. A start that would
//! lose data is refused.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Mutex};

use chat_core::id::ConversationId;
use chat_core::protocol::Role;
use chat_core::store::Facts;
use chat_server::store::{IndexReport, LocalStore, Observer, OpenError, Options, Progress};
use server_test_support::store::{
    account, commit, contents, conv, copy_dir, creation, everything, last_segment, message, open, open_with,
    read,
};
use tempfile::TempDir;

/// Fills a store with something of every kind, a long content included.
fn fill(store: &LocalStore) {
    commit(store, vec![creation(&conv(), Some("a")), creation(&"conv_2".into(), None)]);
    let long = "é".repeat(3_000);
    commit(
        store,
        vec![message(&conv(), &long, Some("b")), message(&conv(), "short", None), read(&conv(), 2)],
    );
}

fn facts(store: &LocalStore) -> Vec<Facts> {
    everything(store, &["driver", "control", "nobody"], &["a", "b", "c"])
}

/// A filled and closed store, and its answers.
fn filled() -> (TempDir, Vec<Facts>) {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    fill(&store);
    let facts = facts(&store);
    store.close().unwrap();
    (dir, facts)
}

fn is_rebuilt(store: &LocalStore) -> bool {
    matches!(store.report().index, IndexReport::Rebuilt { .. })
}

/// The index set aside, if any.
fn set_aside(dir: &Path) -> Vec<String> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("index.bad-")).collect()
}

#[test]
fn a_closed_store_opens_with_its_index_as_it_is() {
    let (dir, before) = filled();
    let store = open(dir.path());
    assert_eq!(store.report().index, IndexReport::Current);
    assert_eq!(facts(&store), before);
}

#[test]
fn a_deleted_index_is_built_anew() {
    let (dir, before) = filled();
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = told.clone();
    let observer = Observer::new(move |progress| listener.lock().unwrap().push(progress));
    let store = open_with(dir.path(), Options { observer, ..Options::default() });
    assert!(is_rebuilt(&store));
    assert_eq!(facts(&store), before);
    let last = store.report().position;
    assert!(told.lock().unwrap().contains(&Progress::Replayed(last, last)));
}

#[test]
fn a_truncated_index_is_replaced() {
    let (dir, before) = filled();
    let length = fs::metadata(dir.path().join("index/db")).unwrap().len();
    for cut in [0, 1, 100, 4_096, length / 4, length / 2, length - 1] {
        let copy = TempDir::new().unwrap();
        copy_dir(dir.path(), copy.path());
        let file = fs::OpenOptions::new().write(true).open(copy.path().join("index/db")).unwrap();
        file.set_len(cut).unwrap();
        assert_eq!(facts(&open(copy.path())), before, "cut to {cut}");
    }
}

#[test]
fn an_index_full_of_garbage_is_replaced() {
    let (dir, before) = filled();
    for name in ["db", "conf"] {
        let copy = TempDir::new().unwrap();
        copy_dir(dir.path(), copy.path());
        let file = copy.path().join("index").join(name);
        let length = usize::try_from(fs::metadata(&file).unwrap().len()).unwrap();
        let garbage: Vec<u8> = (0..length).map(|i| u8::try_from(i * 7919 % 251).unwrap()).collect();
        fs::write(file, garbage).unwrap();
        let store = open(copy.path());
        assert!(is_rebuilt(&store), "{name}: {:?}", store.report());
        assert_eq!(facts(&store), before, "{name}");
        assert_eq!(set_aside(copy.path()), ["index.bad-1"]);
    }
}

#[test]
fn a_stale_index_catches_up() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    commit(&store, vec![creation(&"conv_0".into(), None)]);
    store.close().unwrap();
    drop(store);
    let old = TempDir::new().unwrap();
    copy_dir(&dir.path().join("index"), old.path());
    let store = open(dir.path());
    fill(&store);
    let before = facts(&store);
    store.close().unwrap();
    drop(store);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    copy_dir(old.path(), &dir.path().join("index"));
    let store = open(dir.path());
    assert!(matches!(store.report().index, IndexReport::Replayed(_)), "{:?}", store.report());
    assert_eq!(facts(&store), before);
}

#[test]
fn an_index_ahead_of_the_journal_is_refused() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    commit(&store, vec![creation(&conv(), None)]);
    store.close().unwrap();
    drop(store);
    let old = TempDir::new().unwrap();
    copy_dir(dir.path(), old.path());
    let store = open(dir.path());
    commit(&store, vec![message(&conv(), "lost", None)]);
    store.close().unwrap();
    drop(store);
    fs::remove_dir_all(old.path().join("index")).unwrap();
    copy_dir(&dir.path().join("index"), &old.path().join("index"));
    let error = LocalStore::open(old.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Lost { witness: "the index", .. }), "{error}");
    // The remedy in the message.
    fs::remove_dir_all(old.path().join("index")).unwrap();
    fs::remove_file(old.path().join("state")).unwrap();
    assert_eq!(contents(&open(old.path()), &conv()), ["the first message"]);
}

#[test]
fn the_index_of_another_journal_is_refused() {
    let (one, _) = filled();
    let (other, _) = filled();
    fs::remove_dir_all(one.path().join("index")).unwrap();
    copy_dir(&other.path().join("index"), &one.path().join("index"));
    let error = LocalStore::open(one.path(), Options::default()).unwrap_err();
    assert!(error.to_string().contains("holds something else there"), "{error}");
}

/// The options of a store on a machine that was started under this name.
fn boot(id: &str) -> Options {
    Options { boot_id: Some(id.to_owned()), ..Options::default() }
}

#[test]
fn after_an_unclean_stop_a_restarted_machine_does_not_trust_the_index() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), boot("one"));
    fill(&store);
    let before = facts(&store);
    drop(store);
    let store = open_with(dir.path(), boot("one"));
    assert!(!is_rebuilt(&store), "the process ended, the machine did not");
    drop(store);
    let store = open_with(dir.path(), boot("two"));
    assert!(is_rebuilt(&store));
    assert_eq!(facts(&store), before);
    store.close().unwrap();
    drop(store);
    let store = open_with(dir.path(), boot("three"));
    assert_eq!(store.report().index, IndexReport::Current, "it was closed");
}

#[test]
fn a_start_that_did_not_come_to_its_end_is_no_clean_stop() {
    let (dir, before) = filled();
    let segment = last_segment(dir.path());
    let sound = fs::read(&segment).unwrap();
    fs::write(&segment, &sound[..sound.len() - 1]).unwrap();
    assert!(LocalStore::open(dir.path(), boot("one")).is_err(), "it has opened the index, and then gives up");
    fs::write(&segment, sound).unwrap();
    let store = open_with(dir.path(), boot("two"));
    assert!(is_rebuilt(&store));
    assert_eq!(facts(&store), before);
}

#[test]
fn a_start_that_stopped_while_it_built_an_index_is_no_clean_stop() {
    let (dir, before) = filled();
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let observer = Observer::new(|progress| assert!(!matches!(progress, Progress::Replayed(..)), "it stops"));
    let stopped =
        catch_unwind(AssertUnwindSafe(|| LocalStore::open(dir.path(), Options { observer, ..boot("one") })));
    assert!(stopped.is_err() && dir.path().join("index").exists());
    let store = open_with(dir.path(), boot("two"));
    assert!(is_rebuilt(&store), "what was built was never synced");
    assert_eq!(facts(&store), before);
}

#[test]
fn building_an_index_goes_on_where_it_was_stopped() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), boot("one"));
    fill(&store);
    let before = facts(&store);
    drop(store);
    let stopped = Arc::new(Mutex::new(Vec::new()));
    let told = stopped.clone();
    let observer = Observer::new(move |progress| {
        if let Progress::Replayed(reached, last) = progress {
            told.lock().unwrap().push((reached, last));
            panic!("it stops");
        }
    });
    let options = Options { observer, replay_batch: 1, ..boot("two") };
    assert!(catch_unwind(AssertUnwindSafe(|| LocalStore::open(dir.path(), options))).is_err());
    let (reached, last) = stopped.lock().unwrap()[0];
    assert!(reached < last, "it stops in the middle: {reached:?} of {last:?}");
    let store = open_with(dir.path(), boot("two"));
    assert_eq!(store.report().index, IndexReport::Replayed(reached));
    assert_eq!(facts(&store), before);
}

#[test]
fn only_the_last_bad_index_is_kept() {
    let (dir, _) = filled();
    for expected in ["index.bad-1", "index.bad-2"] {
        fs::write(dir.path().join("index/db"), [7; 5_000]).unwrap();
        open(dir.path()).close().unwrap();
        assert_eq!(set_aside(dir.path()), [expected]);
    }
}

fn write_index_version(dir: &Path, version: u32) {
    let db = sled::Config::new().path(dir.join("index")).flush_every_ms(None).open().unwrap();
    db.insert(b"!version", &version.to_be_bytes()).unwrap();
    db.flush().unwrap();
}

#[test]
fn an_index_of_another_version_is_built_anew() {
    let (dir, before) = filled();
    for other in [0, 3, 4, 5, 6, 7, 9] {
        write_index_version(dir.path(), other);
        let store = open(dir.path());
        assert!(is_rebuilt(&store));
        assert_eq!(facts(&store), before);
        store.close().unwrap();
    }
}

#[test]
fn a_newer_journal_is_refused() {
    let (dir, _) = filled();
    let segment = last_segment(dir.path());
    let mut bytes = fs::read(&segment).unwrap();
    bytes[8..12].copy_from_slice(&9_u32.to_be_bytes());
    let crc = crc32fast::hash(&bytes[..12]);
    bytes[12..16].copy_from_slice(&crc.to_be_bytes());
    fs::write(&segment, bytes).unwrap();
    let error = LocalStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 9, known: 1, .. }), "{error}");
}

#[test]
fn a_damaged_state_is_refused_and_can_be_removed() {
    let (dir, before) = filled();
    let state = dir.path().join("state");
    let text = fs::read_to_string(&state).unwrap();
    fs::write(&state, text.replacen("\"clean\":true", "\"clean\":null", 1)).unwrap();
    let error = LocalStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::State { .. }), "{error}");
    fs::remove_file(state).unwrap();
    let store = open(dir.path());
    assert!(is_rebuilt(&store));
    assert_eq!(facts(&store), before);
}

#[test]
fn a_second_server_on_the_same_data_is_refused() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let error = LocalStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { .. }), "{error}");
    assert!(error.to_string().contains("in use by another server"), "{error}");
    drop(store);
    open(dir.path());
}

/// Bytes of all keys and values of the index that are about conversations, with so many control
/// users.
fn bytes_of_conversations(control_users: usize) -> usize {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    let control = |number| account(&format!("control_{number}"), Role::ControlStaff);
    commit(&store, (0..control_users).map(control).collect());
    for id in ["conv_1", "conv_2", "conv_3"].map(ConversationId::from) {
        commit(&store, vec![creation(&id, None), message(&id, "short", None), read(&id, 2)]);
    }
    store.close().unwrap();
    drop(store);
    let db = sled::Config::new().path(dir.path().join("index")).flush_every_ms(None).open().unwrap();
    let entries = b"cmpar".iter().flat_map(|letter| db.scan_prefix([*letter]).map(Result::unwrap));
    entries.map(|(key, value)| key.len() + value.len()).sum()
}

#[test]
fn a_conversation_takes_as_many_bytes_with_10_and_with_300_control_users() {
    let few = bytes_of_conversations(10);
    assert!(few > 0);
    assert_eq!(bytes_of_conversations(300), few);
}

//! Repair loses no more than is damaged, says so before, and begins a new epoch.

use std::fs;
use std::path::Path;

use chat_core::id::Epoch;
use chat_core::store::{Facts, Position, Query};
use chat_server::store::{
    Checks, Erasure, Hold, HoldSubject, LocalStore, OpenError, Options, Repaired, Selection, backup, export,
    repair, verify,
};
use server_test_support::store::{
    commit, contents, conv, copy_dir, creation, last_segment, load, message, open_with, segments,
};
use tempfile::TempDir;

/// Options that begin a new segment with each group.
fn short_segments() -> Options {
    Options { segment_bytes: 0, ..Options::default() }
}

/// A closed store of the first message and these, in segments of a few messages each.
fn store(messages: usize) -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    commit(&store, vec![creation(&conv(), None)]);
    add(&store, 0..messages);
    store.close().unwrap();
    dir
}

fn add(store: &LocalStore, numbers: std::ops::Range<usize>) {
    for number in numbers {
        commit(store, vec![message(&conv(), &text(number), None)]);
    }
}

fn text(number: usize) -> String {
    format!("message {number} {}", "long ".repeat(200))
}

/// Flips a bit in the segment that has these bytes, at this distance from them.
fn flip(dir: &Path, bytes: &[u8], distance: isize) {
    for path in segments(dir) {
        let mut content = fs::read(&path).unwrap();
        let Some(at) = content.windows(bytes.len()).position(|window| window == bytes) else { continue };
        content[at.strict_add_signed(distance)] ^= 1;
        return fs::write(path, content).unwrap();
    }
    panic!("no segment has the bytes");
}

fn epoch(store: &LocalStore) -> Epoch {
    let Facts::Directory(directory) = load(store, Query::Directory).facts else { panic!("not a directory") };
    directory.epoch
}

fn epoch_in(dir: &Path) -> Epoch {
    let store = open_with(dir, short_segments());
    let epoch = epoch(&store);
    store.close().unwrap();
    epoch
}

/// Repairs, and requires that this does as said beforehand. The store is sound afterwards, and has
/// a new epoch.
fn repaired(dir: &Path, from: Option<&Path>, before: &Epoch) -> (Repaired, Vec<String>) {
    let journal = fs::read_dir(dir.join("journal")).unwrap().count();
    let said = repair(dir, from, false).unwrap();
    assert!(LocalStore::open(dir, short_segments()).is_err(), "nothing was changed");
    assert_eq!((fs::read_dir(dir.join("journal")).unwrap().count(), said.aside.exists()), (journal, false));
    let done = repair(dir, from, true).unwrap();
    assert_eq!((&said.texts, said.lost, said.healed), (&done.texts, done.lost, done.healed));
    assert!(done.aside.exists(), "the damaged journal is kept");
    let store = open_with(dir, short_segments());
    assert_ne!(epoch(&store), *before);
    let contents = contents(&store, &conv());
    store.close().unwrap();
    assert_eq!(verify(dir, &Checks::default(), &|_, _| ()).unwrap().count, 0);
    assert_eq!(repair(dir, from, true).unwrap().flaws, Vec::<String>::new(), "there is nothing more to do");
    (done, contents)
}

#[test]
fn a_damaged_text_costs_this_text_alone() {
    let dir = store(20);
    let before = epoch_in(dir.path());
    flip(dir.path(), b"message 7 ", 20);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let (done, contents) = repaired(dir.path(), None, &before);
    // Message 1 is the first one, and the others are numbered from 0.
    assert_eq!((done.texts, done.lost), (vec![(conv(), 9)], None));
    let texts: Vec<_> =
        (0..20).map(|number| if number == 7 { String::new() } else { text(number) }).collect();
    assert_eq!(contents[1..], texts);
}

#[test]
fn a_backup_heals_what_it_has_and_nothing_is_lost() {
    let (dir, other) = (store(10), TempDir::new().unwrap());
    let kept = other.path().join("kept");
    backup(dir.path(), &kept, &|_, _| ()).unwrap();
    let store = open_with(dir.path(), short_segments());
    let before = epoch(&store);
    add(&store, 10..20);
    store.close().unwrap();
    // Two texts, the header of a record, and the header of a segment.
    flip(dir.path(), b"message 2 ", 20);
    flip(dir.path(), b"message 3 ", 20);
    flip(dir.path(), b"message 5 ", -300);
    let mut header = fs::read(&segments(dir.path())[2]).unwrap();
    header[20] ^= 1;
    fs::write(&segments(dir.path())[2], header).unwrap();
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let (done, contents) = repaired(dir.path(), Some(&kept), &before);
    assert_eq!((&done.texts, done.lost), (&vec![], None), "{done:?}");
    assert!(done.healed > 0);
    assert_eq!(contents[1..], (0..20).map(text).collect::<Vec<_>>());
}

#[test]
fn without_a_backup_a_damaged_record_ends_the_journal_and_the_rest_is_exported_before() {
    let dir = store(20);
    let before = epoch_in(dir.path());
    flip(dir.path(), b"\"seq\":9", 2);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let mut out = Vec::new();
    let damaged = export(dir.path(), &Selection::default(), &mut out, &|_, _| ());
    assert!(damaged.unwrap_err().to_string().contains("chat-server repair"));
    assert!(String::from_utf8(out).unwrap().contains("message 6 "), "all before the damage is there");
    let mut out = Vec::new();
    let selection = Selection { salvage: true, ..Selection::default() };
    let passed = export(dir.path(), &selection, &mut out, &|_, _| ()).unwrap();
    assert_eq!(passed.len(), 1, "{passed:?}");
    let out = String::from_utf8(out).unwrap();
    let is_there = |number: &usize| out.contains(&format!("message {number} "));
    assert_eq!((0..20).filter(|number| !is_there(number)).collect::<Vec<_>>(), [7]);
    assert!(!out.contains(r#""type":"end""#), "it is not complete");
    let (done, contents) = repaired(dir.path(), None, &before);
    // The epoch, two accounts, the conversation, and seven messages are kept.
    assert_eq!(done.lost.map(|(first, _)| first.0), Some(12));
    assert_eq!(done.readable, 12);
    assert_eq!(contents[1..], (0..7).map(text).collect::<Vec<_>>());
}

#[test]
fn a_journal_put_back_from_an_older_copy_is_accepted_with_a_new_epoch() {
    let (dir, other) = (store(5), TempDir::new().unwrap());
    let (older, newer) = (other.path().join("older"), other.path().join("newer"));
    backup(dir.path(), &older, &|_, _| ()).unwrap();
    let store = open_with(dir.path(), short_segments());
    let before = epoch(&store);
    add(&store, 5..10);
    store.close().unwrap();
    backup(dir.path(), &newer, &|_, _| ()).unwrap();
    for (from, messages) in [(Some(&newer), 10), (None, 5)] {
        let copy = TempDir::new().unwrap();
        copy_dir(dir.path(), copy.path());
        fs::remove_dir_all(copy.path().join("journal")).unwrap();
        copy_dir(&older.join("journal"), &copy.path().join("journal"));
        let error = LocalStore::open(copy.path(), short_segments()).unwrap_err();
        assert!(matches!(error, OpenError::Lost { .. }), "{error}");
        assert!(error.to_string().contains("chat-server repair"), "{error}");
        let (done, contents) = repaired(copy.path(), from.map(|from| &**from), &before);
        assert_eq!(contents[1..], (0..messages).map(text).collect::<Vec<_>>());
        assert_eq!(done.lost.is_some(), from.is_none());
    }
}

#[test]
fn erased_text_does_not_come_back_from_a_backup() {
    let (dir, other) = (store(10), TempDir::new().unwrap());
    let kept = other.path().join("kept");
    backup(dir.path(), &kept, &|_, _| ()).unwrap();
    let store = open_with(dir.path(), short_segments());
    let before = epoch(&store);
    while store.erase_before(server_test_support::store::time(1_000_000)).unwrap().more {}
    commit(&store, vec![message(&conv(), "the last", None)]);
    store.close().unwrap();
    flip(dir.path(), b"\"seq\":5", 2);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let (done, contents) = repaired(dir.path(), Some(&kept), &before);
    assert_eq!((done.texts, done.lost), (vec![], None));
    assert!(contents[..10].iter().all(String::is_empty), "{contents:?}");
    assert_eq!(contents[11], "the last");
}

#[test]
fn what_was_erased_on_request_does_not_come_back_and_later_texts_stay() {
    let (dir, other) = (store(5), TempDir::new().unwrap());
    let (older, newer) = (other.path().join("older"), other.path().join("newer"));
    backup(dir.path(), &older, &|_, _| ()).unwrap();
    let store = open_with(dir.path(), short_segments());
    let (by, why) = ("uid 0".to_owned(), "on request".to_owned());
    let at = server_test_support::store::time(2);
    let erasure = Erasure { user: "driver".into(), by, why, at, until: Position(0) };
    assert_eq!(store.erase_user(erasure, &|_, _| true).unwrap(), 6);
    add(&store, 5..10);
    store.close().unwrap();
    backup(dir.path(), &newer, &|_, _| ()).unwrap();
    // Each backup heals a damaged record of its time.
    for (from, damaged) in [(&older, "\"seq\":3"), (&newer, "\"seq\":9")] {
        let before = epoch_in(dir.path());
        flip(dir.path(), damaged.as_bytes(), 2);
        fs::remove_dir_all(dir.path().join("index")).unwrap();
        let (done, contents) = repaired(dir.path(), Some(from), &before);
        assert_eq!((done.texts, done.lost), (vec![], None));
        assert!(contents[..6].iter().all(String::is_empty), "{contents:?}");
        assert_eq!(contents[6..], (5..10).map(text).collect::<Vec<_>>());
    }
}

#[test]
fn a_store_whose_begin_is_damaged_is_left_as_it_is_without_a_backup() {
    let dir = store(3);
    let first = &segments(dir.path())[0];
    let mut bytes = fs::read(first).unwrap();
    bytes[70] ^= 1;
    fs::write(first, bytes).unwrap();
    let error = repair(dir.path(), None, true).unwrap_err();
    assert!(error.to_string().contains("without --from BACKUP"), "{error}");
    assert!(last_segment(dir.path()).exists());
}

#[test]
fn every_copy_of_a_data_directory_begins_a_new_epoch() {
    let dir = store(3);
    let before = epoch_in(dir.path());
    assert_eq!(epoch_in(dir.path()), before, "a start is no copy");
    let copy = TempDir::new().unwrap();
    copy_dir(dir.path(), copy.path());
    assert_ne!(epoch_in(copy.path()), before);
    let journal = TempDir::new().unwrap();
    copy_dir(&dir.path().join("journal"), &journal.path().join("journal"));
    assert_ne!(epoch_in(journal.path()), before);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    assert_eq!(epoch_in(dir.path()), before, "an index that is gone is no copy");
}

/// Damages a small file: one byte of its text.
fn damage(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    bytes[12] ^= 1;
    fs::write(file, bytes).unwrap();
}

/// A hold of the messages of this user.
fn held(user: &str) -> Hold {
    let (by, why) = ("uid 0".to_owned(), "court".to_owned());
    Hold { subject: HoldSubject::User(user.into()), by, why, at: server_test_support::store::time(2) }
}

#[test]
fn damaged_holds_are_taken_from_a_backup_or_set_aside_and_said_to_be_lost() {
    let (dir, other) = (store(3), TempDir::new().unwrap());
    let kept = other.path().join("kept");
    let store = open_with(dir.path(), short_segments());
    store.hold(held("driver")).unwrap();
    store.close().unwrap();
    backup(dir.path(), &kept, &|_, _| ()).unwrap();
    damage(&dir.path().join("journal/keeping"));
    let error = backup(dir.path(), &other.path().join("later"), &|_, _| ()).unwrap_err();
    assert!(error.to_string().contains("chat-server repair --from BACKUP takes the holds"), "{error}");
    assert_eq!(verify(dir.path(), &Checks::default(), &|_, _| ()).unwrap().count, 1);
    for (from, lost, holds) in
        [(Some(&*kept), "since the backup", vec![held("driver")]), (None, "all holds", vec![])]
    {
        let copy = TempDir::new().unwrap();
        copy_dir(dir.path(), copy.path());
        let store = open_with(copy.path(), short_segments());
        assert!(store.holds().is_err() && store.erase_before(server_test_support::store::time(9)).is_err());
        store.close().unwrap();
        let done = repair(copy.path(), from, true).unwrap();
        assert!(done.notes.len() == 1 && done.notes[0].contains(lost), "{done:?}");
        assert_eq!((done.texts.len(), done.lost), (0, None));
        let store = open_with(copy.path(), short_segments());
        assert_eq!(store.holds().unwrap(), holds);
        assert_eq!(contents(&store, &conv()).len(), 4);
        store.close().unwrap();
        assert_eq!(repair(copy.path(), from, true).unwrap().flaws, Vec::<String>::new());
    }
}

#[test]
fn a_damaged_note_of_an_erasure_is_set_aside_and_no_text_is_lost() {
    let dir = store(10);
    let store = open_with(dir.path(), short_segments());
    let before = epoch(&store);
    while store.erase_before(server_test_support::store::time(1_000_000)).unwrap().more {}
    add(&store, 10..12);
    store.close().unwrap();
    damage(&dir.path().join("journal/erasing"));
    assert_eq!(verify(dir.path(), &Checks::default(), &|_, _| ()).unwrap().count, 1);
    let (done, contents) = repaired(dir.path(), None, &before);
    assert!(done.notes[0].contains("retention begins again"), "{done:?}");
    assert_eq!((done.texts, done.lost), (vec![], None));
    assert!(contents[..11].iter().all(String::is_empty), "{contents:?}");
    assert_eq!(contents[11..], (10..12).map(text).collect::<Vec<_>>());
}

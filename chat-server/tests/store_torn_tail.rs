//! A tail that was torn was never acknowledged: it is cut and reported, and all before it is there.

#[expect(dead_code, reason = "other tests use the rest")]
mod store_support;

use std::fs::{self, OpenOptions};
use std::io::Write;

use chat_server::store::{LocalStore, Options};
use store_support::{commit, contents, conv, creation, last_segment, message, open};
use tempfile::TempDir;

/// Makes a store whose last group is torn off by the test: gives its segment's length before that group.
fn store_with_a_last_group(dir: &TempDir) -> u64 {
    let store = open(dir.path());
    commit(&store, vec![creation(&conv(), None)]);
    commit(&store, vec![message(&conv(), "acknowledged", Some("a"))]);
    let before = fs::metadata(last_segment(dir.path())).unwrap().len();
    commit(&store, vec![message(&conv(), "torn", Some("b")), message(&conv(), "torn too", None)]);
    drop(store);
    before
}

/// A copy of the journal alone, cut to this length: nothing but its own groups knows what was synced.
fn journal_cut_to(dir: &TempDir, length: u64) -> TempDir {
    let copy = TempDir::new().unwrap();
    fs::create_dir(copy.path().join("journal")).unwrap();
    let segment = last_segment(dir.path());
    let target = copy.path().join("journal").join(segment.file_name().unwrap());
    fs::copy(segment, &target).unwrap();
    OpenOptions::new().write(true).open(target).unwrap().set_len(length).unwrap();
    copy
}

#[test]
fn cut_at_every_byte_of_its_last_group_the_store_opens_with_all_before_it() {
    let dir = TempDir::new().unwrap();
    let before = store_with_a_last_group(&dir);
    let whole = fs::metadata(last_segment(dir.path())).unwrap().len();
    for length in before..whole {
        let copy = journal_cut_to(&dir, length);
        let store = open(copy.path());
        assert_eq!(contents(&store, &conv()), ["the first message", "acknowledged"], "cut at {length}");
        let cut = store.report().cut.as_ref();
        assert_eq!(
            cut.map(|cut| (cut.offset, cut.bytes)),
            (length > before).then_some((before, length - before))
        );
        store.close().unwrap();
        assert_eq!(fs::metadata(last_segment(copy.path())).unwrap().len(), before);
    }
}

#[test]
fn after_a_cut_the_journal_goes_on() {
    let dir = TempDir::new().unwrap();
    let before = store_with_a_last_group(&dir);
    let copy = journal_cut_to(&dir, before + 100);
    let store = open(copy.path());
    commit(&store, vec![message(&conv(), "later", Some("b"))]);
    store.close().unwrap();
    drop(store);
    let store = open(copy.path());
    assert_eq!(store.report().cut, None);
    assert_eq!(contents(&store, &conv()), ["the first message", "acknowledged", "later"]);
}

#[test]
fn zeros_behind_the_end_are_a_torn_tail() {
    let dir = TempDir::new().unwrap();
    store_with_a_last_group(&dir);
    let mut file = OpenOptions::new().append(true).open(last_segment(dir.path())).unwrap();
    file.write_all(&[0; 5_000]).unwrap();
    let store = open(dir.path());
    assert_eq!(store.report().cut.as_ref().map(|cut| cut.bytes), Some(5_000));
    assert_eq!(contents(&store, &conv()).len(), 4);
}

#[test]
fn a_group_of_another_file_behind_the_end_is_a_torn_tail() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let before = store_with_a_last_group(&dir);
    let store = open(other.path());
    commit(&store, vec![creation(&conv(), None), message(&conv(), &"long ".repeat(1_000), None)]);
    let start = usize::try_from(fs::metadata(last_segment(other.path())).unwrap().len()).unwrap();
    commit(&store, vec![message(&conv(), "a block of a file that was removed", None)]);
    drop(store);
    let stale = fs::read(last_segment(other.path())).unwrap().split_off(start);
    let copy = journal_cut_to(&dir, before + 100);
    let mut file = OpenOptions::new().append(true).open(last_segment(copy.path())).unwrap();
    file.write_all(&stale).unwrap();
    let store = open(copy.path());
    assert_eq!(store.report().cut.as_ref().map(|cut| cut.offset), Some(before));
    assert_eq!(contents(&store, &conv()), ["the first message", "acknowledged"]);
}

#[test]
fn a_segment_that_was_not_begun_yet_is_removed() {
    let dir = TempDir::new().unwrap();
    store_with_a_last_group(&dir);
    // Positions 1 to 5 are the epoch, the conversation, and three messages.
    for torn in [&b""[..], b"chatjrnl", &[0; 60]] {
        let next = dir.path().join("journal/00000000000000000006.log");
        fs::write(&next, torn).unwrap();
        let store = open(dir.path());
        assert_eq!(store.report().cut.as_ref().map(|cut| cut.file.clone()), Some(next.clone()));
        assert!(!next.exists());
        assert_eq!(contents(&store, &conv()).len(), 4);
    }
}

#[test]
fn a_store_that_was_not_begun_yet_is_begun() {
    for length in [0, 30, 60, 100] {
        let dir = TempDir::new().unwrap();
        drop(open(dir.path()));
        let copy = journal_cut_to(&dir, length);
        let store = LocalStore::open(copy.path(), Options::default()).unwrap();
        assert!(store.report().created);
        commit(&store, vec![creation(&conv(), None)]);
    }
}

//! A torn tail was never acknowledged. The tail is cut and reported, and everything before it is
//! there.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;

use chat_server::store::journal::read_all;
use chat_server::store::{Checks, Options, verify};
use server_test_support::store::{
    commit, contents, conv, crash, creation, fill_short_segments, last_segment, message, open, open_with,
    segments, written,
};
use tempfile::TempDir;

/// Makes a store, in order to tear off its last group. Returns the length of the segment before
/// this group.
fn store_with_a_last_group(dir: &TempDir) -> u64 {
    let store = open(dir.path());
    commit(&store, vec![creation(&conv(), None)]);
    commit(&store, vec![message(&conv(), "acknowledged", Some("a"))]);
    let before = written(&last_segment(dir.path()));
    commit(&store, vec![message(&conv(), "torn", Some("b")), message(&conv(), "torn too", None)]);
    drop(store);
    before
}

/// A copy of the journal alone, cut to this length. Nothing outside of its groups knows the synced
/// end.
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
    assert!(before < whole);
    for length in before..whole {
        let copy = journal_cut_to(&dir, length);
        let segment = last_segment(copy.path());
        let torn = written(&segment).saturating_sub(before);
        let store = open(copy.path());
        assert_eq!(contents(&store, &conv()), ["the first message", "acknowledged"], "cut at {length}");
        let cut = store.report().cut.as_ref();
        assert_eq!(cut.map(|cut| (cut.offset, cut.bytes)), (length > before).then_some((before, torn)));
        store.close().unwrap();
        // The epoch, two accounts, the conversation, a message, and the epoch of the copy.
        assert_eq!(read_all(copy.path()).unwrap().map(Result::unwrap).count(), 6);
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

/// A store as a crash leaves it, with its last segment.
fn after_a_crash(dir: &TempDir) -> PathBuf {
    store_with_a_last_group(dir);
    let store = open(dir.path());
    commit(&store, vec![message(&conv(), "the last", None)]);
    crash(dir.path(), store);
    let segment = last_segment(dir.path());
    assert!(written(&segment) + 1_000 < fs::metadata(&segment).unwrap().len(), "zeros were written ahead");
    segment
}

#[test]
fn zeros_that_were_written_ahead_are_no_torn_tail() {
    let dir = TempDir::new().unwrap();
    let segment = after_a_crash(&dir);
    let end = written(&segment);
    assert_eq!(read_all(dir.path()).unwrap().flatten().count(), 8);
    let verified = verify(dir.path(), &Checks::default(), &|_, _| ()).unwrap();
    assert!(verified.findings.is_empty() && verified.tail.is_none(), "{:?}", verified.findings);
    let store = open(dir.path());
    assert_eq!(store.report().cut, None);
    assert_eq!(fs::metadata(&segment).unwrap().len(), end, "nothing is behind the end when it begins");
    assert_eq!(contents(&store, &conv()).last().unwrap(), "the last");
}

#[test]
fn what_stands_among_zeros_is_a_torn_tail() {
    let dir = TempDir::new().unwrap();
    let segment = after_a_crash(&dir);
    let end = written(&segment);
    OpenOptions::new().write(true).open(&segment).unwrap().write_all_at(&[7], end + 700).unwrap();
    let verified = verify(dir.path(), &Checks::default(), &|_, _| ()).unwrap();
    assert_eq!(verified.tail.map(|tail| (tail.offset, tail.bytes)), Some((end, 701)));
    let store = open(dir.path());
    assert_eq!(store.report().cut.as_ref().map(|cut| (cut.offset, cut.bytes)), Some((end, 701)));
    assert_eq!(contents(&store, &conv()).last().unwrap(), "the last");
}

#[test]
fn a_store_that_is_closed_has_no_zeros_behind_its_segments() {
    let dir = TempDir::new().unwrap();
    fill_short_segments(dir.path());
    let segments = segments(dir.path());
    let lengths: Vec<_> =
        segments.into_iter().map(|path| (written(&path), fs::metadata(&path).unwrap().len())).collect();
    assert!(lengths.len() > 3 && lengths.iter().all(|(written, length)| written == length), "{lengths:?}");
}

#[test]
fn a_group_of_another_file_behind_the_end_is_a_torn_tail() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let before = store_with_a_last_group(&dir);
    let store = open(other.path());
    commit(&store, vec![creation(&conv(), None), message(&conv(), &"long ".repeat(1_000), None)]);
    let start = usize::try_from(written(&last_segment(other.path()))).unwrap();
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
    // Positions 1 to 7 are the epoch, two accounts, the conversation, and three messages.
    for torn in [&b""[..], b"chatjrnl", &[0; 60]] {
        let next = dir.path().join("journal/00000000000000000008.log");
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
        let store = open_with(copy.path(), Options::default());
        assert!(store.report().created);
        commit(&store, vec![creation(&conv(), None)]);
    }
}

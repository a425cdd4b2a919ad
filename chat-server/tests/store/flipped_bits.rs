//! A flipped bit anywhere in a journal of many segments is named, or cut with the last group and
//! reported. Changed content is never answered.
//!
//! After a power cut a start reads the whole journal. A normal start reads only the last group of
//! old segments. A flipped bit before that group is named by a later reader: a load or `read_all`.

use std::fs;
use std::path::{Path, PathBuf};

use chat_core::store::{Facts, Loaded, Query, Store, Window};
use chat_server::store::journal::read_all;
use chat_server::store::{LocalStore, OpenError, Options};
use futures::executor::block_on;
use server_test_support::store::{
    commit, contents, conv, copy_dir, creation, last_segment, message, open_with, read, segments, written,
};
use tempfile::TempDir;

/// Options of a store of short segments, under this boot of the machine.
fn short_segments(boot: &str) -> Options {
    Options { segment_bytes: 8 << 10, boot_id: Some(boot.to_owned()), ..Options::default() }
}

/// Fills a store of many segments with messages, of which the index does not hold the longest;
/// gives where the last group begins.
fn fill_many_segments(store: &LocalStore, dir: &Path) -> (PathBuf, u64) {
    commit(store, vec![creation(&conv(), Some("a"))]);
    for number in 0..31 {
        let content = format!("{number} ").repeat(100 + 900 * (number % 2));
        commit(store, vec![message(&conv(), &content, None), read(&conv(), number as u64 + 2)]);
    }
    let last = last_segment(dir);
    let before = written(&last);
    commit(store, vec![message(&conv(), "the last", None)]);
    assert_eq!(last_segment(dir), last, "the last group is in the last segment, behind others");
    (last, before)
}

fn copy_of(dir: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    copy_dir(dir, copy.path());
    copy
}

/// Every `step`th byte of each segment.
fn places(dir: &Path, step: usize) -> Vec<(PathBuf, usize)> {
    let segments = segments(dir);
    assert!(segments.len() > 6, "{segments:?}");
    let lengths = segments.into_iter().map(|path| (fs::metadata(&path).unwrap().len(), path));
    lengths
        .flat_map(|(length, path)| {
            (0..usize::try_from(length).unwrap()).step_by(step).map(move |at| (path.clone(), at))
        })
        .collect()
}

fn flip(segment: &Path, offset: usize) {
    let mut bytes = fs::read(segment).unwrap();
    bytes[offset] ^= 1 << (offset % 8);
    fs::write(segment, bytes).unwrap();
}

fn assert_names(error: &OpenError, segment: &Path, offset: usize) {
    let OpenError::Damaged(damage) = error else {
        panic!("a flip at {offset} of {} gave {error}", segment.display())
    };
    assert_eq!(damage.file, segment, "{damage} for a flip at {offset}");
    assert!(damage.offset <= offset as u64, "{damage} for a flip at {offset}");
}

#[test]
fn after_a_power_cut_a_flipped_bit_in_any_segment_is_named_and_one_in_the_last_group_is_cut_and_reported() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments("one"));
    let (last, before) = fill_many_segments(&store, dir.path());
    let all = contents(&store, &conv());
    drop(store);
    let (mut named, mut cut) = (0, 0);
    let end = usize::try_from(fs::metadata(&last).unwrap().len()).unwrap();
    let in_last_group =
        (usize::try_from(before).unwrap()..end).step_by(41).map(|offset| (last.clone(), offset));
    for (segment, offset) in places(dir.path(), 211).into_iter().chain(in_last_group) {
        let expect_cut = segment == last && offset as u64 >= before;
        // A refused journal is not changed.
        let copy = expect_cut.then(|| copy_of(dir.path()));
        let dir = copy.as_ref().unwrap_or(&dir).path();
        let segment = dir.join("journal").join(segment.file_name().unwrap());
        flip(&segment, offset);
        let opened = LocalStore::open(dir, short_segments("two"));
        if expect_cut {
            let store = opened.unwrap();
            assert_eq!(
                store.report().cut.as_ref().map(|cut| (&cut.file, cut.offset)),
                Some((&segment, before))
            );
            assert_eq!(contents(&store, &conv()), all[..all.len() - 1]);
            cut += 1;
        } else {
            assert_names(&opened.unwrap_err(), &segment, offset);
            flip(&segment, offset);
            named += 1;
        }
    }
    println!("{named} flipped bits named, {cut} cut");
    assert!(named > 100 && cut > 1, "{named} named, {cut} cut");
}

#[test]
fn after_a_clean_stop_a_flipped_bit_is_named_by_reading_all_and_never_answered() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments("one"));
    fill_many_segments(&store, dir.path());
    let all = contents(&store, &conv());
    store.close().unwrap();
    drop(store);
    let (mut refused, mut unavailable) = (0, 0);
    for (segment, offset) in places(dir.path(), 601) {
        flip(&segment, offset);
        let found = read_all(dir.path()).unwrap().find_map(Result::err).expect("reading all finds it");
        assert_names(&found, &segment, offset);
        match LocalStore::open(dir.path(), short_segments("one")) {
            Err(error) => {
                assert_names(&error, &segment, offset);
                refused += 1;
            }
            Ok(store) => {
                for (number, content) in (1..).zip(&all) {
                    unavailable += usize::from(!is_there_or_unavailable(&store, number, content));
                }
                store.close().unwrap();
            }
        }
        flip(&segment, offset);
    }
    println!("{refused} starts refused, {unavailable} messages unavailable");
    assert!(refused > 5 && unavailable > 5, "{refused} refused, {unavailable} unavailable");
}

/// Whether the message with this number is unchanged; if not, the load has failed.
fn is_there_or_unavailable(store: &LocalStore, number: u64, content: &str) -> bool {
    let (conversation, window) = (conv(), Window::After(number - 1));
    let query = Query::Messages { conversation, window, limit: 1, bytes: usize::MAX, with_positions: true };
    match block_on(store.load(query)) {
        Ok(Loaded { facts: Facts::Messages(page), .. }) => {
            assert!(*page.messages[0].content == *content, "message {number} is not what was written");
            true
        }
        Ok(other) => panic!("{other:?}"),
        Err(unavailable) => {
            assert!(unavailable.reason.contains("damaged"), "{}", unavailable.reason);
            false
        }
    }
}

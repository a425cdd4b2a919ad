//! Damage before the known synced end is refused and named, and nothing is changed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bytes::{find_record, fix_checksums};
use chat_core::store::{Content, Event};
use chat_server::store::journal::read_all;
use chat_server::store::{LocalStore, OpenError, Options};
use server_test_support::store::{
    commit, contents, conv, copy_dir, creation, last_segment, message, open, open_with, read, segments,
    written,
};
use tempfile::TempDir;

/// A store with every kind of record; gives its segment's length before the last group.
fn store(dir: &Path) -> u64 {
    let store = open(dir);
    commit(&store, vec![creation(&conv(), Some("a")), message(&conv(), "in the same group", Some("b"))]);
    commit(&store, vec![read(&conv(), 2), message(&conv(), "another", None)]);
    let before = written(&last_segment(dir));
    commit(&store, vec![message(&conv(), "the last", None)]);
    store.close().unwrap();
    before
}

/// Opens with one bit of the segment flipped, expects to be refused, and puts the bit back.
fn refused_with(dir: &Path, segment: &Path, sound: &[u8], offset: usize, bit: u8) -> OpenError {
    let mut bytes = sound.to_vec();
    bytes[offset] ^= 1 << bit;
    fs::write(segment, &bytes).unwrap();
    let Err(error) = LocalStore::open(dir, Options::default()) else {
        panic!("bit {bit} of {offset} was not found")
    };
    assert!(fs::read(segment).unwrap() == bytes, "a refused store is not changed");
    error
}

/// Options that begin a new segment with each group.
fn short_segments() -> Options {
    Options { segment_bytes: 0, ..Options::default() }
}

/// A closed store of 21 messages in several segments.
fn many_segments() -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    commit(&store, vec![creation(&conv(), None)]);
    let long = "long ".repeat(200);
    (0..20).for_each(|_| drop(commit(&store, vec![message(&conv(), &long, None)])));
    store.close().unwrap();
    dir
}

/// A copy of the journal alone.
fn journal_alone(dir: &Path) -> (TempDir, PathBuf) {
    let copy = TempDir::new().unwrap();
    copy_dir(&dir.join("journal"), &copy.path().join("journal"));
    let segment = last_segment(copy.path());
    (copy, segment)
}

#[test]
fn a_flipped_bit_at_every_byte_before_the_last_group_is_found_and_named() {
    let dir = TempDir::new().unwrap();
    let before = store(dir.path());
    let (copy, segment) = journal_alone(dir.path());
    let sound = fs::read(&segment).unwrap();
    for offset in 0..usize::try_from(before).unwrap() {
        let bit = u8::try_from(offset % 8).unwrap();
        match refused_with(copy.path(), &segment, &sound, offset, bit) {
            OpenError::Damaged(damage) => {
                assert_eq!(damage.file, segment);
                assert!(damage.offset <= offset as u64, "{damage} for a flip at {offset}");
                let text = damage.to_string();
                assert!(text.contains(&format!("byte {} of", damage.offset)), "{text}");
            }
            other => panic!("a flip at {offset} gave {other}"),
        }
    }
}

#[test]
fn the_record_that_is_damaged_is_the_one_that_is_named() {
    let dir = TempDir::new().unwrap();
    store(dir.path());
    let (copy, segment) = journal_alone(dir.path());
    let sound = fs::read(&segment).unwrap();
    let text = b"in the same group";
    let offset = sound.windows(text.len()).position(|window| window == text).unwrap();
    let OpenError::Damaged(damage) = refused_with(copy.path(), &segment, &sound, offset, 0) else {
        panic!("not damaged")
    };
    assert_eq!(damage.position.0, 5, "epoch, two accounts, creation, message: {damage}");
}

#[test]
fn damage_in_the_last_group_is_known_by_the_mark_of_the_clean_stop() {
    let dir = TempDir::new().unwrap();
    let before = store(dir.path());
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let segment = last_segment(dir.path());
    let sound = fs::read(&segment).unwrap();
    for offset in usize::try_from(before).unwrap()..sound.len() {
        let error = refused_with(dir.path(), &segment, &sound, offset, 3);
        assert!(matches!(error, OpenError::Damaged(_)), "a flip at {offset} gave {error}");
    }
}

#[test]
fn damage_in_the_last_group_is_known_by_the_index() {
    let dir = TempDir::new().unwrap();
    // Dropped, not closed: the file `state` knows the position of the start only, and the index has
    // gone on.
    let store = open(dir.path());
    commit(&store, vec![creation(&conv(), None)]);
    drop(store);
    let segment = last_segment(dir.path());
    let sound = fs::read(&segment).unwrap();
    let error = refused_with(dir.path(), &segment, &sound, sound.len() - 1, 0);
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
    fs::write(&segment, sound).unwrap();
    assert_eq!(contents(&open(dir.path()), &conv()).len(), 1);
}

#[test]
fn a_lost_end_is_known() {
    let dir = TempDir::new().unwrap();
    let before = store(dir.path());
    let segment = last_segment(dir.path());
    fs::OpenOptions::new().write(true).open(segment).unwrap().set_len(before).unwrap();
    let error = LocalStore::open(dir.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Lost { .. }), "{error}");
    assert!(error.to_string().contains("ends with position 7"), "{error}");
}

#[test]
fn a_missing_segment_is_known() {
    let dir = many_segments();
    let segments = segments(dir.path());
    assert!(segments.len() > 3, "{segments:?}");
    for missing in [0, 1, segments.len() - 1] {
        let bytes = fs::read(&segments[missing]).unwrap();
        fs::remove_file(&segments[missing]).unwrap();
        let error = LocalStore::open(dir.path(), short_segments()).unwrap_err();
        assert!(matches!(error, OpenError::Damaged(_) | OpenError::Lost { .. }), "{error}");
        fs::write(&segments[missing], bytes).unwrap();
    }
    let flipped = fs::read(&segments[0]).unwrap();
    let error = refused_with(dir.path(), &segments[0], &flipped, flipped.len() - 1, 0);
    assert!(matches!(error, OpenError::Damaged(_)), "an old segment is checked too: {error}");
    fs::write(&segments[0], flipped).unwrap();
    assert_eq!(contents(&open_with(dir.path(), short_segments()), &conv()).len(), 21);
}

#[test]
fn a_segment_that_was_not_begun_yet_tells_where_the_one_before_it_ended() {
    let dir = TempDir::new().unwrap();
    let before = store(dir.path());
    let (copy, segment) = journal_alone(dir.path());
    // Eight positions were synced when this segment was to be begun.
    fs::write(copy.path().join("journal/00000000000000000009.log"), b"").unwrap();
    fs::OpenOptions::new().write(true).open(&segment).unwrap().set_len(before).unwrap();
    let error = LocalStore::open(copy.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_)), "{error}");
    fs::remove_file(segment).unwrap();
    let error = LocalStore::open(copy.path(), Options::default()).unwrap_err();
    assert!(matches!(error, OpenError::Damaged(_)), "no segment is left but one that was not begun: {error}");
}

#[test]
fn a_start_with_a_sound_index_does_not_read_what_was_checked_before() {
    let dir = many_segments();
    let first = dir.path().join("journal/00000000000000000001.log");
    let mut bytes = fs::read(&first).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&first, bytes).unwrap();
    let store = open_with(dir.path(), short_segments());
    assert_eq!(contents(&store, &conv()).len(), 21);
    drop(store);
    assert!(matches!(read_all(dir.path()).unwrap().last(), Some(Err(OpenError::Damaged(_)))));
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    assert!(matches!(LocalStore::open(dir.path(), short_segments()), Err(OpenError::Damaged(_))));
}

#[test]
fn the_journal_is_read_back_as_it_was_written() {
    let dir = TempDir::new().unwrap();
    store(dir.path());
    let records: Vec<_> = read_all(dir.path()).unwrap().map(Result::unwrap).collect();
    let positions: Vec<_> = records.iter().map(|record| record.position.0).collect();
    assert_eq!(positions, [1, 2, 3, 4, 5, 6, 7, 8]);
    assert!(records.windows(2).all(|two| two[0].hash == two[1].previous));
    assert!(matches!(records[0].event, Event::EpochBegun { .. }));
    assert!(matches!(&records[4].event, Event::MessageAppended(appended) if appended.seq == 2));
    let content = |place: usize| records[place].event.content().map(|(content, _)| content);
    assert_eq!(content(4), Some(&Content::Text("in the same group".into())));
    assert_eq!(content(5), None);
}

#[test]
fn what_was_changed_with_care_is_found_by_hash_and_chain() {
    let dir = TempDir::new().unwrap();
    store(dir.path());
    let (copy, segment) = journal_alone(dir.path());
    let sound = fs::read(&segment).unwrap();
    let record = find_record(&sound, b"in the same group");
    let [_, payload, content, _] = record;
    // The last letter of the user's name in `"sender":"driver"`, and a letter of the message.
    let sender = sound[payload..content].windows(7).position(|window| window == b"driver\"").unwrap();
    for (offset, position) in [(content + 20, 5), (payload + sender, 6)] {
        let mut forged = sound.clone();
        forged[offset] ^= 1;
        fix_checksums(&mut forged, record);
        fs::write(&segment, forged).unwrap();
        match LocalStore::open(copy.path(), Options::default()) {
            Err(OpenError::Damaged(damage)) => assert_eq!(damage.position.0, position, "{damage}"),
            other => panic!("a forgery at {offset} gave {other:?}"),
        }
    }
}

#[test]
fn erased_content_leaves_positions_and_chain_as_they_were() {
    let dir = TempDir::new().unwrap();
    store(dir.path());
    let before: Vec<_> = read_all(dir.path()).unwrap().map(|record| record.unwrap().hash).collect();
    let segment = last_segment(dir.path());
    let mut bytes = fs::read(&segment).unwrap();
    let record = find_record(&bytes, b"in the same group");
    bytes[record[2]..record[3]].fill(0);
    fix_checksums(&mut bytes, record);
    fs::write(&segment, bytes).unwrap();
    let after: Vec<_> = read_all(dir.path()).unwrap().map(Result::unwrap).collect();
    assert!(after[4].event.is_erased());
    assert_eq!(after.iter().map(|record| record.hash).collect::<Vec<_>>(), before);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    assert_eq!(contents(&open(dir.path()), &conv())[1], "");
}

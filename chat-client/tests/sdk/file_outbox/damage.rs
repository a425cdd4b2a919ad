//! Crashes and bad flash memory: readable changes are kept.

use std::fs;

use chat_client::outbox::file::OpenError;
use proptest::prelude::*;

use super::{Folder, ids, put, remove, write};

/// Returns a file of three entries and a removal, and the start of each line.
fn file() -> (Folder, Vec<u8>, Vec<usize>) {
    let folder = Folder::new();
    let mut outbox = folder.open();
    write(&mut outbox, [put("a"), put("b")]).unwrap();
    write(&mut outbox, [put("c")]).unwrap();
    drop(outbox);
    let bytes = fs::read(folder.path()).unwrap();
    let mut starts = vec![0];
    starts.extend(bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at + 1));
    assert_eq!(starts.len(), 5, "header and three entries");
    (folder, bytes, starts)
}

#[test]
fn a_file_cut_at_any_byte_of_its_last_line_has_everything_before() {
    let (folder, bytes, starts) = file();
    for end in starts[3]..bytes.len() {
        fs::write(folder.path(), &bytes[..end]).unwrap();
        assert_eq!(folder.found(), (vec!["a".to_owned(), "b".to_owned()], 0), "cut at {end}");
        write(&mut folder.open(), [put("d"), remove("a")]).unwrap();
        assert_eq!(folder.found(), (vec!["b".to_owned(), "d".to_owned()], 0), "cut at {end}, and used again");
    }
}

#[test]
fn a_tail_that_was_never_written_is_cut() {
    let (folder, mut bytes, _) = file();
    bytes.extend([0; 4096]);
    fs::write(folder.path(), &bytes).unwrap();
    write(&mut folder.open(), [put("d")]).unwrap();
    assert!(fs::read(folder.path()).unwrap().ends_with(b"\n"));
    assert_eq!(folder.found(), (["a", "b", "c", "d"].map(str::to_owned).to_vec(), 0));
}

#[test]
fn a_flipped_bit_costs_at_most_the_entry_it_is_in_and_is_told() {
    let (folder, bytes, starts) = file();
    for at in 0..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        fs::write(folder.path(), &damaged).unwrap();
        let (found, places) = folder.found();

        let line = starts.iter().rposition(|start| *start <= at).unwrap();
        let mut expected = vec!["a", "b", "c"];
        if starts.contains(&(at + 1)) {
            assert_eq!(
                (found, places),
                (expected.iter().map(ToString::to_string).collect(), 0),
                "a line feed, {at}"
            );
            continue;
        }
        if line > 0 {
            expected.remove(line - 1);
        }
        assert_eq!(found, expected, "bit {} of byte {at}", at % 8);
        assert!(places > 0, "bit {} of byte {at}", at % 8);
        assert_eq!(folder.found().1, 0, "the damage is gone from the file");
        assert_eq!(folder.found().0, expected, "and what is kept is still there");
    }
}

#[test]
fn a_destroyed_block_costs_only_what_was_in_it() {
    let (folder, mut bytes, starts) = file();
    bytes[starts[1]..starts[2] + 10].fill(0);
    fs::write(folder.path(), &bytes).unwrap();
    assert_eq!(folder.found(), (vec!["c".to_owned()], 1));
}

#[test]
fn a_destroyed_header_costs_nothing() {
    let (folder, mut bytes, starts) = file();
    bytes[..starts[1]].fill(0xff);
    fs::write(folder.path(), &bytes).unwrap();
    // The damage without a line feed reaches into the first entry.
    assert_eq!(folder.found(), (vec!["b".to_owned(), "c".to_owned()], 1));
}

#[test]
fn damage_at_the_end_is_told_from_a_line_that_was_never_finished() {
    let (folder, mut bytes, _) = file();
    let last = bytes.len() - 2;
    bytes[last] = b'?';
    fs::write(folder.path(), &bytes).unwrap();
    assert_eq!(folder.found(), (vec!["a".to_owned(), "b".to_owned()], 1));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any file is read or refused, and no entry appears that was never put.
    #[test]
    fn any_damage_is_read_past_or_refused(
        at in any::<prop::sample::Index>(),
        replaced in 0_usize..600,
        by in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..600),
    ) {
        let (folder, mut bytes, _) = file();
        let start = at.index(bytes.len());
        let end = bytes.len().min(start + replaced);
        bytes.splice(start..end, by);
        fs::write(folder.path(), &bytes).unwrap();
        match folder.try_open() {
            Ok(mut outbox) => {
                let found = ids(&mut outbox);
                prop_assert!(found.is_sorted() && found.iter().all(|id| ["a", "b", "c"].contains(&&**id)));
                write(&mut outbox, [put("d")]).unwrap();
                drop(outbox);
                prop_assert_eq!(folder.found().0, [found, vec!["d".to_owned()]].concat());
            }
            Err(OpenError::Unrecognised { .. }) => {}
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        }
    }
}

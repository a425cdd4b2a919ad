//! What is put is found, and nothing else, whatever happens in between.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;

/// An empty file, with its path.
fn empty() -> (TempDir, PathBuf, Originals) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("originals");
    let originals = Originals::create(&path).unwrap();
    (dir, path, originals)
}

fn key(number: u32) -> [u8; 4] {
    number.to_be_bytes()
}

fn place(number: u32) -> [u8; LOCATION] {
    let mut place = [0; LOCATION];
    place[..4].copy_from_slice(&number.to_be_bytes());
    place
}

fn put(originals: &Originals, numbers: std::ops::Range<u32>) -> usize {
    let keys: Vec<_> = numbers.clone().map(key).collect();
    let entries: Vec<_> = numbers.map(place).zip(&keys).map(|(place, key)| (&key[..], place)).collect();
    originals.put(&entries).unwrap().len()
}

fn holds(originals: &Originals, number: u32) -> bool {
    match originals.get(&key(number)).unwrap() {
        Found::Here(found) => found == place(number),
        Found::Nowhere => false,
        Found::Spilled => true,
    }
}

fn lacks(originals: &Originals, number: u32) -> bool {
    !matches!(originals.get(&key(number)).unwrap(), Found::Here(_))
}

#[test]
fn it_grows_with_what_is_put_and_finds_all_of_it_and_nothing_else() {
    let (_dir, path, originals) = empty();
    let spilled: usize = (0..50_000).step_by(1_000).map(|first| put(&originals, first..first + 1_000)).sum();
    assert!(spilled < 50, "{spilled} in sled");
    let pages = originals.pages();
    assert!((350..900).contains(&pages), "{pages}");
    let originals = Originals::open(&path).unwrap();
    assert_eq!(originals.pages(), pages);
    assert!((0..50_000).all(|number| holds(&originals, number)));
    assert!((50_000..60_000).all(|number| lacks(&originals, number)));
    put(&originals, 0..50_000);
    assert!(originals.pages() - pages <= 50, "again is the same, but for what was spilled");
}

#[test]
fn what_is_put_all_at_once_finds_room_too() {
    let (_dir, _, originals) = empty();
    let spilled = put(&originals, 0..50_000);
    assert!(spilled < 50, "{spilled} in sled");
    assert!((0..50_000).all(|number| holds(&originals, number)));
}

#[test]
fn a_split_that_was_cut_short_loses_nothing() {
    let (_dir, _, originals) = empty();
    put(&originals, 0..1_000);
    for _ in 0..40 {
        let pages = originals.pages();
        let from = pages - (1 << pages.ilog2());
        let before = originals.read(from).unwrap();
        originals.split(pages).unwrap();
        originals.write(from, before).unwrap();
        assert!((0..1_000).all(|number| holds(&originals, number)));
    }
}

#[test]
fn a_full_page_says_so_and_its_halves_too() {
    let (_dir, _, originals) = empty();
    let mut full = Page::empty();
    for number in 0..u8::try_from(ROOM).unwrap() {
        assert!(full.put(Hash([number; page::HASH]), place(0)));
    }
    originals.write(0, full).unwrap();
    assert_eq!(put(&originals, 0..1), 1);
    assert_eq!(originals.pages(), 2, "it was split");
    (0..100).for_each(|number| {
        assert!(matches!(originals.get(&key(number)).unwrap(), Found::Spilled), "asked for in sled");
    });
}

/// Where the file can't be read any more, what is answered all the same was answered without it.
#[test]
fn that_an_id_is_new_is_known_without_reading_its_page() {
    let (_dir, path, written) = empty();
    put(&written, 0..10_000);
    let opened = Originals::open(&path).unwrap();
    assert!((0..20_000).all(|number| holds(&opened, number) == (number < 10_000)), "each page was read once");
    let pages = written.pages();
    (0..pages).for_each(|page| written.file.write_all_at(&[7; PAGE], offset(page)).unwrap());
    for originals in [&written, &opened] {
        let answered = |number: &u32| originals.get(&key(*number)).is_ok();
        let new = (10_000..20_000).filter(answered).count();
        assert!(new > 9_500, "{new}");
        assert_eq!((0..10_000).filter(answered).count(), 0, "what is there is read");
    }
}

#[test]
fn damage_is_found() {
    let (_dir, path, originals) = empty();
    put(&originals, 0..10);
    originals.file.write_all_at(&[7], offset(0) + 20).unwrap();
    assert!(originals.get(&key(1)).is_err());
    originals.file.set_len(offset(0) + 100).unwrap();
    assert!(Originals::open(&path).is_err());
}

//! Every stored entry is found, and nothing else, whatever happens in between.

use std::fs;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

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

fn place(number: u32) -> Location {
    Location { segment: u64::from(number), offset: number }
}

/// Puts numbers, and flushes the buffer to pages. Returns how many found their page full.
fn put(originals: &Originals, numbers: Range<u32>) -> usize {
    gather(originals, numbers);
    originals.settle(&mut originals.log.lock().unwrap()).unwrap();
    originals.recent().len()
}

/// Puts numbers into the buffer.
fn gather(originals: &Originals, numbers: Range<u32>) {
    let entries: Vec<_> = numbers.map(|number| (Bytes::from(&key(number)), place(number))).collect();
    originals.put(&entries).unwrap();
}

fn holds(originals: &Originals, number: u32) -> bool {
    originals.get(&key(number)).unwrap() == Some(place(number))
}

fn lacks(originals: &Originals, number: u32) -> bool {
    originals.get(&key(number)).unwrap().is_none()
}

#[test]
fn it_grows_with_what_is_put_and_finds_all_of_it_and_nothing_else() {
    let (_dir, path, originals) = empty();
    let full = (0..50_000).step_by(1_000).map(|first| put(&originals, first..first + 1_000)).max();
    assert!(full < Some(50), "{full:?} found no room");
    let pages = originals.pages();
    assert!((350..900).contains(&pages), "{pages}");
    let originals = Originals::open(&path).unwrap();
    assert_eq!(originals.pages(), pages);
    assert!((0..50_000).all(|number| holds(&originals, number)));
    assert!((50_000..60_000).all(|number| lacks(&originals, number)));
    for first in (0..50_000).step_by(1_000) {
        put(&originals, first..first + 1_000);
    }
    assert!(originals.pages() - pages <= 50, "again is the same, but for what found no room");
}

#[test]
fn what_is_put_all_at_once_finds_room_too() {
    let (_dir, _, originals) = empty();
    for first in [0, 50_000, 100_000, 0, 0] {
        let full = put(&originals, first..first + 50_000);
        assert!(full < 50, "{full} found no room");
    }
    assert!((0..150_000).all(|number| holds(&originals, number)));
    let pages = originals.pages();
    assert!((1_000..2_700).contains(&pages), "{pages}");
}

#[test]
fn what_has_gathered_is_put_into_its_pages_in_time() {
    let (_dir, _, originals) = empty();
    let most = u32::try_from(RECENT_MOST).unwrap();
    (0..most - 1).step_by(5_000).for_each(|first| gather(&originals, first..(first + 5_000).min(most - 1)));
    assert_eq!((originals.recent().len(), originals.pages()), (RECENT_MOST - 1, 1));
    gather(&originals, most - 1..most);
    assert!(originals.recent().len() <= ROOM && originals.pages() > 350);
    assert!((0..most).all(|number| holds(&originals, number)));
    assert!((most..most + 10_000).all(|number| lacks(&originals, number)));
}

/// Many batches of the index have no ids. The log must not grow by them.
#[test]
fn nothing_is_logged_of_nothing() {
    let (_dir, path, originals) = empty();
    (0..10).for_each(|_| gather(&originals, 0..0));
    assert_eq!(fs::metadata(log_of(&path)).unwrap().len(), 0);
}

#[test]
fn what_has_gathered_is_there_after_a_crash() {
    let (_dir, path, originals) = empty();
    put(&originals, 0..1_000);
    gather(&originals, 1_000..1_500);
    gather(&originals, 1_500..2_000);
    drop(originals);
    for _ in 0..2 {
        let originals = Originals::open(&path).unwrap();
        assert!((0..2_000).all(|number| holds(&originals, number)));
        assert_eq!(originals.log.lock().unwrap().entries(), 1_000);
    }
    let originals = Originals::open(&path).unwrap();
    put(&originals, 2_000..3_000);
    let originals = Originals::open(&path).unwrap();
    assert_eq!(originals.log.lock().unwrap().entries(), 0);
    assert!((0..3_000).all(|number| holds(&originals, number)));
}

#[test]
fn a_crash_before_the_log_is_cleared_loses_nothing() {
    let (_dir, path, originals) = empty();
    gather(&originals, 0..1_000);
    let logged = fs::read(log_of(&path)).unwrap();
    put(&originals, 1_000..1_100);
    fs::write(log_of(&path), logged).unwrap();
    let originals = Originals::open(&path).unwrap();
    assert!((0..1_100).all(|number| holds(&originals, number)));
    put(&originals, 0..1);
    assert!((0..1_100).all(|number| holds(&originals, number)));
}

#[test]
fn nothing_leaves_the_log_before_it_is_in_its_page() {
    let (_dir, path, originals) = empty();
    gather(&originals, 0..1_000);
    originals.file.write_all_at(&[7; PAGE], offset(0)).unwrap();
    let log = &mut *originals.log.lock().unwrap();
    assert!(originals.settle(log).is_err(), "its page can't be read");
    assert_eq!(log.entries(), 1_000);
    let (_, logged) = IdLog::open(&log_of(&path)).unwrap();
    assert_eq!(logged.len(), 1_000);
}

#[test]
fn of_a_log_that_was_cut_short_all_that_is_whole_counts() {
    let (_dir, path, originals) = empty();
    gather(&originals, 0..20);
    let whole = fs::metadata(log_of(&path)).unwrap().len();
    gather(&originals, 20..50);
    let logged = fs::read(log_of(&path)).unwrap();
    for length in whole..u64::try_from(logged.len()).unwrap() {
        fs::write(log_of(&path), &logged[..usize::try_from(length).unwrap()]).unwrap();
        let originals = Originals::open(&path).unwrap();
        assert!((0..20).all(|number| holds(&originals, number)));
        assert!((20..50).all(|number| lacks(&originals, number)));
        gather(&originals, 20..22);
        assert!((0..22).all(|number| holds(&Originals::open(&path).unwrap(), number)), "cut at {length}");
    }
}

/// A lookup must not miss an entry that moves from memory to its page, or a repeat would be taken
/// for new.
#[test]
fn nothing_is_missed_while_it_moves() {
    let (_dir, _, originals) = empty();
    let put_so_far = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for first in (0..40_000).step_by(500) {
                gather(&originals, first..first + 500);
                put_so_far.store(first + 500, Ordering::Release);
                if first % 4_000 == 0 {
                    originals.settle(&mut originals.log.lock().unwrap()).unwrap();
                }
            }
        });
        while put_so_far.load(Ordering::Acquire) < 40_000 {
            let there = put_so_far.load(Ordering::Acquire);
            (0..there).rev().step_by(97).for_each(|number| assert!(holds(&originals, number)));
        }
    });
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
fn what_finds_its_page_full_is_kept_until_there_is_room() {
    let (_dir, path, originals) = empty();
    put(&originals, 0..10_000);
    let mut full = IdPage::empty();
    (0..=u8::MAX)
        .take(ROOM)
        .for_each(|number| assert!(full.put(IdHash([number; page::HASH]), encode_location(place(0)))));
    (0..originals.pages()).for_each(|page| originals.write(page, IdPage(full.0.clone())).unwrap());
    let kept = put(&originals, 10_000..10_010);
    assert!((1..=10).contains(&kept), "{kept}");
    let originals = Originals::open(&path).unwrap();
    assert_eq!((originals.recent().len(), originals.log.lock().unwrap().entries()), (kept, 0));
    assert!((10_000..10_010).all(|number| holds(&originals, number)));
    let kept = put(&originals, 11_000..18_000);
    assert!(kept <= ROOM, "{kept}");
    assert!((10_000..10_010).chain(11_000..18_000).all(|number| holds(&originals, number)));
}

/// The file can't be read any more: every answer was given without it.
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

#[test]
fn damage_of_what_has_gathered_is_found() {
    let (_dir, path, originals) = empty();
    gather(&originals, 0..5);
    gather(&originals, 5..10);
    let mut logged = fs::read(log_of(&path)).unwrap();
    for at in 0..logged.len() {
        logged[at] ^= 1;
        fs::write(log_of(&path), &logged).unwrap();
        assert!(Originals::open(&path).is_err(), "byte {at}");
        logged[at] ^= 1;
    }
    fs::write(log_of(&path), &logged).unwrap();
    originals.file.write_all_at(&[7], OVERFLOW + 20).unwrap();
    assert!(Originals::open(&path).is_err());
}

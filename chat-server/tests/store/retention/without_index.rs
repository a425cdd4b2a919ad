//! Retention in a store without a usable index.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chat_server::store::disk::{Disk, SystemDisk};
use chat_server::store::{Fault, LocalStore, Observer, Options, Progress, RetentionError, Swept};
use server_test_support::store::{commit, conv, copy_dir, creation, message, open_with};
use tempfile::TempDir;

use super::breaking_disk::Breaking;
use super::{
    SECRET, assert_crash_is_made_good, assert_erased, cutoff, is_anywhere, new, short_segments, sweep,
    verified,
};

/// A store without an index: building one fails as long as `fails` says so.
fn store_without_index(dir: &Path, disk: Arc<dyn Disk>) -> (Arc<AtomicBool>, LocalStore) {
    let fails = Arc::new(AtomicBool::new(false));
    let seen = fails.clone();
    let observer = Observer::new(move |progress| match progress {
        Progress::Indexing(_) | Progress::Replayed(..) => {
            assert!(!seen.load(Ordering::Acquire), "told to fail");
        }
        _ => {}
    });
    let store = open_with(dir, Options { observer, disk, ..short_segments() });
    fails.store(true, Ordering::Release);
    commit(&store, vec![new("new two")]);
    wait_until(&store, Some(Fault::Index));
    (fails, store)
}

fn wait_until(store: &LocalStore, fault: Option<Fault>) {
    let patience = Instant::now() + Duration::from_mins(1);
    while store.fault() != fault {
        assert!(Instant::now() < patience, "{fault:?}");
        thread::yield_now();
    }
}

/// Sweeps while the index is built anew again and again, which a step may meet.
fn sweep_without_index(store: &LocalStore) -> usize {
    let patience = Instant::now() + Duration::from_mins(1);
    let mut erased = 0;
    loop {
        assert!(Instant::now() < patience, "retention must go on without an index");
        match store.erase_before(cutoff()) {
            Ok(Swept { erased: some, more }) => {
                erased += some;
                if !more {
                    return erased;
                }
            }
            Err(RetentionError::Unavailable(_) | RetentionError::Busy) => thread::yield_now(),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Bytes that the file system has for the files of a journal.
fn room_of_journal(dir: &Path) -> u64 {
    let files = fs::read_dir(dir.join("journal")).unwrap();
    files.map(|file| file.unwrap().metadata().unwrap().blocks() * 512).sum()
}

/// Whether the file system gives the room of a hole back; where it does not, erased content stays
/// as zeros.
fn gives_holes_back(dir: &Path) -> bool {
    let path = dir.join("probe");
    fs::write(&path, vec![1; 64 << 10]).unwrap();
    let mut file = SystemDisk.open(&path).unwrap();
    let punched = file.punch(0, 32 << 10);
    file.sync().unwrap();
    let room = path.metadata().unwrap().blocks() * 512;
    fs::remove_file(&path).unwrap();
    assert_eq!(room < 64 << 10, punched.is_ok(), "{punched:?}");
    punched.is_ok()
}

/// Old messages of several blocks each, and a new one behind them, in a store that was closed.
fn fill_with_long_ones(dir: &Path) {
    let store = open_with(dir, short_segments());
    commit(&store, vec![creation(&conv(), None)]);
    let long = format!("{SECRET} ").repeat(3_000);
    (0..40).for_each(|_| drop(commit(&store, vec![message(&conv(), &long, None)])));
    commit(&store, vec![new("new one")]);
    store.close().unwrap();
}

#[test]
fn erased_content_of_whole_blocks_gives_them_back() {
    let dir = TempDir::new().unwrap();
    fill_with_long_ones(dir.path());
    let before = room_of_journal(dir.path());
    let store = open_with(dir.path(), short_segments());
    assert_eq!(sweep(&store).1, 41);
    let after = room_of_journal(dir.path());
    if gives_holes_back(dir.path()) {
        // Each of them fills at least five blocks of 4 KiB; the end of the journal may have taken
        // some.
        assert!(before >= after + 40 * 4 * 4_096, "{before} {after}");
    } else {
        assert_eq!(after, before);
    }
    store.close().unwrap();
    drop(store);
    let seen = verified(dir.path());
    assert!(seen.count == 0 && seen.erased == 41, "{seen:?}");
    assert!(!is_anywhere(&dir.path().join("journal"), SECRET));
}

#[test]
fn without_an_index_the_journal_is_erased_and_the_next_index_knows() {
    let dir = TempDir::new().unwrap();
    fill_with_long_ones(dir.path());
    let (fails, store) = store_without_index(dir.path(), Arc::new(SystemDisk));
    let head = store.head();
    let before = room_of_journal(dir.path());
    assert_eq!(sweep_without_index(&store), 41);
    assert_eq!(store.fault(), Some(Fault::Index), "there is still no index");
    assert!(!is_anywhere(&dir.path().join("journal"), SECRET));
    assert!(!gives_holes_back(dir.path()) || room_of_journal(dir.path()) < before);
    assert_eq!(store.head(), head);
    fails.store(false, Ordering::Release);
    wait_until(&store, None);
    assert_erased(&store);
    assert_eq!(sweep(&store).1, 0, "once");
    store.close().unwrap();
    drop(store);
    let seen = verified(dir.path());
    assert!(seen.count == 0 && seen.index.is_ok() && seen.erased == 41, "{seen:?}");
    assert!(!is_anywhere(dir.path(), SECRET), "no index was left that holds it");
}

#[test]
fn a_crash_while_there_is_no_index_is_made_good_with_one_or_without() {
    let dir = TempDir::new().unwrap();
    fill_with_long_ones(dir.path());
    let left = Arc::new(AtomicUsize::new(0));
    let (_fails, store) = store_without_index(dir.path(), Arc::new(Breaking(left.clone())));
    left.store(2, Ordering::Release);
    let patience = Instant::now() + Duration::from_mins(1);
    loop {
        assert!(Instant::now() < patience, "a step must begin without an index");
        match store.erase_before(cutoff()) {
            Err(RetentionError::Journal(_)) => break,
            Err(RetentionError::Unavailable(_)) => thread::yield_now(),
            swept => panic!("{swept:?}"),
        }
    }
    // The state as a kill would leave it, with records not yet in an index.
    let image = TempDir::new().unwrap();
    copy_dir(&dir.path().join("journal"), &image.path().join("journal"));
    fs::copy(dir.path().join("state"), image.path().join("state")).unwrap();
    assert_crash_is_made_good(image.path());
    assert!(sweep_without_index(&store) > 0, "the next step completes it");
    assert!(!is_anywhere(&dir.path().join("journal"), SECRET));
    assert_eq!(store.fault(), Some(Fault::Index));
    store.close().unwrap();
}

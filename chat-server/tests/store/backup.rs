//! A backup has everything acknowledged before its start, is sound, and becomes a store with an
//! epoch of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use chat_core::id::Epoch;
use chat_core::store::{Facts, Query};
use chat_server::store::{
    BackupError, Checks, LocalStore, OpenError, Options, Verified, backup, rebuild, restore, verify,
};
use server_test_support::store::{
    commit, contents, conv, copy_dir, creation, everything, load, message, open, open_with,
};
use tempfile::TempDir;

/// Options of a store of short segments.
fn short_segments() -> Options {
    Options { segment_bytes: 0, ..Options::default() }
}

/// A store of several segments, closed.
fn store() -> TempDir {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    commit(&store, vec![creation(&conv(), Some("a"))]);
    (0..20).for_each(|_| drop(commit(&store, vec![message(&conv(), &"long ".repeat(200), None)])));
    store.close().unwrap();
    dir
}

fn verified(dir: &Path) -> Verified {
    verify(dir, &Checks::default(), &|_, _| ()).unwrap()
}

fn epoch(store: &LocalStore) -> Epoch {
    let Facts::Directory(directory) = load(store, Query::Directory).facts else { panic!("not a directory") };
    directory.epoch
}

/// The names of the files in a directory.
fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_backup_is_restored_whole_in_a_new_epoch() {
    let (dir, other) = (store(), TempDir::new().unwrap());
    fs::write(dir.path().join("jwt-secret"), "a secret of 32 bytes, or of more").unwrap();
    let (kept, new) = (other.path().join("kept"), other.path().join("new"));
    let told = std::cell::RefCell::new(Vec::new());
    let head = backup(dir.path(), &kept, &|done, of| told.borrow_mut().push((done, of))).unwrap();
    let told = told.into_inner();
    assert!(told.is_sorted() && told.last().is_some_and(|(done, of)| done == of), "{told:?}");
    assert_eq!(names(&kept), ["backup", "journal"], "neither index nor secret");
    assert_eq!(names(other.path()), ["kept"], "no other name is left");
    let sound = verified(&kept);
    assert_eq!((sound.count, sound.head), (0, Some(head)));

    let restored = restore(&kept, &new, &|_, _| ()).unwrap();
    assert_eq!(
        (restored.backup, names(&new)),
        (head, ["journal", "state", "state.new"].map(str::to_owned).to_vec())
    );
    assert_eq!(verified(&new).head, Some(restored.head));
    let (before, after) = (open(dir.path()), open(&new));
    assert_eq!(epoch(&after), restored.epoch);
    assert_ne!(epoch(&before), epoch(&after));
    let all = |store| everything(store, &["driver", "control"], &["a"]);
    assert_eq!(all(&before), all(&after));
    assert_eq!(contents(&after, &conv()).len(), 21);
    commit(&after, vec![message(&conv(), "after it", None)]);
    after.close().unwrap();
    drop(after);
    assert_eq!(verified(&new).count, 0);
}

#[test]
fn nothing_is_written_over() {
    let (dir, other) = (store(), TempDir::new().unwrap());
    let taken = backup(dir.path(), other.path(), &|_, _| ());
    assert!(matches!(taken, Err(BackupError::Exists { .. })), "{taken:?}");
    let kept = other.path().join("kept");
    backup(dir.path(), &kept, &|_, _| ()).unwrap();
    let restored = restore(&kept, other.path(), &|_, _| ());
    assert!(matches!(restored, Err(BackupError::NotEmpty { .. })), "{restored:?}");
    let opened = LocalStore::open(&kept, Options::default());
    assert!(matches!(opened, Err(OpenError::Backup { .. })), "a backup stays as it is: {opened:?}");
    assert_eq!(names(&kept), ["backup", "journal"]);
}

#[test]
fn where_it_fails_nothing_is_left() {
    let (dir, other) = (store(), TempDir::new().unwrap());
    let segment = dir.path().join("journal/00000000000000000001.log");
    let mut bytes = fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let error = backup(dir.path(), &other.path().join("kept"), &|_, _| ()).unwrap_err();
    assert!(error.to_string().contains("the journal is damaged at byte"), "{error}");
    assert!(names(other.path()).is_empty(), "{:?}", names(other.path()));
    let nothing = backup(other.path(), &other.path().join("kept"), &|_, _| ()).unwrap_err();
    assert!(nothing.to_string().contains("could not list"), "{nothing}");
    let nothing = restore(other.path(), &other.path().join("new"), &|_, _| ()).unwrap_err();
    assert!(matches!(nothing, BackupError::Nothing { .. }), "{nothing}");
    assert!(names(other.path()).is_empty());
}

#[test]
fn a_backup_that_nobody_waits_for_is_stopped() {
    let (dir, other) = (store(), TempDir::new().unwrap());
    let store = open(dir.path());
    for last in [0, 3, 10] {
        let told = std::cell::Cell::new(0);
        let go_on = |_, _| {
            told.set(told.get() + 1);
            told.get() <= last
        };
        let error = store.backup(&other.path().join("kept"), &go_on).unwrap_err();
        assert!(matches!(error, BackupError::Stopped), "{error}");
        assert!(names(other.path()).is_empty(), "{:?}", names(other.path()));
    }
}

#[test]
fn a_backup_that_is_not_sound_is_not_restored() {
    let (dir, other) = (store(), TempDir::new().unwrap());
    let kept = other.path().join("kept");
    backup(dir.path(), &kept, &|_, _| ()).unwrap();
    let segments = names(&kept.join("journal"));
    let last = kept.join("journal").join(segments.last().unwrap());
    let ways: [&dyn Fn(&Path); 3] = [
        &|kept| {
            let first = kept.join("journal/00000000000000000001.log");
            let mut bytes = fs::read(&first).unwrap();
            bytes[200] ^= 1;
            fs::write(first, bytes).unwrap();
        },
        &|kept| {
            let last = kept.join("journal").join(last.file_name().unwrap());
            let length = last.metadata().unwrap().len();
            fs::OpenOptions::new().write(true).open(last).unwrap().set_len(length - 1).unwrap();
        },
        &|kept| fs::remove_file(kept.join("journal").join(last.file_name().unwrap())).unwrap(),
    ];
    for spoil in ways {
        let spoilt = TempDir::new().unwrap();
        copy_dir(&kept, spoilt.path());
        spoil(spoilt.path());
        let new = other.path().join("new");
        let error = restore(spoilt.path(), &new, &|_, _| ()).unwrap_err();
        assert!(matches!(error, BackupError::Unsound { .. }), "{error}");
        assert!(!new.exists(), "{error}");
    }
}

#[test]
fn while_commits_go_on_a_backup_holds_what_was_acknowledged_before_it_began() {
    let (dir, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let store = open_with(dir.path(), short_segments());
    commit(&store, vec![creation(&conv(), None)]);
    let (acknowledged, done) = (AtomicUsize::new(1), AtomicBool::new(false));
    let backups = thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                let content = format!("{} ", acknowledged.load(Ordering::Acquire)).repeat(100);
                commit(&store, vec![message(&conv(), &content, None)]);
                acknowledged.fetch_add(1, Ordering::Release);
            }
        });
        let backups: Vec<(PathBuf, usize)> = (0..8)
            .map(|number| {
                let before = acknowledged.load(Ordering::Acquire);
                while acknowledged.load(Ordering::Acquire) < before + 5 {
                    thread::yield_now();
                }
                let (kept, before) =
                    (other.path().join(number.to_string()), acknowledged.load(Ordering::Acquire));
                store.backup(&kept, &|_, _| true).unwrap();
                (kept, before)
            })
            .collect();
        done.store(true, Ordering::Release);
        backups
    });
    let all = contents(&store, &conv());
    for (kept, before) in backups {
        let new = kept.with_extension("new");
        restore(&kept, &new, &|_, _| ()).unwrap();
        let restored = contents(&open(&new), &conv());
        assert!(restored.len() >= before, "{} of at least {before}", restored.len());
        assert_eq!(restored, all[..restored.len()]);
    }
}

#[test]
fn the_index_is_built_anew_when_it_is_asked_for() {
    let dir = store();
    fs::create_dir(dir.path().join("index.bad-7")).unwrap();
    let db = sled::Config::new().path(dir.path().join("index")).flush_every_ms(None).open().unwrap();
    db.insert(b"mconv_1\xff\0\0\0\0\0\0\0\x03", b"something else").unwrap();
    drop(db);
    assert_eq!(verified(dir.path()).count, 1);
    let position = rebuild(dir.path(), |_, _| ()).unwrap();
    let sound = verified(dir.path());
    assert_eq!((sound.count, sound.index), (0, Ok(position)));
    let asides = names(dir.path()).into_iter().filter(|name| name.starts_with("index.")).count();
    assert_eq!(asides, 0, "{:?}", names(dir.path()));
    let nowhere = dir.path().join("nowhere");
    assert!(rebuild(&nowhere, |_, _| ()).is_err() && !nowhere.exists(), "no store is made");
}

#[test]
fn drafts_of_backups_that_were_killed_are_removed_by_the_next_one_of_that_name() {
    let (dir, other) = (store(), TempDir::new().unwrap());
    for left in [".monday.partial-abc", ".tuesday.partial-abc"] {
        fs::create_dir(other.path().join(left)).unwrap();
        fs::write(other.path().join(left).join("half"), "half").unwrap();
    }
    let busy = other.path().join(".monday.partial-busy");
    fs::create_dir(&busy).unwrap();
    let lock = fs::File::open(&busy).unwrap();
    lock.lock().unwrap();
    backup(dir.path(), &other.path().join("monday"), &|_, _| ()).unwrap();
    assert_eq!(names(other.path()), [".monday.partial-busy", ".tuesday.partial-abc", "monday"]);
}

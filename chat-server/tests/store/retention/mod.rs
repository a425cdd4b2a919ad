//! Retention takes the text of old messages away for good, and nothing else; a crash at any moment
//! is made good.

mod breaking_disk;
mod holds;
mod user;
mod without_index;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_core::id::ConversationId;
use chat_core::store::{Change, Content, Original, Rejected, Store as _};
use chat_core::time::Timestamp;
use chat_server::store::journal::read_all;
use chat_server::store::{
    Checks, LocalStore, Options, RetentionError, Selection, Verified, backup, export, rebuild, restore,
    verify,
};
use futures::executor::block_on;
use server_test_support::store::{
    commit, contents, conv, copy_dir, creation, message, messages, open, open_with, time,
};
use tempfile::TempDir;

use breaking_disk::Breaking;

/// A word that every old text contains, and no other text.
const SECRET: &str = "old-text";

/// An old message, sent at second 1 as all of the tests' are.
fn old(number: usize) -> Change {
    // Some stand in the index, some only in the journal.
    message(&conv(), &format!("{SECRET} {number} ").repeat(1 + number % 3 * 120), None)
}

/// A message that is sent much later.
fn new(content: &str) -> Change {
    let Change::AppendMessage(append) = message(&conv(), content, None) else { panic!("not a message") };
    Change::AppendMessage(chat_core::store::AppendMessage { at: time(1_000), ..append })
}

/// Between the old and the new ones.
fn cutoff() -> Timestamp {
    time(500)
}

fn short_segments() -> Options {
    Options { segment_bytes: 16 << 10, ..Options::default() }
}

/// Fills a store of some segments with old messages, and two new ones.
fn fill(store: &LocalStore, many: usize) {
    commit(store, vec![creation(&ConversationId::from("conv_0"), None), creation(&conv(), Some("a"))]);
    let named = message(&conv(), &format!("{SECRET} that names an id"), Some("b"));
    commit(store, vec![named]);
    (0..many).for_each(|number| drop(commit(store, vec![old(number)])));
    commit(store, vec![new("new one"), new("new two")]);
}

fn sweep(store: &LocalStore) -> (usize, usize) {
    let (mut steps, mut erased) = (0, 0);
    loop {
        let swept = match store.erase_before(cutoff()) {
            // The newest messages can be erased once they are in the index.
            Err(RetentionError::Busy) => continue,
            swept => swept.unwrap(),
        };
        (steps, erased) = (steps + 1, erased + swept.erased);
        if !swept.more {
            return (steps, erased);
        }
    }
}

/// Waits until the index has all: only then is all erased.
fn settled(store: LocalStore, dir: &Path) -> LocalStore {
    store.close().unwrap();
    drop(store);
    open_with(dir, short_segments())
}

fn verified(dir: &Path) -> Verified {
    verify(dir, &Checks::default(), &|_, _| ()).unwrap()
}

/// Whether any file below a directory has these bytes.
fn is_anywhere(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let path = entry.unwrap().path();
        if path.is_dir() {
            is_anywhere(&path, text)
        } else {
            fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
        }
    })
}

fn assert_erased(store: &LocalStore) {
    let messages = messages(store, &conv());
    let (old, new) = messages.split_at(messages.len() - 2);
    assert!(old.iter().all(|message| message.erased && message.content.is_empty()), "{old:?}");
    assert_eq!(
        new.iter().map(|message| (&*message.content, message.erased)).collect::<Vec<_>>(),
        [("new one", false), ("new two", false)]
    );
    let seqs = messages.iter().map(|message| message.seq.unwrap());
    assert!(seqs.eq(1..=messages.len() as u64), "the numbers stay");
}

#[test]
fn old_text_is_gone_from_journal_and_index_and_the_chain_holds() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    fill(&store, 60);
    let store = settled(store, dir.path());
    let head = store.head();
    fs::create_dir(dir.path().join("index.bad-3")).unwrap();
    assert!(is_anywhere(&dir.path().join("journal"), SECRET));
    let (_, erased) = sweep(&store);
    assert!(erased >= 63, "{erased}");
    assert_erased(&store);
    assert_eq!(sweep(&store).1, 0, "once");
    assert!(!is_anywhere(&dir.path().join("journal"), SECRET));
    assert!(!dir.path().join("index.bad-3").exists(), "it held the same text");
    // It goes on as before.
    commit(&store, vec![new("new three")]);
    assert_eq!(contents(&store, &conv()).last().unwrap(), "new three");
    store.close().unwrap();
    drop(store);
    let expecting = Checks { expected: vec![head], ..Checks::default() };
    let verified = verify(dir.path(), &expecting, &|_, _| ()).unwrap();
    assert!(verified.count == 0 && verified.index.is_ok(), "{verified:?}");
    assert_eq!(verified.erased, erased as u64);
    rebuild(dir.path(), |_, _| ()).unwrap();
    assert!(!is_anywhere(dir.path(), SECRET), "sled kept old pages for a while");
}

#[test]
fn a_repeat_of_what_was_erased_is_a_repeat() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    fill(&store, 3);
    let store = settled(store, dir.path());
    sweep(&store);
    let verdicts = block_on(store.commit(vec![message(&conv(), "anything", Some("b"))])).unwrap();
    let Err(Rejected::Duplicate(Original::Message(original))) = &verdicts[0] else { panic!("{verdicts:?}") };
    assert_eq!((original.seq, &original.content), (2, &Content::Erased));
}

#[test]
fn it_goes_in_steps_and_goes_on_after_a_restart() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    commit(&store, vec![creation(&conv(), None)]);
    let long = format!("{SECRET} ").repeat(400);
    for _ in 0..10 {
        commit(&store, (0..40).map(|_| message(&conv(), &long, None)).collect());
    }
    commit(&store, vec![new("new one"), new("new two")]);
    store.close().unwrap();
    drop(store);
    let store = open(dir.path());
    let first = store.erase_before(cutoff()).unwrap();
    assert!(first.more && first.erased > 0 && first.erased < 200, "{first:?}");
    drop(store);
    let store = open(dir.path());
    let (steps, rest) = sweep(&store);
    assert_eq!(first.erased + rest, 401);
    assert!(steps > 2, "{steps}");
    assert_erased(&store);
    store.close().unwrap();
    assert!(matches!(store.erase_before(cutoff()), Err(RetentionError::Busy)), "it is closed");
}

/// Lays an index down as a failure or a power cut would have set it aside.
fn set_aside(dir: &Path) -> impl Fn() -> bool + use<> {
    let bad = dir.join("index.bad-1");
    copy_dir(&dir.join("index"), &bad);
    move || bad.exists()
}

#[test]
fn an_index_that_was_set_aside_meanwhile_goes_with_what_was_begun() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    fill(&store, 3);
    store.close().unwrap();
    drop(store);
    let left = Arc::new(AtomicUsize::new(0));
    let options = Options { disk: Arc::new(Breaking(left.clone())), ..short_segments() };
    let store = open_with(dir.path(), options);
    left.store(2, Ordering::Release);
    store.erase_before(cutoff()).unwrap_err();
    let killed = TempDir::new().unwrap();
    copy_dir(dir.path(), killed.path());
    // The next step completes it.
    let is_there = set_aside(dir.path());
    sweep(&store);
    assert!(!is_there(), "it holds what was erased");
    // And so does the next start.
    let is_there = set_aside(killed.path());
    let store = open_with(killed.path(), short_segments());
    assert!(!is_there(), "it holds what was erased");
    sweep(&store);
    assert_erased(&store);
}

#[test]
fn a_crash_in_the_middle_is_no_damage_and_the_next_start_completes_it() {
    let dir = TempDir::new().unwrap();
    let store = open_with(dir.path(), short_segments());
    fill(&store, 8);
    store.close().unwrap();
    drop(store);
    let mut times = 0;
    for after in 1.. {
        let crashed = TempDir::new().unwrap();
        copy_dir(dir.path(), crashed.path());
        let left = Arc::new(AtomicUsize::new(0));
        let options = Options { disk: Arc::new(Breaking(left.clone())), ..short_segments() };
        let store = open_with(crashed.path(), options);
        left.store(after, Ordering::Release);
        if store.erase_before(cutoff()).is_ok() {
            break;
        }
        times += 1;
        // The state at this moment, as a kill would leave it.
        let image = TempDir::new().unwrap();
        copy_dir(crashed.path(), image.path());
        assert_crash_is_made_good(image.path());
        // And without a crash the next step makes it good.
        left.store(0, Ordering::Release);
        sweep(&store);
        assert_erased(&store);
        store.close().unwrap();
        drop(store);
        assert_eq!(verified(crashed.path()).count, 0);
    }
    assert!(times > 20, "two writes for each message, and a sync: {times}");
}

fn assert_crash_is_made_good(image: &Path) {
    let seen = verified(image);
    assert!(seen.count == 0 && seen.index.is_err(), "{seen:?}");
    let mut text = Vec::new();
    export(image, &Selection::default(), &mut text, &|_, _| ()).unwrap();
    let records: Result<Vec<_>, _> = read_all(image).unwrap().collect();
    assert!(records.unwrap().iter().any(|record| record.event.is_erased()) || text.len() > 100);
    let other = TempDir::new().unwrap();
    let (kept, restored) = (other.path().join("kept"), other.path().join("new"));
    backup(image, &kept, &|_, _| ()).unwrap();
    restore(&kept, &restored, &|_, _| ()).unwrap();
    for dir in [image, &restored] {
        let store = open_with(dir, short_segments());
        sweep(&store);
        assert_erased(&store);
        store.close().unwrap();
        drop(store);
        let seen = verified(dir);
        assert!(seen.count == 0 && seen.index.is_ok(), "{seen:?}");
        assert!(!is_anywhere(&dir.join("journal"), SECRET));
    }
}

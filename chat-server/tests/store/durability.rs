//! Acknowledged means synced (P1): one write and one sync per group, with the answer after both,
//! and the failure of either.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chat_core::store::{Event, Facts, Query, Store, UnavailableError};
use chat_server::store::disk::{Disk, DiskFile, SystemDisk};
use chat_server::store::{LocalStore, Options};
use futures::executor::block_on;
use futures::poll;
use server_test_support::store::{commit, contents, conv, creation, load, message, open, open_with};
use tempfile::TempDir;

/// Patience for an awaited event, because a failing test must not hang.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Op {
    Create,
    Write,
    /// A write of zeros, in advance of the records.
    WriteAhead,
    Cut,
    Sync,
    Remove,
    SyncDirectory,
    Answer,
}

/// A disk that records each operation, and fails the chosen ones.
#[derive(Clone, Debug, Default)]
struct Recorder(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    done: Vec<Op>,
    /// The synced directories.
    directories: Vec<PathBuf>,
    /// The kinds of operations that fail next, once each.
    failing: Vec<Op>,
    /// A sync sends here when reached, and then waits here.
    hold: Option<(SyncSender<()>, Receiver<()>)>,
}

impl Recorder {
    fn note(&self, op: Op) -> io::Result<()> {
        let mut script = self.0.lock().unwrap();
        script.done.push(op);
        match script.failing.iter().position(|failing| *failing == op) {
            Some(index) => {
                script.failing.remove(index);
                Err(io::Error::other("told to fail"))
            }
            None => Ok(()),
        }
    }

    fn fail(&self, ops: &[Op]) {
        self.0.lock().unwrap().failing = ops.to_vec();
    }

    fn take(&self) -> Vec<Op> {
        std::mem::take(&mut self.0.lock().unwrap().done)
    }
}

struct RecordedFile(Recorder, Box<dyn DiskFile>);

impl Disk for Recorder {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.note(Op::Create)?;
        Ok(Box::new(RecordedFile(self.clone(), SystemDisk.create(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RecordedFile(self.clone(), SystemDisk.open(path)?)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.note(Op::Remove)?;
        SystemDisk.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        self.note(Op::SyncDirectory)?;
        self.0.lock().unwrap().directories.push(path.to_owned());
        SystemDisk.sync_directory(path)
    }
}

impl DiskFile for RecordedFile {
    /// A failing write has written half of its bytes.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let is_ahead = bytes.iter().all(|byte| *byte == 0);
        match self.0.note(if is_ahead { Op::WriteAhead } else { Op::Write }) {
            Ok(()) => self.1.write_at(offset, bytes),
            Err(error) => self.1.write_at(offset, &bytes[..bytes.len() / 2]).and(Err(error)),
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.note(Op::Cut)?;
        self.1.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        let hold = self.0.0.lock().unwrap().hold.take();
        if let Some((reached, go)) = hold {
            reached.send(()).unwrap();
            go.recv().unwrap();
        }
        self.0.note(Op::Sync)?;
        self.1.sync()
    }
}

fn recorded(dir: &TempDir) -> (Recorder, LocalStore) {
    let recorder = Recorder::default();
    let options = Options { disk: Arc::new(recorder.clone()), ..Options::default() };
    let store = open_with(dir.path(), options);
    (recorder, store)
}

/// Appends a message, and gives its number.
fn try_message(store: &LocalStore, content: &str) -> Result<u64, UnavailableError> {
    let verdict = block_on(store.commit(vec![message(&conv(), content, Some(content))]))?.remove(0);
    match verdict.unwrap().event {
        Some(Event::MessageAppended(appended)) => Ok(appended.seq),
        other => panic!("a message gave {other:?}"),
    }
}

#[test]
fn a_group_is_one_write_and_one_sync_and_then_the_answer() {
    let dir = TempDir::new().unwrap();
    let (recorder, store) = recorded(&dir);
    // The first segment, the epoch in it, zeros in advance, and the first accounts.
    let begun = [Op::Create, Op::Write, Op::Sync, Op::SyncDirectory, Op::Write, Op::WriteAhead, Op::Sync];
    assert!(recorder.take().ends_with(&[&begun[..], &[Op::Write, Op::Sync]].concat()));
    commit(&store, vec![creation(&conv(), None), message(&conv(), "a", None), message(&conv(), "b", None)]);
    recorder.note(Op::Answer).unwrap();
    assert_eq!(recorder.take(), [Op::Write, Op::Sync, Op::Answer]);
}

#[test]
fn without_room_for_zeros_ahead_a_group_counts_all_the_same() {
    let dir = TempDir::new().unwrap();
    let (recorder, store) = recorded(&dir);
    commit(&store, vec![creation(&conv(), None)]);
    recorder.fail(&[Op::WriteAhead]);
    recorder.take();
    // Longer than the zeros written in advance with the first group.
    commit(&store, vec![message(&conv(), &"long ".repeat(60_000), None)]);
    assert_eq!(recorder.take(), [Op::Write, Op::WriteAhead, Op::Sync]);
    commit(&store, vec![message(&conv(), "there is room again", None)]);
    assert_eq!(recorder.take(), [Op::Write, Op::WriteAhead, Op::Sync]);
    commit(&store, vec![message(&conv(), "over zeros", None)]);
    assert_eq!(recorder.take(), [Op::Write, Op::Sync]);
    drop(store);
    assert_eq!(contents(&open(dir.path()), &conv())[2..], ["there is room again", "over zeros"]);
}

#[test]
fn the_names_of_all_directories_that_were_made_are_synced() {
    let dir = TempDir::new().unwrap();
    let recorder = Recorder::default();
    let options = Options { disk: Arc::new(recorder.clone()), ..Options::default() };
    let data = dir.path().join("one/two/data");
    open_with(&data, options);
    let synced = &recorder.0.lock().unwrap().directories;
    for holder in ["", "one", "one/two", "one/two/data"] {
        assert!(synced.contains(&dir.path().join(holder)), "{holder}: {synced:?}");
    }
}

#[test]
fn nothing_is_answered_before_the_sync_has_returned() {
    let dir = TempDir::new().unwrap();
    let (recorder, store) = recorded(&dir);
    let (reached, sync_reached) = sync_channel(1);
    let (go, go_on) = sync_channel(1);
    recorder.0.lock().unwrap().hold = Some((reached, go_on));
    block_on(async {
        let mut commit = pin!(store.commit(vec![creation(&conv(), None)]));
        assert!(poll!(&mut commit).is_pending(), "answered while the sync is under way");
        sync_reached.recv_timeout(PATIENCE).expect("the sync is reached");
        assert!(poll!(&mut commit).is_pending(), "answered while the sync is under way");
        let Facts::Conversation(found) = store.load(Query::Conversation(conv())).await.unwrap().facts else {
            panic!("not a conversation")
        };
        assert_eq!(found, None, "seen before it was synced");
        go.send(()).unwrap();
        assert!(commit.await.unwrap()[0].is_ok());
    });
}

#[test]
fn a_batch_that_changes_nothing_writes_nothing() {
    let dir = TempDir::new().unwrap();
    let (recorder, store) = recorded(&dir);
    commit(&store, vec![creation(&conv(), Some("a"))]);
    recorder.take();
    let verdicts = block_on(
        store.commit(vec![creation(&conv(), Some("a")), server_test_support::store::read(&conv(), 0)]),
    );
    assert!(verdicts.unwrap()[0].is_err());
    assert_eq!(recorder.take(), []);
}

#[test]
fn after_a_failed_write_or_sync_the_journal_goes_on_from_its_synced_end() {
    for failing in [Op::Write, Op::Sync] {
        let dir = TempDir::new().unwrap();
        let (recorder, store) = recorded(&dir);
        commit(&store, vec![creation(&conv(), None)]);
        recorder.take();
        recorder.fail(&[failing]);
        assert!(try_message(&store, "unknown").is_err());
        assert!(recorder.take().ends_with(&[Op::Cut, Op::Sync]), "{failing:?}");
        assert_eq!(contents(&store, &conv()), ["the first message"], "{failing:?}");
        // The failed message was not stored: its repeat gets the next number.
        assert_eq!(try_message(&store, "unknown"), Ok(2), "{failing:?}");
        commit(&store, vec![message(&conv(), "later", None)]);
        store.close().unwrap();
        drop(store);
        let store = open(dir.path());
        assert_eq!(store.report().cut, None, "{failing:?}");
        assert_eq!(contents(&store, &conv()), ["the first message", "unknown", "later"], "{failing:?}");
    }
}

#[test]
fn while_going_back_fails_too_nothing_is_acknowledged() {
    for failing in [Op::Write, Op::Sync] {
        let dir = TempDir::new().unwrap();
        let (recorder, store) = recorded(&dir);
        commit(&store, vec![creation(&conv(), None)]);
        recorder.fail(&[failing, Op::Cut, Op::Cut]);
        assert!(try_message(&store, "unknown").is_err());
        recorder.take();
        let refused = try_message(&store, "refused").unwrap_err();
        assert!(refused.reason.contains("whether the disk is sound"), "{}", refused.reason);
        assert_eq!(recorder.take(), [Op::Cut], "nothing is written over what nobody knows");
        assert_eq!(contents(&store, &conv()), ["the first message"], "loads go on");
        commit(&store, vec![message(&conv(), "later", None)]);
        assert_eq!(
            recorder.take(),
            [Op::Cut, Op::Sync, Op::Write, Op::WriteAhead, Op::Sync],
            "the fault has ended"
        );
        store.close().unwrap();
        drop(store);
        let store = open(dir.path());
        assert_eq!(store.report().cut, None, "{failing:?}");
        assert_eq!(contents(&store, &conv()), ["the first message", "later"], "{failing:?}");
    }
}

#[test]
fn a_fault_that_does_not_end_leaves_what_was_acknowledged() {
    let dir = TempDir::new().unwrap();
    let (recorder, store) = recorded(&dir);
    commit(&store, vec![creation(&conv(), None)]);
    recorder.fail(&[Op::Sync, Op::Cut, Op::Cut]);
    assert!(try_message(&store, "unknown").is_err());
    assert!(try_message(&store, "refused").is_err());
    store.close().unwrap();
    drop(store);
    let reopened = contents(&open(dir.path()), &conv());
    assert_eq!(reopened[0], "the first message");
    assert!(!reopened.contains(&"refused".to_owned()));
}

#[test]
fn nothing_is_acknowledged_into_a_file_that_is_not_in_the_journal_any_more() {
    let dir = TempDir::new().unwrap();
    let (recorder, store) = recorded(&dir);
    commit(&store, vec![creation(&conv(), None)]);
    let (journal, away) = (dir.path().join("journal"), dir.path().join("away"));
    std::fs::rename(&journal, &away).unwrap();
    recorder.take();
    for other_in_its_place in [false, true] {
        let refused = try_message(&store, "refused").unwrap_err();
        assert!(refused.reason.contains("is no longer in"), "{}", refused.reason);
        if !other_in_its_place {
            server_test_support::store::copy_dir(&away, &journal);
        }
    }
    assert_eq!(recorder.take(), []);
    std::fs::remove_dir_all(&journal).unwrap();
    std::fs::rename(&away, &journal).unwrap();
    assert_eq!(try_message(&store, "refused"), Ok(2));
}

#[test]
fn a_segment_that_could_not_be_begun_is_begun_later() {
    for failing in [Op::Create, Op::Write, Op::Sync, Op::SyncDirectory] {
        let dir = TempDir::new().unwrap();
        let recorder = Recorder::default();
        let options =
            Options { disk: Arc::new(recorder.clone()), segment_bytes: 4 << 10, ..Options::default() };
        let store = open_with(dir.path(), options);
        commit(&store, vec![creation(&conv(), None)]);
        commit(&store, vec![message(&conv(), &"x".repeat(5_000), None)]);
        recorder.fail(&[failing]);
        assert!(try_message(&store, "unknown").is_err(), "{failing:?}");
        try_message(&store, "known").unwrap();
        store.close().unwrap();
        drop(store);
        let store = open(dir.path());
        assert_eq!((store.report().cut.as_ref(), contents(&store, &conv()).len()), (None, 3), "{failing:?}");
    }
}

#[test]
fn a_dropped_commit_is_done_all_the_same() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    block_on(async {
        let mut commit = pin!(store.commit(vec![creation(&conv(), None)]));
        assert!(poll!(&mut commit).is_pending());
    });
    store.close().unwrap();
    drop(store);
    assert_eq!(contents(&open(dir.path()), &conv()).len(), 1);
}

#[test]
fn a_closed_store_is_unavailable() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    commit(&store, vec![creation(&conv(), None)]);
    let position = load(&store, Query::Directory).position;
    assert_eq!(position.0, 4);
    store.close().unwrap();
    assert!(block_on(store.load(Query::Directory)).is_err());
    assert!(try_message(&store, "late").is_err());
    store.close().unwrap();
    // The lock is free as soon as the store is closed.
    File::open(dir.path().join("lock")).unwrap().try_lock().unwrap();
}

//! Tests with a disk whose operations fail.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::{fs, io};

use chat_core::id::{ClientMessageId, ConversationId, UserId};
use proptest::prelude::*;
use tempfile::TempDir;

use super::disk::{Disk, SystemDisk};
use super::error::ContentError;
use super::log::{GARBAGE_LEAST, Log};
use super::record::FORMAT;
use super::{Change, Entry};
use crate::outbox::Draft;

/// The history of a [`FaultyDisk`], and its future failures.
#[derive(Default)]
struct Plan {
    done: Vec<&'static str>,
    /// Number of operations so far.
    steps: usize,
    /// Whether the operation with this number fails. Operations past the end succeed.
    failures: Vec<bool>,
    /// The operation from which on all fail, as after a crash.
    dead_from: Option<usize>,
}

impl Plan {
    fn step(&mut self, name: &'static str) -> io::Result<()> {
        let number = self.steps;
        self.steps += 1;
        self.done.push(name);
        let fails =
            self.failures.get(number) == Some(&true) || self.dead_from.is_some_and(|dead| number >= dead);
        if fails { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// The real disk. A failing operation does half of its work.
struct FaultyDisk {
    disk: SystemDisk,
    plan: Arc<Mutex<Plan>>,
}

impl FaultyDisk {
    fn step(&self, name: &'static str) -> io::Result<()> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).step(name)
    }
}

impl Disk for FaultyDisk {
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match self.step("write") {
            Ok(()) => self.disk.write(offset, bytes),
            Err(error) => self.disk.write(offset, &bytes[..bytes.len() / 2]).and(Err(error)),
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.step("cut")?;
        self.disk.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.step("sync")?;
        self.disk.sync()
    }

    fn draft(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.step("draft") {
            Ok(()) => self.disk.draft(bytes),
            Err(error) => self.disk.draft(&bytes[..bytes.len() / 2]).and(Err(error)),
        }
    }

    fn adopt(&mut self) -> io::Result<()> {
        self.step("adopt")?;
        self.disk.adopt()
    }

    fn sync_folder(&mut self) -> io::Result<()> {
        self.step("sync_folder")?;
        self.disk.sync_folder()
    }
}

/// An outbox on a [`FaultyDisk`].
struct Bench {
    folder: TempDir,
    plan: Arc<Mutex<Plan>>,
}

impl Bench {
    /// Creates the file first: the plan begins with the first write.
    fn new() -> Self {
        let bench = Self { folder: tempfile::tempdir().unwrap(), plan: Arc::default() };
        drop(bench.open());
        bench.fail(&[]);
        bench
    }

    fn open(&self) -> Log<FaultyDisk> {
        self.open_as(FORMAT).unwrap()
    }

    /// Opens the outbox with a version that knows the formats up to this one.
    fn open_as(&self, format: u32) -> Result<Log<FaultyDisk>, ContentError> {
        let (disk, bytes) = SystemDisk::open(&self.path()).unwrap();
        let disk = FaultyDisk { disk, plan: Arc::clone(&self.plan) };
        let (log, damaged) = Log::open_as(disk, &bytes, &UserId::from("u"), format)?;
        assert_eq!(damaged, 0, "a crash, a full disk or an update is no damage");
        Ok(log)
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("outbox")
    }

    fn fail(&self, failures: &[bool]) {
        let plan = Plan { failures: failures.to_vec(), ..Plan::default() };
        *self.plan.lock().unwrap() = plan;
    }

    fn done(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.plan.lock().unwrap().done)
    }
}

fn put(id: u64, length: usize) -> Change {
    Change::Put(Entry {
        client_message_id: id_of(id),
        draft: Draft::SendChatMessage {
            conversation_id: ConversationId::from("conv_1"),
            content: "x".repeat(length).into(),
        },
        not_after: None,
    })
}

fn remove(id: u64) -> Change {
    Change::Remove(id_of(id))
}

fn id_of(id: u64) -> ClientMessageId {
    ClientMessageId::from(id.to_string())
}

fn ids(log: &Log<FaultyDisk>) -> Vec<String> {
    log.entries().iter().map(|entry| entry.client_message_id.to_string()).collect()
}

/// Applies the changes to a plain list of ids, the model.
fn apply(model: &mut Vec<String>, changes: &[Change]) {
    for change in changes {
        match change {
            Change::Put(entry) => {
                let id = entry.client_message_id.to_string();
                if !model.contains(&id) {
                    model.push(id);
                }
            }
            Change::Remove(id) => model.retain(|kept| kept != id.as_str()),
        }
    }
}

/// Returns the list before the changes and after each of them: a crash may leave the first of them.
fn after_each(model: &[String], changes: &[Change]) -> Vec<Vec<String>> {
    let after = |count| {
        let mut model = model.to_vec();
        apply(&mut model, &changes[..count]);
        model
    };
    (0..=changes.len()).map(after).collect()
}

/// Changes with enough removed text for one rewriting, among entries that stay.
fn script() -> Vec<Vec<Change>> {
    let length = usize::try_from(GARBAGE_LEAST / 4).unwrap();
    let passing = (10..15).flat_map(|id| [vec![put(id, length)], vec![remove(id)]]);
    let first = vec![vec![put(1, 10), put(2, 10)], vec![put(3, 10), remove(1)]];
    first.into_iter().chain(passing).chain([vec![put(4, 10)], vec![remove(2), put(5, 10)]]).collect()
}

#[test]
fn only_a_put_waits_for_the_disk() {
    let bench = Bench::new();
    let mut log = bench.open();
    log.write(vec![put(1, 10), put(2, 10)]).unwrap();
    assert_eq!(bench.done(), ["write", "sync"], "one write and one sync for all");
    log.write(vec![remove(1)]).unwrap();
    assert_eq!(bench.done(), ["write"]);
}

#[test]
fn a_new_file_is_durable_before_it_has_the_name_and_the_name_before_the_next_write() {
    let bench = Bench::new();
    let mut log = bench.open();
    log.write(vec![put(1, usize::try_from(2 * GARBAGE_LEAST).unwrap()), remove(1)]).unwrap();
    bench.fail(&[false, false, false, false, true]);
    log.tidy();
    assert_eq!(bench.done(), ["draft", "adopt", "cut", "sync", "sync_folder"]);
    bench.fail(&[false, false, true]);
    log.write(vec![put(2, 10)]).unwrap_err();
    assert_eq!(
        bench.done(),
        ["cut", "sync", "sync_folder"],
        "nothing is written while the name is not durable"
    );
    log.write(vec![put(3, 10)]).unwrap();
    assert_eq!(bench.done(), ["cut", "sync", "sync_folder", "write", "sync"]);
    drop(log);
    assert_eq!(ids(&bench.open()), ["3"]);
}

#[test]
fn what_a_full_disk_refused_does_not_turn_up_later() {
    let bench = Bench::new();
    let mut log = bench.open();
    log.write(vec![put(1, 10)]).unwrap();
    for failures in [&[true][..], &[false, true]] {
        bench.fail(failures);
        log.write(vec![put(2, 10), remove(1)]).unwrap_err();
        assert_eq!(ids(&log), ["1"]);
        drop(log);
        log = bench.open();
        assert_eq!(ids(&log), ["1"], "nor after a new start");
    }
    log.write(vec![put(2, 10)]).unwrap();
    drop(log);
    assert_eq!(ids(&bench.open()), ["1", "2"]);
}

#[test]
fn while_the_file_can_not_be_cut_back_nothing_more_is_kept() {
    let bench = Bench::new();
    let mut log = bench.open();
    bench.fail(&[false, true, true, true, false]);
    log.write(vec![put(1, 10)]).unwrap_err();
    log.write(vec![put(2, 10)]).unwrap_err();
    assert_eq!(bench.done(), ["write", "sync", "cut", "cut"]);
    log.write(vec![put(3, 10)]).unwrap();
    drop(log);
    assert_eq!(ids(&bench.open()), ["3"]);
}

#[test]
fn a_crash_at_any_step_loses_nothing_that_was_kept() {
    for dead_from in 0.. {
        let bench = Bench::new();
        let mut log = bench.open();
        *bench.plan.lock().unwrap() = Plan { dead_from: Some(dead_from), ..Plan::default() };
        let mut acceptable = vec![Vec::new()];
        for changes in script() {
            let kept = acceptable.pop().unwrap();
            acceptable = after_each(&kept, &changes);
            if log.write(changes).is_err() {
                break;
            }
            acceptable.drain(..acceptable.len() - 1);
            log.tidy();
        }
        drop(log);
        let done = bench.done();
        bench.fail(&[]);
        let found = ids(&bench.open());
        assert!(
            acceptable.contains(&found),
            "crash at step {dead_from}: {found:?} instead of {acceptable:?}"
        );
        if done.len() <= dead_from {
            assert!(done.contains(&"adopt"), "the script has the file written anew");
            return;
        }
    }
}

/// An outbox of this version, with an entry in it, and the app updated to the next format.
fn before_an_update() -> Bench {
    let bench = Bench::new();
    bench.open().write(vec![put(1, 10)]).unwrap();
    bench.fail(&[]);
    bench
}

#[test]
fn an_update_loses_no_entry_of_the_older_format() {
    let bench = before_an_update();
    let mut log = bench.open_as(FORMAT + 1).unwrap();
    assert_eq!(bench.done(), ["draft", "adopt", "cut", "sync", "sync_folder"], "rewritten at once");
    log.write(vec![put(2, 10)]).unwrap();
    drop(log);
    assert_eq!(ids(&bench.open_as(FORMAT + 1).unwrap()), ["1", "2"]);
    assert!(matches!(bench.open_as(FORMAT), Err(ContentError::Newer { .. })), "the app was set back");
}

#[test]
fn a_full_disk_during_an_update_loses_nothing_and_mixes_no_formats() {
    let bench = before_an_update();
    bench.fail(&[true, true]);
    let mut log = bench.open_as(FORMAT + 1).unwrap();
    log.write(vec![put(2, 10)]).unwrap_err();
    assert_eq!(bench.done(), ["draft", "draft"], "nothing is added to a file of the older format");
    log.write(vec![put(3, 10)]).unwrap();
    drop(log);
    assert_eq!(ids(&bench.open_as(FORMAT + 1).unwrap()), ["1", "3"]);
}

#[test]
fn an_update_reads_the_older_format_without_its_header() {
    let bench = before_an_update();
    let bytes = fs::read(bench.path()).unwrap();
    let header = bytes.iter().position(|byte| *byte == b'\n').unwrap();
    fs::write(bench.path(), &bytes[header + 1..]).unwrap();
    assert_eq!(ids(&bench.open_as(FORMAT + 1).unwrap()), ["1"]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever fails and when: stored entries are there, refused ones are not, in order, even
    /// after a restart.
    #[test]
    fn failures_at_random_change_nothing_but_what_is_refused(
        writes in prop::collection::vec(prop::collection::vec((0_u64..12, any::<bool>()), 1..5), 1..40),
        failures in prop::collection::vec(prop::bool::weighted(0.2), 0..120),
    ) {
        let bench = Bench::new();
        let mut log = bench.open();
        bench.fail(&failures);
        let mut model = Vec::new();
        for write in writes {
            let length = usize::try_from(GARBAGE_LEAST / 8).unwrap();
            let changes: Vec<_> =
                write.iter().map(|(id, is_put)| if *is_put { put(*id, length) } else { remove(*id) }).collect();
            if log.write(changes.clone()).is_ok() {
                apply(&mut model, &changes);
            }
            log.tidy();
            prop_assert_eq!(&ids(&log), &model);
        }
        bench.fail(&[]);
        log.write(Vec::new()).unwrap();
        drop(log);
        prop_assert_eq!(ids(&bench.open()), model);
    }
}

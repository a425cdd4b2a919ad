//! The recorded process: it opens the store, commits the batches of the
//! [`plan`](crate::power_cut::plan), and notes each acknowledgement in a file beside the data.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use chat_core::store::{MemoryStore, Query, Store};
use chat_server::store::disk::{Disk, DiskFile, SystemDisk};
use chat_server::store::{LocalStore, Observer, Options, Progress};
use futures::executor::block_on;
use server_test_support::store::time;

use crate::power_cut::plan::batch;

/// Bytes of a segment: the fewest possible, for many segments.
const SEGMENT_BYTES: u64 = 4 << 10;

/// Patience for an awaited event, because a failing test must not hang.
const PATIENCE: Duration = Duration::from_mins(1);

/// Options of a store under this boot of the machine.
pub(crate) fn options(boot_id: Option<&str>) -> Options {
    let boot_id = boot_id.map(ToOwned::to_owned);
    Options { segment_bytes: SEGMENT_BYTES, index_cache_bytes: 1 << 20, boot_id, ..Options::default() }
}

/// The life of a store from nothing: a clean stop, an unclean one, a failed sync, and an end
/// without any stop.
pub(crate) fn begin(dir: &Path, boot: &str) {
    let options = || options(Some(boot));
    let mut writer = Writer::new(dir, 0);
    let store = writer.open(options());
    writer.commit(&store, 6);
    store.close().unwrap();
    drop(store);
    let store = writer.open(options());
    writer.commit(&store, 4);
    drop(store);
    let disk = FailingDisk::default();
    let store = writer.open(Options { disk: Arc::new(disk.clone()), ..options() });
    writer.commit(&store, 2);
    disk.0.store(true, Ordering::Release);
    assert!(block_on(store.commit(batch(&writer.reference, writer.done))).is_err(), "the sync fails");
    writer.commit(&store, 4);
    abandon(store);
}

/// The life of a store after a power cut. The remains are opened. The index fails while the store
/// runs, is built anew, and is removed while the store is closed. Then old texts are erased.
pub(crate) fn go_on(dir: &Path, boot: &str, done: usize) {
    let options = || options(Some(boot));
    let mut writer = Writer::new(dir, done);
    let (renewed, renewal) = channel();
    let failing = Arc::new(AtomicBool::new(false));
    let fails = failing.clone();
    let observer = Observer::new(move |progress| match progress {
        Progress::Indexing(_) => assert!(!fails.swap(false, Ordering::AcqRel), "the index is told to fail"),
        Progress::Replayed(..) => renewed.send(()).unwrap(),
        _ => (),
    });
    let store = writer.open(Options { observer, ..options() });
    writer.commit(&store, 2);
    while renewal.try_recv().is_ok() {}
    failing.store(true, Ordering::Release);
    writer.commit(&store, 1);
    renewal.recv_timeout(PATIENCE).expect("the index is built anew");
    while block_on(store.load(Query::Directory)).is_err() {
        thread::yield_now();
    }
    writer.commit(&store, 1);
    store.close().unwrap();
    drop(store);
    let store = writer.open(options());
    writer.commit(&store, 1);
    store.close().unwrap();
    drop(store);
    fs::remove_dir_all(dir.join("disk/data/index")).unwrap();
    let store = writer.open(options());
    erase_old_texts(&store);
    writer.commit(&store, 1);
    abandon(store);
}

/// Erases about a third of all texts, in place.
fn erase_old_texts(store: &LocalStore) {
    let mut erased = 0;
    loop {
        let swept = store.erase_before(time(600 * 7)).unwrap();
        erased += swept.erased;
        if !swept.more {
            assert!(erased > 5, "{erased} erased");
            return;
        }
    }
}

struct Writer<'a> {
    dir: &'a Path,
    acknowledged: File,
    reference: MemoryStore,
    done: usize,
}

impl<'a> Writer<'a> {
    fn new(dir: &'a Path, done: usize) -> Self {
        let acknowledged =
            OpenOptions::new().create(true).append(true).open(dir.join("acknowledged")).unwrap();
        let reference = crate::power_cut::plan::reference(done);
        Self { dir, acknowledged, reference, done }
    }

    fn open(&mut self, options: Options) -> LocalStore {
        let store = LocalStore::open(&self.dir.join("disk/data"), options).unwrap();
        self.tell(store.report().position.0);
        store
    }

    fn commit(&mut self, store: &LocalStore, batches: usize) {
        for _ in 0..batches {
            let verdicts = block_on(store.commit(batch(&self.reference, self.done))).unwrap();
            block_on(self.reference.commit(batch(&self.reference, self.done))).unwrap();
            self.done += 1;
            let positions = verdicts.iter().flatten().map(|receipt| receipt.position.0);
            self.tell(positions.max().expect("a batch changes something"));
        }
    }

    /// Acknowledges all batches so far, which end at this position.
    fn tell(&mut self, position: u64) {
        self.acknowledged.write_all(format!("{} {position}\n", self.done).as_bytes()).unwrap();
    }
}

/// Ends the process as a kill does: nothing is dropped.
fn abandon(store: LocalStore) {
    std::mem::forget(store);
    std::process::exit(0);
}

/// A disk that fails one sync when told to. This sync has synced nothing.
#[derive(Clone, Debug, Default)]
struct FailingDisk(Arc<AtomicBool>);

struct FailingFile(FailingDisk, Box<dyn DiskFile>);

impl Disk for FailingDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FailingFile(self.clone(), SystemDisk.create(path)?)))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(FailingFile(self.clone(), SystemDisk.open(path)?)))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        SystemDisk.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        SystemDisk.sync_directory(path)
    }
}

impl DiskFile for FailingFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.1.write_at(offset, bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.1.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.0.0.swap(false, Ordering::AcqRel) {
            Err(io::Error::other("told to fail"))
        } else {
            self.1.sync()
        }
    }
}

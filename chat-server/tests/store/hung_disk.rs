//! A disk that does not answer: a commit that nobody waits for any more is never stored.

use std::io;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};

use chat_server::store::disk::{Disk, DiskFile, SystemDisk};
use chat_server::store::{LocalStore, Options};
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::executor::block_on;
use futures::future::{pending, ready};
use server_test_support::store::{commit, contents, conv, creation, message, open_with};
use tempfile::TempDir;

/// A disk whose syncs wait for permits once it hangs.
#[derive(Debug, Default)]
struct Hanging(Lever);

struct HangingFile(Box<dyn DiskFile>, Lever);

type Lever = Arc<Mutex<Option<Hang>>>;

#[derive(Debug)]
struct Hang {
    permits: Receiver<()>,
    /// Told when the first sync waits.
    reached: Option<oneshot::Sender<()>>,
}

impl Disk for Hanging {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(HangingFile(SystemDisk.create(path)?, self.0.clone())))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(HangingFile(SystemDisk.open(path)?, self.0.clone())))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        SystemDisk.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        SystemDisk.sync_directory(path)
    }
}

impl DiskFile for HangingFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.0.write_at(offset, bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        if let Some(hang) = &mut *self.1.lock().unwrap() {
            hang.reached.take().map(|reached| reached.send(()));
            // An error means that the disk has recovered for good.
            let _ = hang.permits.recv();
        }
        self.0.sync()
    }
}

/// A store with one conversation, and the lever of its disk.
fn store(dir: &Path) -> (LocalStore, Lever) {
    let lever = Lever::default();
    let disk = Arc::new(Hanging(lever.clone()));
    let store = open_with(dir, Options { disk, ..Options::default() });
    commit(&store, vec![creation(&conv(), None)]);
    (store, lever)
}

/// Has the disk hang until the sender is dropped. The receiver hears of the first sync that waits.
fn hang(lever: &Lever) -> (Sender<()>, oneshot::Receiver<()>) {
    let (sender, permits) = channel();
    let (reached, waits) = oneshot::channel();
    *lever.lock().unwrap() = Some(Hang { permits, reached: Some(reached) });
    (sender, waits)
}

#[test]
fn what_was_answered_as_unavailable_is_not_stored_when_the_disk_recovers() {
    let dir = TempDir::new().unwrap();
    let (store, lever) = store(dir.path());
    let (permits, waits) = hang(&lever);
    let late = store.commit_until(vec![message(&conv(), "under way", None)], waits.map(drop));
    assert!(block_on(late).is_err(), "the sync of this one waits");
    let late = store.commit_until(vec![message(&conv(), "in the queue", None)], ready(()));
    assert!(block_on(late).is_err(), "this one is in the queue");
    drop(permits);
    let next = store.commit_until(vec![message(&conv(), "next", None)], pending());
    let committed = block_on(next).unwrap();
    assert!(committed.iter().all(Result::is_ok));
    assert_eq!(contents(&store, &conv()), ["the first message", "next"]);
    store.close().unwrap();
    drop(store);
    assert_eq!(contents(&open_with(dir.path(), Options::default()), &conv()), ["the first message", "next"]);
}

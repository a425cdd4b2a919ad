//! A disk that fails in the middle of an operation.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chat_server::store::disk::{Disk, DiskFile, SystemDisk};

/// A disk that breaks down in the middle of one of its operations.
#[derive(Debug)]
pub(super) struct Breaking(pub(super) Arc<AtomicUsize>);

struct BreakingFile(Box<dyn DiskFile>, Arc<AtomicUsize>);

impl Disk for Breaking {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(BreakingFile(SystemDisk.create(path)?, self.0.clone())))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(BreakingFile(SystemDisk.open(path)?, self.0.clone())))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        SystemDisk.remove(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        SystemDisk.sync_directory(path)
    }
}

impl BreakingFile {
    fn breaks(&self) -> bool {
        self.1.fetch_update(Ordering::AcqRel, Ordering::Acquire, |left| left.checked_sub(1)) == Ok(1)
    }
}

impl DiskFile for BreakingFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if self.breaks() {
            self.0.write_at(offset, &bytes[..bytes.len() / 2])?;
            Err(io::Error::other("broken"))
        } else {
            self.0.write_at(offset, bytes)
        }
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.breaks() { Err(io::Error::other("broken")) } else { self.0.sync() }
    }
}

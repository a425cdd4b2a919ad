//! The few file operations that make the journal durable, behind a trait.
//!
//! Tests use a [`Disk`] of their own: one that fails, records the order of writes and syncs, or
//! loses unsynced data.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, fallocate};

use super::private;

/// Creates and changes the journal's files. Reading uses the file system directly.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Creates a file that does not exist yet, for writing.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Opens a file that exists, for writing.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;

    /// Removes a file.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a directory durable.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn sync_directory(&self, path: &Path) -> io::Result<()>;
}

/// A file of a [`Disk`], open for writing.
pub trait DiskFile: Send {
    /// Writes all of `bytes` at `offset`.
    ///
    /// # Errors
    ///
    /// As the file system says. Some of the bytes may have been written.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `length` bytes.
    ///
    /// # Errors
    ///
    /// As the file system says.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Returns the room of a range of zeros to the file system, if holes are supported. The zeros
    /// stay readable.
    ///
    /// # Errors
    ///
    /// As the file system says. Then nothing has changed.
    fn punch(&mut self, _offset: u64, _length: u64) -> io::Result<()> {
        Ok(())
    }

    /// Makes the content durable, with the metadata needed to find it (`fdatasync`).
    ///
    /// # Errors
    ///
    /// As the file system says. The durable part of the content is then unknown.
    fn sync(&mut self) -> io::Result<()>;
}

/// The file system of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(private::options().write(true).create_new(true).open(path)?))
    }

    fn open(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().write(true).open(path)?))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn sync_directory(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl DiskFile for File {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }

    fn punch(&mut self, offset: u64, length: u64) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        Ok(fallocate(&*self, flags, offset, length)?)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

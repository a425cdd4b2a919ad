//! The file operations of an outbox, behind a trait that lets tests make each of them fail.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::error::OpenError;
use super::lock::{Lock, LockGuard};

/// A file that is written in place and replaced as a whole.
pub(super) trait Disk {
    /// Writes the bytes at `offset`, the end of the used part. After an error, a part may have been
    /// written.
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file to `length` bytes.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Makes the file's content durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Writes a second file beside the first, durable when this returns.
    fn draft(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Replaces the first file by the second. After an error the first is still there.
    fn adopt(&mut self) -> io::Result<()>;

    /// Makes the replacement durable, by syncing the folder.
    fn sync_folder(&mut self) -> io::Result<()>;
}

/// The real file system. Holds the lock on the file for its own lifetime.
pub(super) struct SystemDisk {
    path: PathBuf,
    /// `None` until the first draft is adopted.
    file: Option<File>,
    draft: Option<File>,
    held: LockGuard,
}

impl SystemDisk {
    /// Locks the file and reads it. A missing file reads as empty.
    pub(super) fn open(path: &Path) -> Result<(Self, Vec<u8>), OpenError> {
        let path = resolve(path)?;
        let held = LockGuard::take(&path, &beside(&path, ".lock"))?;
        let (file, bytes) = match options().open(&path) {
            Ok(file) => (Some(file), fs::read(&path).map_err(OpenError::io("read", &path))?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (None, Vec::new()),
            Err(error) => return Err(OpenError::io("open", &path)(error)),
        };
        Ok((Self { path, file, draft: None, held }, bytes))
    }

    /// Returns the canonical path of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the reach of the lock.
    pub(super) fn lock(&self) -> Lock {
        self.held.lock()
    }

    fn file(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn write_draft(&mut self, bytes: &[u8]) -> io::Result<()> {
        let path = beside(&self.path, ".new");
        // Never write into an existing file, which may be a link, or open to others.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut draft = options().create_new(true).open(&path)?;
        draft.write_all(bytes)?;
        draft.sync_all()?;
        self.draft = Some(draft);
        Ok(())
    }
}

impl Disk for SystemDisk {
    fn write(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let file = self.file()?;
        file.seek(SeekFrom::Start(offset))?;
        file.write_all(bytes)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file()?.set_len(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file()?.sync_data()
    }

    fn draft(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_draft(bytes).inspect_err(|_| {
            // Half a draft only takes room on a full disk. If this fails, the next draft removes
            // it.
            let _ = fs::remove_file(beside(&self.path, ".new"));
        })
    }

    fn adopt(&mut self) -> io::Result<()> {
        fs::rename(beside(&self.path, ".new"), &self.path)?;
        self.file = self.draft.take();
        Ok(())
    }

    #[cfg(unix)]
    fn sync_folder(&mut self) -> io::Result<()> {
        File::open(self.path.parent().unwrap_or(&self.path))?.sync_all()
    }

    /// Other systems can't open a folder to sync it, and their file systems order the changes.
    #[cfg(not(unix))]
    fn sync_folder(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the canonical path, because two names of one file must not give two locks.
fn resolve(path: &Path) -> Result<PathBuf, OpenError> {
    match path.canonicalize() {
        Ok(path) => return Ok(path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(OpenError::io("find", path)(error)),
    }
    let missing = || OpenError::NoFolder { path: path.to_owned() };
    let folder = path.parent().ok_or_else(missing)?;
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let folder = folder.canonicalize().map_err(|_| missing())?;
    Ok(folder.join(path.file_name().ok_or_else(missing)?))
}

/// Returns the options for opening any file: only the owner may read drivers' texts.
pub(super) fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Appends `ending` to the file's name.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

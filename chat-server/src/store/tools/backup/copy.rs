//! Copying a prefix of a journal.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::{BackupError, CopyProgress};
use crate::store::error::OpenError;
use crate::store::lifecycle::keeping::Keeping;
use crate::store::private;
use crate::store::write::journal::{End, Erasing, segment_path, segments};

/// Bytes that are copied at once, by the kernel where it can.
const STEP: u64 = 4 << 20;

/// Copies everything before `end` into an empty directory, and syncs the copy. Returns its bytes.
/// `progress` receives the bytes done.
pub(super) fn prefix(
    from: &Path,
    end: End,
    to: &Path,
    progress: CopyProgress<'_>,
) -> Result<u64, BackupError> {
    let mut names = segments(from).map_err(OpenError::io("list", from))?;
    names.retain(|name| *name <= end.segment);
    let mut files = Vec::new();
    for name in names {
        let path = segment_path(from, name);
        let length = path.metadata().map_err(OpenError::io("read", &path))?.len();
        files.push((name, if name == end.segment { end.offset } else { length }));
    }
    let of = files.iter().map(|(_, length)| length).sum();
    let mut done = 0;
    for (name, length) in files {
        let mut copied = |bytes| {
            done += bytes;
            progress(done, of)
        };
        copy(&segment_path(from, name), &segment_path(to, name), length, &mut copied)?;
    }
    // The copy completes the noted step too.
    if let Some(erasing) = Erasing::read(from)? {
        erasing.write(to)?;
    }
    Keeping::read(from)?.copy(to)?;
    File::open(to).and_then(|dir| dir.sync_all()).map_err(OpenError::io("sync", to))?;
    Ok(of)
}

fn copy(
    from: &Path,
    to: &Path,
    length: u64,
    progress: &mut dyn FnMut(u64) -> bool,
) -> Result<(), BackupError> {
    let mut source = File::open(from).map_err(OpenError::io("open", from))?;
    let target = private::options().write(true).create_new(true).open(to);
    let mut target = target.map_err(OpenError::io("create", to))?;
    let mut left = length;
    while left > 0 {
        let step = left.min(STEP);
        let copied =
            io::copy(&mut (&mut source).take(step), &mut target).map_err(OpenError::io("write", to))?;
        if copied < step {
            let short = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(OpenError::io("read", from)(short).into());
        }
        left -= copied;
        if !progress(copied) {
            return Err(BackupError::Stopped);
        }
    }
    Ok(target.sync_all().map_err(OpenError::io("sync", to))?)
}

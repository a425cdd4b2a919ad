//! Restoring: a new data directory from a backup, with its own epoch.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

use chat_core::id::Epoch;

use super::{BackupError, copy};
use crate::store::disk::SystemDisk;
use crate::store::error::OpenError;
use crate::store::lifecycle::open::begin_epoch;
use crate::store::lifecycle::state::{STATE, StoreState};
use crate::store::options::Options;
use crate::store::private;
use crate::store::tools::verify::{Checks, verify};
use crate::store::write::journal::{ChainHead, End, Inspected, Journal, inspect};

/// The result of a restore.
#[derive(Debug)]
pub struct Restored {
    /// The head of the backup.
    pub backup: ChainHead,
    /// The head of the new store, at the begin of its epoch.
    pub head: ChainHead,
    /// The new epoch.
    pub epoch: Epoch,
}

/// Creates a data directory from a backup, or from another directory with a `journal`.
///
/// The backup is verified first. A new *epoch* begins, because changes after the backup are missing
/// and their numbers will be given again: clients forget the numbers of other epochs.
///
/// # Errors
///
/// [`BackupError`]. An incomplete data directory has no `journal`.
pub fn restore(backup: &Path, to: &Path, progress: &dyn Fn(u64, u64)) -> Result<Restored, BackupError> {
    require_empty(to)?;
    let from = backup.join("journal");
    if !from.is_dir() {
        return Err(BackupError::Nothing { dir: backup.to_owned() });
    }
    let mut verified = verify(backup, &Checks::default(), &|done, of| progress(done, 2 * of))?;
    if verified.count > 0 {
        let first = Box::new(verified.findings.swap_remove(0));
        return Err(BackupError::Unsound { first, count: verified.count });
    }
    let Inspected { end, .. } = inspect(&from, &[], u64::MAX, &mut |_, _| Ok(()))?;
    let end = end
        .filter(|end| end.position.0 > 0)
        .ok_or_else(|| BackupError::Nothing { dir: backup.to_owned() })?;
    private::make_dir(to).map_err(OpenError::io("create", to))?;
    let partial = to.join("journal.partial");
    let made = make(&from, end, &partial, progress);
    if made.is_err() {
        // The error is returned; the partial directory is useless.
        let _ = fs::remove_dir_all(&partial);
    }
    let (epoch, end_now) = made?;
    publish(&partial, to, end_now).map_err(OpenError::io("complete", to))?;
    Ok(Restored { backup: end.into(), head: end_now.into(), epoch })
}

fn require_empty(to: &Path) -> Result<(), BackupError> {
    match fs::read_dir(to).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(BackupError::NotEmpty { dir: to.to_owned() }),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(OpenError::io("read", to)(error).into()),
    }
}

fn make(
    from: &Path,
    end: End,
    partial: &Path,
    progress: &dyn Fn(u64, u64),
) -> Result<(Epoch, End), BackupError> {
    private::make_dir(partial).map_err(OpenError::io("create", partial))?;
    copy::prefix(from, end, partial, &|done, of| {
        progress(of + done, 2 * of);
        true
    })?;
    let disk = Arc::new(SystemDisk);
    let begun = Journal::open(disk, partial, Some(end), Options::default().segment_bytes)
        .and_then(|mut journal| Ok((begin_epoch(&mut journal)?, journal.end())));
    Ok(begun.map_err(OpenError::io("begin an epoch in", partial))?)
}

/// Gives the journal its name, and notes its end: without the file `state`, the first start would
/// begin another epoch.
fn publish(partial: &Path, to: &Path, end: End) -> io::Result<()> {
    let journal = to.join("journal");
    fs::rename(partial, &journal)?;
    StoreState::new(false, None, end).of(&journal).write(to, STATE)?;
    File::open(to)?.sync_all()?;
    File::open(super::holder(to))?.sync_all()
}

//! Repair: a journal that can be opened again, with the least loss.
//!
//! A mended journal is built beside the damaged one, from the same files. Damaged parts are taken
//! from a backup or a copy, if one is given and has them. Of the other parts, damaged texts are
//! erased, which keeps all numbers and the chain. If more is damaged, the journal ends there.
//! Damaged holds are taken from the backup too, or set aside. The mended journal is read completely
//! before it takes the place of the damaged one, which is kept under another name. The index and
//! the file `state` are set aside, so the next start begins a new epoch.

mod mend;
mod notes;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chat_core::id::ConversationId;
use chat_core::store::Position;
use rustix::fs::{CWD, RenameFlags, renameat_with};

use crate::store::error::OpenError;
use crate::store::index::files::set_aside;
use crate::store::lifecycle::keeping::Keeping;
use crate::store::lifecycle::lock::Lock;
use crate::store::lifecycle::state::{STATE, StoreState};
use crate::store::tools::verify::known_ends;
use crate::store::write::journal::{End, Erasing, inspect, salvage};
use mend::Mended;

/// The finding of a repair: what was or would be done, and lost.
#[derive(Debug, Default)]
pub struct Repaired {
    /// The flaws, one text each; none if the store can be opened as it is.
    pub flaws: Vec<String>,
    /// Flaws healed by the backup or copy. Nothing of them is lost.
    pub healed: usize,
    /// Messages whose text is lost: conversation and number.
    pub texts: Vec<(ConversationId, u64)>,
    /// The first and the last lost position, if the journal ends earlier than it did.
    pub lost: Option<(Position, Position)>,
    /// Losses beside the records, one text each.
    pub notes: Vec<&'static str>,
    /// Lost records that an export can still read.
    pub readable: u64,
    /// The new name of the damaged journal.
    pub aside: PathBuf,
}

/// Finds the repair of a data directory with the least loss, and carries it out if `apply` is true.
/// `from` is a backup, or a copy of the data directory.
///
/// # Errors
///
/// [`OpenError`] if the disk failed, if a server has the store open, or if nothing of the store is
/// left. The data directory is then as it was.
pub fn repair(dir: &Path, from: Option<&Path>, apply: bool) -> Result<Repaired, OpenError> {
    let journal = dir.join("journal");
    fs::read_dir(&journal).map_err(OpenError::io("read", &journal))?;
    let _lock = Lock::take(dir)?;
    let known = known_ends(dir)?;
    let mut repaired = Repaired { aside: free_name(dir), ..Repaired::default() };
    repaired.flaws.extend(notes::flaw(StoreState::read(dir, STATE))?);
    let is_sound = inspect(&journal, &known, 0, &mut |_, _| Ok(()));
    let flaw = match is_sound {
        Ok(_) if repaired.flaws.is_empty() && are_notes_sound(&journal)? => return Ok(repaired),
        Ok(_) => None,
        Err(OpenError::Damaged(damage)) => Some(damage.place()),
        Err(OpenError::Lost { witness, known, found, .. }) => {
            Some(format!("{witness} knows position {}, but the journal {found}", known.0))
        }
        Err(error) => return Err(error),
    };
    let mended = Mended::begin(&journal, &repaired.aside)?;
    let last = mended.mend(&journal, from.map(|from| from.join("journal")).as_deref(), &mut repaired)?;
    if repaired.flaws.is_empty() {
        repaired.flaws.extend(flaw);
    }
    let inspected = inspect(&repaired.aside, &[], 0, &mut |_, _| Ok(()))?;
    let end = inspected.end.filter(|end| end.position.0 > 0);
    let end = end.ok_or_else(|| nothing_left(dir))?;
    let told = known.iter().map(|known| known.end.position).chain([last]).max().unwrap_or_default();
    repaired.lost = (told > end.position).then_some((Position(end.position.0 + 1), told));
    repaired.readable = readable(&journal, end)?;
    if apply {
        mended.keep();
        publish(dir, &journal, &repaired.aside).map_err(OpenError::io("put the mended journal into", dir))?;
    }
    Ok(repaired)
}

/// Whether the files beside the segments can be read.
fn are_notes_sound(journal: &Path) -> Result<bool, OpenError> {
    Ok(notes::flaw(Erasing::read(journal))?.is_none() && notes::flaw(Keeping::read(journal))?.is_none())
}

fn nothing_left(dir: &Path) -> OpenError {
    OpenError::Missing {
        dir: dir.to_owned(),
        found: "the damage is at the begin of the journal, and nothing can be healed without --from BACKUP"
            .to_owned(),
    }
}

/// The number of sound records behind an end.
fn readable(journal: &Path, end: End) -> Result<u64, OpenError> {
    let mut count = 0;
    salvage(journal, &mut |_, records| {
        count += records.iter().filter(|(_, record)| record.position > end.position).count() as u64;
        Ok(())
    })?;
    Ok(count)
}

/// A name for the damaged journal that nothing has.
fn free_name(dir: &Path) -> PathBuf {
    let mut names = (1_u64..).map(|number| dir.join(format!("journal.bad-{number}")));
    names.find(|name| !name.exists()).expect("there are more names than files")
}

/// Exchanges the two journals, and sets aside everything that describes the damaged one.
fn publish(dir: &Path, journal: &Path, aside: &Path) -> io::Result<()> {
    File::open(aside)?.sync_all()?;
    renameat_with(CWD, journal, CWD, aside, RenameFlags::EXCHANGE)?;
    File::open(dir)?.sync_all()?;
    forget(dir)
}

/// Has the next start begin a new epoch, for a data directory that is older than what clients were
/// told.
///
/// # Errors
///
/// [`OpenError`] if there is no journal, if a server has the store open, or if the disk failed.
pub fn new_epoch(dir: &Path) -> Result<(), OpenError> {
    let journal = dir.join("journal");
    fs::read_dir(&journal).map_err(OpenError::io("read", &journal))?;
    let _lock = Lock::take(dir)?;
    forget(dir).map_err(OpenError::io("set the index aside in", dir))
}

/// Sets aside everything that knows the journal from before.
fn forget(dir: &Path) -> io::Result<()> {
    set_aside(&dir.join("index"))?;
    match fs::remove_file(dir.join(STATE)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => File::open(dir)?.sync_all(),
    }
}

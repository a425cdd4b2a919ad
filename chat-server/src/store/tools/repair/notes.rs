//! Damaged files beside the segments: the note of an erasure, and the holds.

use std::io;
use std::path::Path;

use super::Repaired;
use crate::store::error::OpenError;
use crate::store::lifecycle::keeping::Keeping;
use crate::store::write::journal::Erasing;

/// Loss of a damaged note of an erasure.
const ERASING_LOST: &str = "how far texts are erased: retention begins again at the oldest message. If chat-server \
     erase was cut off, repeat it";

/// Loss of damaged holds without a backup.
const HOLDS_LOST: &str = "all holds, and the record of users whose texts were erased: set the holds again before you \
     start the server";

/// Loss of damaged holds with a backup.
const HOLDS_OLDER: &str = "holds that were set or released since the backup: compare chat-server hold list";

/// Takes damaged files of a mended journal from another journal, or removes them.
pub(super) fn mend(mended: &Path, from: Option<&Path>, repaired: &mut Repaired) -> Result<(), OpenError> {
    if let Some(flaw) = flaw(Erasing::read(mended))? {
        removed(mended, Erasing::remove(mended))?;
        repaired.notes.push(ERASING_LOST);
        repaired.flaws.push(flaw);
    }
    if let Some(flaw) = flaw(Keeping::read(mended))? {
        removed(mended, Keeping::remove(mended))?;
        let spare = from.and_then(|from| Keeping::read(from).ok());
        if let Some(spare) = &spare {
            spare.copy(mended)?;
        }
        repaired.notes.push(if spare.is_some() { HOLDS_OLDER } else { HOLDS_LOST });
        repaired.flaws.push(flaw);
    }
    Ok(())
}

/// The flaw of a file that can be mended, if its reading found one.
pub(super) fn flaw<T>(read: Result<T, OpenError>) -> Result<Option<String>, OpenError> {
    match read {
        Ok(_) => Ok(None),
        Err(OpenError::State { file, what }) => {
            let name = file.file_name().unwrap_or_default().display();
            Ok(Some(format!("the file `{name}` is damaged: {what}")))
        }
        Err(error) => Err(error),
    }
}

fn removed(mended: &Path, removed: io::Result<()>) -> Result<(), OpenError> {
    removed.map_err(OpenError::io("remove a damaged file in", mended))
}

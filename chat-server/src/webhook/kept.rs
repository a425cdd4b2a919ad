//! How far the webhook has come, kept in the data directory.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use chat_core::store::Position;
use serde::{Deserialize, Serialize};

use crate::store::{Place, private};

/// The name of the file.
const NAME: &str = "webhook";

/// The version of the file.
const VERSION: u32 = 1;

/// How far the webhook has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct Kept {
    version: u32,
    /// All groups before it are done.
    pub(super) place: Place,
    /// In the next one, all up to here.
    pub(super) done: Position,
}

impl Kept {
    pub(super) fn at(place: Place) -> Self {
        Self { version: VERSION, place, done: place.position() }
    }

    /// What was kept in this directory: `None` if nothing was.
    pub(super) fn read(dir: &Path) -> io::Result<Option<Self>> {
        let text = match fs::read(dir.join(NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read?,
        };
        let kept: Self = serde_json::from_slice(&text)?;
        match kept.version {
            VERSION => Ok(Some(kept)),
            version => {
                Err(io::Error::other(format!("it has the version {version}, which is not known here")))
            }
        }
    }

    /// Replaces what was kept before, durably.
    pub(super) fn write(&self, dir: &Path) -> io::Result<()> {
        let new = dir.join(format!("{NAME}.new"));
        let mut file = private::create(&new)?;
        file.write_all(&serde_json::to_vec(self)?)?;
        file.sync_all()?;
        fs::rename(&new, dir.join(NAME))?;
        File::open(dir)?.sync_all()
    }
}

//! The file `state`: how the store was left. In a backup the file `backup`, of the same form.
//!
//! One line of JSON and one with its checksum. It is replaced as a whole, when a store is opened and when it is
//! closed, and names an end of the journal that was synced.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::OpenError;
use super::journal::End;

/// The version of this file.
const VERSION: u32 = 1;

/// The file in a data directory.
pub(super) const STATE: &str = "state";

/// The file in a backup.
pub(super) const BACKUP: &str = "backup";

/// Most bytes that are read of it: many times what is written.
const BYTES_MOST: u64 = 64 << 10;

/// What every version of this file has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// How a store was left.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) struct State {
    /// The version of this file.
    version: u32,
    /// Whether all was flushed and nothing has run since.
    pub(super) clean: bool,
    /// Under which boot of the machine it was written.
    pub(super) boot_id: Option<String>,
    /// An end that was synced.
    pub(super) end: End,
}

impl State {
    /// The state of a store at this end.
    pub(super) fn new(clean: bool, boot_id: Option<String>, end: End) -> Self {
        Self { version: VERSION, clean, boot_id, end }
    }

    /// Reads the file of this name; `None` if there is none.
    pub(super) fn read(dir: &Path, name: &str) -> Result<Option<Self>, OpenError> {
        let file = dir.join(name);
        let mut bytes = Vec::new();
        let read = fs::File::open(&file).and_then(|file| file.take(BYTES_MOST).read_to_end(&mut bytes));
        let text = match read {
            Ok(_) => String::from_utf8_lossy(&bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(OpenError::io("read", &file)(error)),
        };
        let bad = |what: &str| OpenError::State { file: file.clone(), what: what.to_owned() };
        let (json, crc) = text.split_once('\n').ok_or_else(|| bad("it has no second line"))?;
        if crc.trim_end() != checksum(json) {
            return Err(bad("its checksum does not fit"));
        }
        match serde_json::from_str(json) {
            Ok(Versioned { version }) if version > VERSION => {
                Err(OpenError::Newer { file, found: version, known: VERSION })
            }
            _ => serde_json::from_str(json).map(Some).map_err(|error| bad(&error.to_string())),
        }
    }

    /// Replaces what the file of this name said before, durably.
    pub(super) fn write(&self, dir: &Path, name: &str) -> io::Result<()> {
        let json = serde_json::to_string(self)?;
        let new = dir.join(format!("{name}.new"));
        let mut file = fs::File::create(&new)?;
        file.write_all(format!("{json}\n{}\n", checksum(&json)).as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, dir.join(name))?;
        fs::File::open(dir)?.sync_all()
    }
}

fn checksum(json: &str) -> String {
    format!("{:08x}", crc32fast::hash(json.as_bytes()))
}

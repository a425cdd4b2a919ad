//! Small files that say something about the data: one line of JSON, and one with its checksum, replaced as a whole.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::error::OpenError;
use super::private;

/// The version of all these files.
pub(super) const VERSION: u32 = 1;

/// Most bytes that are read of one: many times what is written.
const BYTES_MOST: u64 = 64 << 10;

/// What every version of such a file has.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Reads the file of this name; `None` if there is none.
pub(super) fn read<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Option<T>, OpenError> {
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
pub(super) fn write(dir: &Path, name: &str, note: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_string(note)?;
    let new = dir.join(format!("{name}.new"));
    let mut file = private::create(&new)?;
    file.write_all(format!("{json}\n{}\n", checksum(&json)).as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, dir.join(name))?;
    fs::File::open(dir)?.sync_all()
}

fn checksum(json: &str) -> String {
    format!("{:08x}", crc32fast::hash(json.as_bytes()))
}

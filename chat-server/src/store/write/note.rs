//! Small files about the data: one line of JSON, and one with its checksum, replaced as a whole.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::store::error::OpenError;
use crate::store::private;

/// The version of these files, unless one says otherwise.
pub(in crate::store) const VERSION: u32 = 1;

/// Most bytes read from such a file: many times the usual size.
const BYTES_MOST: u64 = 2 << 20;

/// Bytes of a spare file: larger than any note, and one block of most file systems.
const SPARE_BYTES: usize = 4_096;

/// The part common to all versions.
#[derive(Deserialize)]
struct Versioned {
    version: u32,
}

/// Reads the file of this name; `None` if there is none.
pub(in crate::store) fn read<T: DeserializeOwned>(dir: &Path, name: &str) -> Result<Option<T>, OpenError> {
    read_up_to(VERSION, dir, name)
}

/// Reads the file of this name, if its version is at most `known`.
pub(in crate::store) fn read_up_to<T: DeserializeOwned>(
    known: u32,
    dir: &Path,
    name: &str,
) -> Result<Option<T>, OpenError> {
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
        Ok(Versioned { version }) if version > known => Err(OpenError::Newer { file, found: version, known }),
        _ => serde_json::from_str(json).map(Some).map_err(|error| bad(&error.to_string())),
    }
}

/// Replaces the file of this name durably.
///
/// Writes over the [spare file](keep_spare) if one exists. Its room is already reserved, therefore
/// this works on a full disk if the file system writes in place.
pub(in crate::store) fn write(dir: &Path, name: &str, note: &impl Serialize) -> io::Result<()> {
    let json = serde_json::to_string(note)?;
    let text = format!("{json}\n{}\n", checksum(&json));
    let spare = spare_of(dir, name);
    let mut file = private::options().write(true).create(true).truncate(false).open(&spare)?;
    file.write_all(text.as_bytes())?;
    file.set_len(text.len() as u64)?;
    file.sync_all()?;
    fs::rename(&spare, dir.join(name))?;
    fs::File::open(dir)?.sync_all()
}

/// Creates the spare file for the next note of this name, unless it exists or the disk has no room.
pub(in crate::store) fn keep_spare(dir: &Path, name: &str) {
    let made = private::options().write(true).create_new(true).open(spare_of(dir, name));
    if let Err(error) = made.and_then(|mut spare| spare.write_all(&[0; SPARE_BYTES]))
        && error.kind() != io::ErrorKind::AlreadyExists
    {
        tracing::debug!(%error, name, "there is no room for a spare file");
    }
}

fn spare_of(dir: &Path, name: &str) -> PathBuf {
    dir.join(format!("{name}.new"))
}

fn checksum(json: &str) -> String {
    format!("{:08x}", crc32fast::hash(json.as_bytes()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[test]
    fn a_note_is_written_over_a_spare_file_whose_room_was_taken_before() {
        let dir = tempfile::tempdir().unwrap();
        let spare = spare_of(dir.path(), "note");
        write(dir.path(), "note", &serde_json::json!({"version": 1, "text": "long".repeat(99)})).unwrap();
        assert!(!spare.exists());
        keep_spare(dir.path(), "note");
        let before = spare.metadata().unwrap();
        assert_eq!(before.len(), SPARE_BYTES as u64);
        write(dir.path(), "note", &serde_json::json!({"version": 1})).unwrap();
        assert_eq!(dir.path().join("note").metadata().unwrap().ino(), before.ino());
        let read: Option<serde_json::Value> = read(dir.path(), "note").unwrap();
        assert_eq!(read, Some(serde_json::json!({"version": 1})));
        assert!(!spare.exists());
    }
}

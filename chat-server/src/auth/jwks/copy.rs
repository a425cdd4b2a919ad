//! The copy of a fetched key set, for a start while its publisher is away.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::store::private;

/// The file in the data directory.
const NAME: &str = "key-set";

/// The place of a copy.
pub(super) struct KeySetCopy {
    dir: PathBuf,
    address: String,
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct Content {
    /// The address that the document came from. Keys of another one must not count.
    address: String,
    read_at: Timestamp,
    document: String,
}

impl KeySetCopy {
    /// The copy of the document at this address.
    pub(super) fn new(dir: &Path, address: &str) -> Self {
        Self { dir: dir.to_owned(), address: address.to_owned() }
    }

    /// The last document, and the time at which it was read. `None` without a usable copy.
    pub(super) fn read(&self) -> Option<(Timestamp, String)> {
        let content: Content = serde_json::from_slice(&std::fs::read(self.dir.join(NAME)).ok()?).ok()?;
        (content.address == self.address).then_some((content.read_at, content.document))
    }

    /// Replaces the copy as a whole.
    pub(super) fn write(&self, read_at: Timestamp, document: &[u8]) -> io::Result<()> {
        private::make_dir(&self.dir)?;
        let document = String::from_utf8_lossy(document).into_owned();
        let content = Content { address: self.address.clone(), read_at, document };
        let mut draft = NamedTempFile::with_prefix_in("key-set.new", &self.dir)?;
        serde_json::to_writer(&mut draft, &content)?;
        draft.flush()?;
        draft.persist(self.dir.join(NAME))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_counts_for_its_own_address_alone() {
        let dir = tempfile::tempdir().unwrap();
        let copy = KeySetCopy::new(&dir.path().join("data"), "https://one.example/keys");
        assert_eq!(copy.read(), None);
        let at = Timestamp::from_millis(5);
        copy.write(at, b"{}").unwrap();
        assert_eq!(copy.read(), Some((at, "{}".to_owned())));
        assert_eq!(KeySetCopy::new(&copy.dir, "https://other.example/keys").read(), None);
        assert_eq!(std::fs::read_dir(&copy.dir).unwrap().count(), 1, "no draft is left");
    }
}

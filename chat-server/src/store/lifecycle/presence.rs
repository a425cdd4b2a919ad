//! Whether a data directory holds a store, may get one, or has lost it.

use std::fs;
use std::io;
use std::path::Path;

use crate::store::error::OpenError;
use crate::store::write::journal::segments;

/// Names that a directory may have before its store: the audit trail, the generated secret, the
/// copy of a key set, the lock, and the directory that file systems create in their root.
const BEFORE: [&str; 5] = ["audit", "jwt-secret", "key-set", "lock", "lost+found"];

/// The content of a data directory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Presence {
    /// A journal.
    Store,
    /// No sign of a store, now or earlier: the directory does not exist, or is empty.
    Nothing,
    /// No journal, and other files.
    Remains,
}

impl Presence {
    /// Looks into a data directory.
    ///
    /// # Errors
    ///
    /// [`OpenError::Io`].
    pub(crate) fn of(dir: &Path) -> Result<Self, OpenError> {
        let names = match names(dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Self::Nothing),
            names => names.map_err(OpenError::io("read", dir))?,
        };
        let journal = dir.join("journal");
        if journal.is_dir() && !segments(&journal).map_err(OpenError::io("list", &journal))?.is_empty() {
            return Ok(Self::Store);
        }
        let is_empty = names.iter().all(|name| BEFORE.contains(&name.as_str()));
        Ok(if is_empty { Self::Nothing } else { Self::Remains })
    }
}

/// The error for a directory without a store, with the names that are there.
pub(crate) fn missing(dir: &Path) -> OpenError {
    let found = match names(dir) {
        Err(_) => "it does not exist".to_owned(),
        Ok(names) if names.is_empty() => "it is empty".to_owned(),
        Ok(names) if names.iter().any(|name| name == "journal.partial") => {
            "a restore into it was cut off. Remove `journal.partial` and repeat the restore".to_owned()
        }
        Ok(names) if names.iter().any(|name| name == "audit") => format!(
            "it holds only {}, as of a server over a database, whose conversations are there (--database-url, CLUSTER.md)",
            names.join(", ")
        ),
        Ok(names) => format!("it holds only {}", names.join(", ")),
    };
    OpenError::Missing { dir: dir.to_owned(), found }
}

/// The names in a directory, in order.
fn names(dir: &Path) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(dir)?.collect::<io::Result<Vec<_>>>()?;
    let mut names: Vec<_> =
        entries.into_iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_directory_without_a_past_may_get_a_store() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        assert_eq!(Presence::of(&data).unwrap(), Presence::Nothing);
        fs::create_dir(&data).unwrap();
        for (name, expected) in [
            ("lost+found", Presence::Nothing),
            ("jwt-secret", Presence::Nothing),
            ("lock", Presence::Nothing),
            ("state", Presence::Remains),
            ("journal/other", Presence::Remains),
            ("journal/00000000000000000001.log", Presence::Store),
        ] {
            let path = data.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
            assert_eq!(Presence::of(&data).unwrap(), expected, "{name}");
        }
    }
}

//! The secret for HS256: configured, or generated once and kept in the data directory.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::store::private;

/// Fewest bytes of a secret: the output size of SHA-256 (RFC 7518, section 3.2).
pub const SHORTEST: usize = 32;

/// Name of the generated secret's file in the data directory.
pub(super) const FILE_NAME: &str = "jwt-secret";

/// A secret of at least [`SHORTEST`] bytes. Not printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

/// The origin of a secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SecretOrigin {
    /// The operator configured the secret.
    Given,
    /// The server generated the secret, now or earlier. Accepted only when listening on loopback.
    Made {
        /// The secret's file.
        path: PathBuf,
        /// Whether the secret was generated just now.
        now: bool,
    },
}

/// The reason that there is no secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Too short, and therefore guessable.
    #[error(
        "{source_name} has {length} bytes, and a secret needs at least {SHORTEST}: try openssl rand -hex 32"
    )]
    TooShort {
        /// The source of the secret.
        source_name: String,
        /// The length in bytes.
        length: usize,
    },
    /// The file can't be read.
    #[error("can't read the secret file {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The generated secret can't be written.
    #[error("can't keep a new secret in {}: {error}", path.display())]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The system's random generator failed.
    #[error("can't make a secret: the system's random generator says {0}")]
    NoRandomness(getrandom::Error),
}

impl Secret {
    /// A secret from bytes, without the trailing line end that editors add.
    ///
    /// # Errors
    ///
    /// [`SecretError::TooShort`], naming `source_name`.
    pub fn new(bytes: &[u8], source_name: impl Into<String>) -> Result<Self, SecretError> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        match bytes.len() {
            SHORTEST.. => Ok(Self(bytes.to_vec())),
            length => Err(SecretError::TooShort { source_name: source_name.into(), length }),
        }
    }

    /// Reads a secret from a file.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let bytes =
            fs::read(path).map_err(|error| SecretError::Unreadable { path: path.to_owned(), error })?;
        Self::new(&bytes, format!("the secret in {}", path.display()))
    }

    /// The generated secret of this data directory. Generates one if none exists.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub fn of_data_dir(data_dir: &Path) -> Result<(Self, SecretOrigin), SecretError> {
        let path = data_dir.join(FILE_NAME);
        let now = !path.exists() && make(data_dir, &path)?;
        Ok((Self::from_file(&path)?, SecretOrigin::Made { path, now }))
    }

    /// The origin that [`of_data_dir`](Self::of_data_dir) would report, without generating a
    /// secret.
    ///
    /// # Errors
    ///
    /// [`SecretError`].
    pub(crate) fn origin_in(data_dir: &Path) -> Result<SecretOrigin, SecretError> {
        let path = data_dir.join(FILE_NAME);
        let now = !path.exists();
        if !now {
            Self::from_file(&path)?;
        }
        Ok(SecretOrigin::Made { path, now })
    }

    /// The bytes, for signing and verifying.
    pub(crate) fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Generates a secret. Returns `false` if another process created the file first.
fn make(data_dir: &Path, path: &Path) -> Result<bool, SecretError> {
    let mut bytes = [0; SHORTEST];
    getrandom::fill(&mut bytes).map_err(SecretError::NoRandomness)?;
    let text = bytes.map(|byte| format!("{byte:02x}")).concat();
    keep(data_dir, path, &text).map_err(|error| SecretError::Unwritable { path: path.to_owned(), error })
}

/// Creates a file with this text, atomically and durably. Fails if the file exists.
fn keep(data_dir: &Path, path: &Path, text: &str) -> io::Result<bool> {
    private::make_dir(data_dir)?;
    let draft = data_dir.join(format!("{FILE_NAME}.{}", std::process::id()));
    let mut file = private::create(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    let made = match fs::hard_link(&draft, path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(error),
    };
    fs::remove_file(&draft)?;
    File::open(data_dir)?.sync_all()?;
    Ok(made)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_made_secret_is_kept_for_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let data_dir = dir.path().join("new/data");
        let (made, origin) = Secret::of_data_dir(&data_dir).unwrap();
        let path = data_dir.join(FILE_NAME);
        assert_eq!(origin, SecretOrigin::Made { path: path.clone(), now: true });
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&data_dir).unwrap().count(), 1, "no draft is left");

        let (again, origin) = Secret::of_data_dir(&data_dir).unwrap();
        assert_eq!(origin, SecretOrigin::Made { path, now: false });
        assert!(made == again);
    }

    #[test]
    fn two_data_dirs_have_two_secrets() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        assert!(Secret::of_data_dir(one.path()).unwrap().0 != Secret::of_data_dir(other.path()).unwrap().0);
    }

    #[test]
    fn a_short_secret_is_refused_by_name() {
        let error = Secret::new(&[b'x'; 31], "CHAT_JWT_SECRET").unwrap_err();
        assert_eq!(
            error.to_string(),
            "CHAT_JWT_SECRET has 31 bytes, and a secret needs at least 32: try openssl rand -hex 32"
        );
        assert!(Secret::new(b"0123456789012345678901234567890\r\n", "x").is_err(), "line ends don't count");
    }

    #[test]
    fn a_secret_never_prints() {
        let secret = Secret::new(&[b'x'; 32], "x").unwrap();
        assert_eq!(format!("{secret:?}"), "Secret(…)");
    }
}

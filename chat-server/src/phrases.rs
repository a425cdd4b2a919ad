//! The operator's ready texts: a TOML file, read again when it changes.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;
use std::sync::Arc;

use chat_core::drive::Handle;
use chat_core::phrases::{PhraseSetting, PhraseText, Phrases, PhrasesError};
use chat_core::protocol::{PhraseKind, Role};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tokio::task::spawn_blocking;
use tracing::{error, info};

use crate::reload::{FileWatch, Reload};

/// Most bytes of the file. A larger one is refused.
const LARGEST: usize = 1 << 20;

/// The reason that the file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum PhrasesFileError {
    /// The file can't be read.
    #[error("can't read the phrases in {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The content is not the TOML of phrases.
    #[error("{}, line {line}: {what}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// The line.
        line: usize,
        /// The fault.
        what: String,
    },
    /// The phrases break a rule.
    #[error("{}: {error}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The rule.
        error: PhrasesError,
    },
}

/// The content of the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PhraseTable {
    /// The language that stands in for all others.
    language: String,
    #[serde(default)]
    phrase: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: Arc<str>,
    kind: PhraseKind,
    roles: Vec<Role>,
    #[serde(default)]
    emergency: bool,
    /// The words by language.
    text: BTreeMap<String, Words>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    title: Arc<str>,
    /// The same as the title by default.
    content: Option<Arc<str>>,
}

/// The file with the phrases.
#[derive(Clone, Debug)]
pub(crate) struct PhraseFile(PathBuf);

impl PhraseFile {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Watches the file for changes.
    pub(crate) fn watch(&self, reload: &Reload) -> FileWatch {
        FileWatch::new(vec![self.0.clone()], reload)
    }

    /// Reads the phrases.
    ///
    /// # Errors
    ///
    /// [`PhrasesFileError`] names the file, and the line if known.
    pub(crate) fn read(&self) -> Result<Phrases, PhrasesFileError> {
        let mut text = String::new();
        let read =
            File::open(&self.0).and_then(|file| file.take(LARGEST as u64 + 1).read_to_string(&mut text));
        let read =
            read.and_then(
                |length| {
                    if length > LARGEST { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(()) }
                },
            );
        read.map_err(|error| PhrasesFileError::Unreadable { path: self.0.clone(), error })?;
        self.parse(&text)
    }

    fn parse(&self, text: &str) -> Result<Phrases, PhrasesFileError> {
        let table: PhraseTable = toml::from_str(text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            PhrasesFileError::Wrong { path: self.0.clone(), line, what: error.message().to_owned() }
        })?;
        let hash = <[u8; 32]>::from(Sha256::digest(text));
        let first = *hash.first_chunk().expect("a hash has 32 bytes");
        let version = format!("{:016x}", u64::from_be_bytes(first));
        let all = table.phrase.into_iter().map(Entry::setting).collect();
        Phrases::new(version, table.language.to_lowercase(), all)
            .map_err(|error| PhrasesFileError::Refused { path: self.0.clone(), error })
    }

    /// Reloads the file after changes, for ever. Unusable content is ignored.
    pub(crate) async fn renew(self, handle: Handle, mut watch: FileWatch) {
        loop {
            watch.changed().await;
            let file = self.clone();
            match spawn_blocking(move || file.read()).await {
                Ok(Ok(phrases)) => {
                    handle.set_phrases(Arc::new(phrases)).await;
                    info!("apps get the phrases in {}", self.0.display());
                }
                Ok(Err(error)) => error!("the phrases stay as they were: {error}"),
                Err(error) => error!(%error, "could not read the phrases: they stay as they were"),
            }
        }
    }
}

impl Entry {
    fn setting(self) -> PhraseSetting {
        let words = |(language, Words { title, content }): (String, Words)| {
            let content = content.unwrap_or_else(|| title.clone());
            (language.to_lowercase().into(), PhraseText { title, content })
        };
        let texts = self.text.into_iter().map(words).collect();
        PhraseSetting { id: self.id, roles: self.roles, kind: self.kind, emergency: self.emergency, texts }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const GOOD: &str = r#"
language = "EN"

[[phrase]]
id = "late"
kind = "request"
roles = ["BUS_DRIVER", "QUEUE_REGULATOR"]
text.en = { title = "Late", content = "I am late." }
text.de-AT = { title = "Spät" }
"#;

    fn read(text: &str) -> Result<Phrases, String> {
        PhraseFile::new("phrases.toml".into()).parse(text).map_err(|error| error.to_string())
    }

    fn error(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        read(&GOOD.replace(from, to)).unwrap_err()
    }

    #[test]
    fn the_version_changes_with_the_file_alone() {
        let phrases = read(GOOD).unwrap();
        assert_eq!(phrases, read(GOOD).unwrap());
        assert_ne!(phrases, read(&GOOD.replace("I am late.", "I'm late.")).unwrap());
        assert_eq!(read("language = 'en'").map(drop), Ok(()));
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_place() {
        assert_eq!(
            error("kind = \"request\"", "kind = \"order\""),
            "phrases.toml, line 6: unknown variant `order`, expected one of `request`, `answer`, `reply`"
        );
        let unknown = error("kind =", "colour = 1\nkind =");
        assert!(unknown.starts_with("phrases.toml, line 6: unknown field `colour`"), "{unknown}");
        assert_eq!(error("text.en", "text.fr"), "phrases.toml: the phrase late has no text in en");
        let sides = error("\"QUEUE_REGULATOR\"", "\"CONTROL_STAFF\"");
        assert!(sides.starts_with("phrases.toml: the phrase late has a role of the wrong side"), "{sides}");
        let missing = PhraseFile::new("/nowhere/phrases.toml".into()).read().unwrap_err().to_string();
        assert!(missing.starts_with("can't read the phrases in /nowhere/phrases.toml: "), "{missing}");
    }

    #[test]
    fn a_huge_file_is_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("phrases.toml");
        fs::write(&path, format!("{GOOD}{}", "#".repeat(LARGEST))).unwrap();
        let refused = PhraseFile::new(path.clone()).read().unwrap_err();
        assert!(matches!(refused, PhrasesFileError::Unreadable { .. }), "{refused}");
        fs::write(&path, GOOD).unwrap();
        PhraseFile::new(path).read().unwrap();
    }
}

//! Reasons for not opening a store. Each message says how to continue.

use std::io;
use std::path::{Path, PathBuf};

use chat_core::store::Position;

/// Error of opening a [`LocalStore`](super::LocalStore).
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the store open.
    #[error(
        "{} is in use by another server: two servers on the same data would destroy it. \
         Stop the other one, or give this one a data directory of its own. Beside a running server work backup, export, \
         history, and verify --journal-only",
        dir.display()
    )]
    Locked {
        /// The data directory.
        dir: PathBuf,
    },
    /// There is no journal, and none was to be begun.
    #[error(
        "there is no store in {}: {found}. Is this the right path, or is --config or --data-dir missing? Is its \
         disk mounted? To get conversations back, run chat-server restore into an empty directory; to begin without \
         any, run chat-server init there",
        dir.display()
    )]
    Missing {
        /// The data directory.
        dir: PathBuf,
        /// The content of the directory, for the message.
        found: String,
    },
    /// The directory is a backup.
    #[error(
        "{} is a backup, and stays as it is. Make a data directory from it by chat-server restore",
        dir.display()
    )]
    Backup {
        /// The directory of the backup.
        dir: PathBuf,
    },
    /// Root would write files that the server's user could not open.
    #[error(
        "{} belongs to user {owner}, who could not open files that root creates there: run this as that user, as in \
         runuser -u $(id -nu {owner}) --",
        dir.display()
    )]
    OfAnother {
        /// The data directory.
        dir: PathBuf,
        /// The user id of its owner.
        owner: u32,
    },
    /// The operating system refused something.
    #[error("could not {action} {}: {source}. {}", path.display(), advice(source))]
    Io {
        /// The action.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The journal holds other bytes than the written ones, at a place known to have been synced.
    #[error(transparent)]
    Damaged(#[from] DamageError),
    /// The journal ends before a place known to have been synced, or is not the one of the index.
    #[error(
        "the journal in {} has lost synced data: {witness} knows position {}, but the journal {found}. \
         Nothing was changed. chat-server repair says what is lost, and accepts the journal as it is; \
         with --from, it takes what a newer backup has",
        journal.display(),
        known.0
    )]
    Lost {
        /// The directory of the journal.
        journal: PathBuf,
        /// The source that knows the position.
        witness: &'static str,
        /// The known position.
        known: Position,
        /// The journal's state, for the message.
        found: String,
    },
    /// The store was written by a newer version of this program.
    #[error(
        "{} has format version {found}, and this program knows versions up to {known}. \
         Start the newer program that wrote it, or restore a backup made before",
        file.display()
    )]
    Newer {
        /// The file or directory of the newer format.
        file: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version known to this program.
        known: u32,
    },
    /// A small file about the data can't be read.
    #[error("{} is damaged: {what}. Check the disk. {}", file.display(), remedy(file))]
    State {
        /// The file.
        file: PathBuf,
        /// A description of the flaw.
        what: String,
    },
    /// No index could be created in an empty directory.
    #[error("could not build the index in {}: {what}. Check the space on its disk", dir.display())]
    Index {
        /// The directory of the index.
        dir: PathBuf,
        /// The cause.
        what: String,
    },
}

impl OpenError {
    /// Wraps an error of the operating system.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// Advice on an error of the operating system.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "Is this the right path, or is --config or --data-dir missing?",
        _ => {
            "Check the permissions of the data directory, the space on its disk, and whether the disk is sound"
        }
    }
}

/// The way back from a damaged file that costs least.
fn remedy(file: &Path) -> &'static str {
    match file.file_name().and_then(|name| name.to_str()) {
        Some("clock") => {
            "If the machine's clock is right, chat-server clock --trust writes the file anew; until then nothing is \
             erased"
        }
        Some("keeping") => {
            "Until then nothing is erased. chat-server repair --from BACKUP takes the holds from a backup; without \
             --from, it sets them aside"
        }
        Some("erasing") => {
            "chat-server repair sets the file aside; retention then begins at the oldest message"
        }
        Some("backup") => "Use another backup",
        _ => "chat-server repair sets the file aside; the index is then built anew from the journal",
    }
}

/// A place in the journal that differs from the written bytes.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "{}. Nothing was changed. Check the disk. chat-server repair says what can be healed and what would be lost; \
     chat-server export --salvage reads what is whole",
    self.place()
)]
pub struct DamageError {
    /// The segment.
    pub file: PathBuf,
    /// The offset of the damaged part in the segment.
    pub offset: u64,
    /// The position expected there.
    pub position: Position,
    /// A description of the flaw.
    pub what: String,
}

impl DamageError {
    /// The flaw and its place, without advice.
    pub(super) fn place(&self) -> String {
        let Self { file, offset, position, what } = self;
        let (file, position) = (file.display(), position.0);
        format!(
            "the journal is damaged at byte {offset} of {file}, where position {position} should stand: {what}"
        )
    }
}

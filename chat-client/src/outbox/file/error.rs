//! Errors of opening an outbox.

use std::io;
use std::path::{Path, PathBuf};

use chat_core::id::UserId;

/// The error of opening an outbox, with advice.
///
/// The content of the file is not lost.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder does not exist.
    #[error("there is no folder for the outbox {}: create it first", .path.display())]
    NoFolder {
        /// The requested file.
        path: PathBuf,
    },
    /// The outbox is open in another process, or twice in this one.
    #[error(
        "the outbox {} is open already: close the app or the client that has it, or give this one another file",
        .path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The outbox belongs to another user.
    #[error("the outbox {} belongs to {found}, not to {wanted}: give each user a file of their own", .path.display())]
    OfAnotherUser {
        /// The file.
        path: PathBuf,
        /// The owner.
        found: UserId,
        /// The user who was to open the outbox.
        wanted: UserId,
    },
    /// The file was written by a newer version of this library, in an unknown format.
    #[error(
        "the outbox {} has format {found}, and this version of the app knows formats up to {known}: update the app",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest known format.
        known: u32,
    },
    /// The file is no outbox, or too damaged to tell the owner.
    #[error(
        "{} is no outbox, or damaged beyond reading: move it away, and a new one is made in its place",
        .path.display()
    )]
    Unrecognised {
        /// The file.
        path: PathBuf,
    },
    /// The operating system reported an error.
    #[error("can't {action} the outbox {}: {source}", .path.display())]
    Io {
        /// The action, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl OpenError {
    /// Adds action and file to an error of the operating system.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// The reason why a file's content is refused.
#[derive(Debug)]
pub(super) enum ContentError {
    OfAnotherUser { found: UserId, wanted: UserId },
    Newer { found: u32, known: u32 },
    Unrecognised,
    Create(io::Error),
}

impl ContentError {
    /// Adds the path of the file.
    pub(super) fn of(self, path: &Path) -> OpenError {
        let path = path.to_owned();
        match self {
            Self::OfAnotherUser { found, wanted } => OpenError::OfAnotherUser { path, found, wanted },
            Self::Newer { found, known } => OpenError::Newer { path, found, known },
            Self::Unrecognised => OpenError::Unrecognised { path },
            Self::Create(source) => OpenError::Io { action: "make", path, source },
        }
    }
}

//! Why a file is refused as an outbox.

use std::io;
use std::path::{Path, PathBuf};

use chat_core::id::UserId;

/// Why an outbox can't be opened, and what to do about it.
///
/// Nothing that was in the file is lost by it.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder that it should be in is not there.
    #[error("there is no folder for the outbox {}: create it first", .path.display())]
    NoFolder {
        /// The file that was asked for.
        path: PathBuf,
    },
    /// Another process has it open, or another instance in this one.
    #[error(
        "the outbox {} is open already: close the app or the client that has it, or give this one another file",
        .path.display()
    )]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// It holds what somebody else wrote.
    #[error("the outbox {} belongs to {found}, not to {wanted}: give each user a file of their own", .path.display())]
    OfAnotherUser {
        /// The file.
        path: PathBuf,
        /// Whose it is.
        found: UserId,
        /// Who asked for it.
        wanted: UserId,
    },
    /// It was written by a newer version of this library, in a form that this one does not know.
    #[error(
        "the outbox {} has format {found}, and this version of the app knows formats up to {known}: update the app",
        .path.display()
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// It is something else, or so damaged that nothing tells whose it is.
    #[error(
        "{} is no outbox, or damaged beyond reading: move it away, and a new one is made in its place",
        .path.display()
    )]
    Unrecognised {
        /// The file.
        path: PathBuf,
    },
    /// The operating system says no.
    #[error("can't {action} the outbox {}: {source}", .path.display())]
    Io {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
}

impl OpenError {
    /// Names the action and the file that an error of the operating system is about.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }
}

/// Why the content of a file is refused.
#[derive(Debug)]
pub(super) enum ContentError {
    OfAnotherUser { found: UserId, wanted: UserId },
    Newer { found: u32, known: u32 },
    Unrecognised,
    Create(io::Error),
}

impl ContentError {
    /// The refusal of this file.
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

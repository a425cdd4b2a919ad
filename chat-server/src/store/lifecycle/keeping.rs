//! Holds, which erasing obeys, and the record of users whose texts were erased on request.
//!
//! Both stand in the file `keeping` beside the segments, and travel with a backup.

use std::path::Path;
use std::{fmt, fs, io};

use chat_core::id::{ConversationId, UserId};
use chat_core::store::{Position, UnavailableError};
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::store::error::OpenError;
use crate::store::write::journal::Erasable;
use crate::store::write::note;

/// The file's name.
const NAME: &str = "keeping";

/// Most holds at once. A further one is refused.
const HOLDS_MOST: usize = 1_000;

/// Most records of erased users. The oldest gives way; the audit trail has its own record.
const ERASURES_MOST: usize = 4_000;

/// Most bytes of a reason.
const WHY_BYTES: usize = 500;

/// The subject of a hold.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldSubject {
    /// All messages of this user.
    User(UserId),
    /// All messages of this conversation.
    Conversation(ConversationId),
}

impl fmt::Display for HoldSubject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user {user}"),
            Self::Conversation(conversation) => write!(f, "conversation {conversation}"),
        }
    }
}

/// A hold: the texts of its subject are not erased.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Hold {
    /// The subject.
    #[serde(flatten)]
    pub subject: HoldSubject,
    /// The administrator who has set the hold.
    pub by: String,
    /// The reason.
    pub why: String,
    /// The time at which it was set.
    pub at: Timestamp,
}

/// The record of an erasure on request.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Erasure {
    /// The user whose texts were erased.
    pub user: UserId,
    /// The administrator.
    pub by: String,
    /// The reason.
    pub why: String,
    /// The time.
    pub at: Timestamp,
    /// The last position of the journal at that time. Later messages are not erased.
    pub until: Position,
}

/// The reason that a hold or an erasure is not made.
#[derive(Debug, thiserror::Error)]
pub enum KeepingError {
    /// The file can't be read or written.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The hold exists already.
    #[error("there is a hold on this already, set by {} at {}: {}", .0.by, .0.at, .0.why)]
    Held(Box<Hold>),
    /// The database does not answer.
    #[error("the holds can't be read or changed: {}. Nothing was changed", .0.reason)]
    Unavailable(#[from] UnavailableError),
    /// No such user or conversation. A hold on a misspelt id would keep nothing.
    #[error(
        "nothing is known of the {0}, and nothing was changed. Check the id: chat-server users list shows all users, \
         and export --user the conversations of one"
    )]
    Unknown(HoldSubject),
    /// No such hold.
    #[error("there is no hold on {0}: chat-server hold list shows all")]
    NotHeld(HoldSubject),
    /// Too many holds.
    #[error("there are {HOLDS_MOST} holds: release one first")]
    TooMany,
    /// A text may be half erased.
    #[error("a step of erasing has yet to end: try again in a minute, or start the server again")]
    Busy,
    /// A bug; the log has its panic.
    #[error("this broke down: see the log of the server")]
    Broken,
    /// The reason is missing or too long.
    #[error("give a reason of at most {WHY_BYTES} bytes")]
    Why,
}

/// The content of the file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Keeping {
    version: u32,
    pub(crate) holds: Vec<Hold>,
    pub(crate) erasures: Vec<Erasure>,
}

impl Keeping {
    /// Holds and erasures.
    pub(crate) fn new(holds: Vec<Hold>, erasures: Vec<Erasure>) -> Self {
        Self { version: note::VERSION, holds, erasures }
    }

    /// Reads the file of a journal. A missing file has nothing.
    pub(in crate::store) fn read(journal: &Path) -> Result<Self, OpenError> {
        Ok(note::read(journal, NAME)?.unwrap_or_else(|| Self::new(Vec::new(), Vec::new())))
    }

    /// Logs a file that can't be read. The server works all the same, and erases nothing.
    pub(in crate::store) fn tell_damage(journal: &Path) {
        if let Err(error) = Self::read(journal) {
            tracing::error!(%error, "the holds can't be read");
        }
    }

    /// Removes the file of a journal.
    pub(in crate::store) fn remove(journal: &Path) -> io::Result<()> {
        fs::remove_file(journal.join(NAME))
    }

    /// Copies the file to another journal, unless it has nothing.
    pub(in crate::store) fn copy(&self, journal: &Path) -> Result<(), OpenError> {
        if self.holds.is_empty() && self.erasures.is_empty() { Ok(()) } else { self.write(journal) }
    }

    fn write(&self, journal: &Path) -> Result<(), OpenError> {
        note::write(journal, NAME, self).map_err(OpenError::io("write the holds in", journal))
    }

    /// Whether a hold covers the messages of this sender in this conversation. A hold on a
    /// conversation covers its notes.
    pub(in crate::store) fn holds(&self, conversation: &ConversationId, sender: &UserId) -> bool {
        self.holds.iter().any(|hold| match &hold.subject {
            HoldSubject::User(user) => user == sender,
            HoldSubject::Conversation(held) => held == conversation || held.as_str() == conversation.main(),
        })
    }

    /// Whether the text of a message was erased before: on request, or if `is_past` by retention.
    pub(in crate::store) fn is_erased(&self, message: &Erasable, is_past: bool) -> bool {
        let by_request =
            |erasure: &Erasure| erasure.user == message.sender && message.position <= erasure.until;
        let is_held = self.holds(&message.conversation, &message.sender);
        !is_held && (is_past || self.erasures.iter().any(by_request))
    }

    /// Checks whether a hold may be added.
    pub(crate) fn check_hold(&self, hold: &Hold) -> Result<(), KeepingError> {
        reason(&hold.why)?;
        self.check_free(&hold.subject)?;
        if self.holds.len() >= HOLDS_MOST { Err(KeepingError::TooMany) } else { Ok(()) }
    }

    /// Checks whether the texts of a user may be erased on request.
    pub(crate) fn check_erasure(&self, erasure: &Erasure) -> Result<(), KeepingError> {
        reason(&erasure.why)?;
        self.check_free(&HoldSubject::User(erasure.user.clone()))
    }

    /// Checks that there is no hold on a subject.
    fn check_free(&self, subject: &HoldSubject) -> Result<(), KeepingError> {
        match self.holds.iter().find(|held| held.subject == *subject) {
            Some(held) => Err(KeepingError::Held(Box::new(held.clone()))),
            None => Ok(()),
        }
    }

    /// Adds a hold.
    pub(in crate::store) fn hold(mut self, journal: &Path, hold: Hold) -> Result<(), KeepingError> {
        self.check_hold(&hold)?;
        self.holds.push(hold);
        Ok(self.write(journal)?)
    }

    /// Removes a hold.
    pub(in crate::store) fn release(
        mut self,
        journal: &Path,
        subject: &HoldSubject,
    ) -> Result<(), KeepingError> {
        let before = self.holds.len();
        self.holds.retain(|hold| hold.subject != *subject);
        if self.holds.len() == before {
            return Err(KeepingError::NotHeld(subject.clone()));
        }
        Ok(self.write(journal)?)
    }

    /// Records an erasure on request, before it begins. Refuses a user on hold.
    pub(in crate::store) fn erase(mut self, journal: &Path, erasure: Erasure) -> Result<(), KeepingError> {
        self.check_erasure(&erasure)?;
        self.erasures.retain(|known| known.user != erasure.user);
        if self.erasures.len() >= ERASURES_MOST {
            self.erasures.remove(0);
        }
        self.erasures.push(erasure);
        Ok(self.write(journal)?)
    }
}

fn reason(why: &str) -> Result<(), KeepingError> {
    if (1..=WHY_BYTES).contains(&why.trim().len()) { Ok(()) } else { Err(KeepingError::Why) }
}

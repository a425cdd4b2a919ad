//! Users and their roles.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::UserId;
use crate::limits::LONGEST_CLAIM;

/// The role of a user: the claim `role` of a token.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Bus driver, field staff.
    BusDriver,
    /// Regulator of a queue of buses, field staff.
    QueueRegulator,
    /// Staff of the control centre.
    ControlStaff,
    /// Administrator of the control centre.
    ControlAdmin,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 4] =
        [Self::BusDriver, Self::QueueRegulator, Self::ControlStaff, Self::ControlAdmin];

    /// Whether the role belongs to the control centre rather than to the field.
    pub fn is_control(self) -> bool {
        matches!(self, Self::ControlStaff | Self::ControlAdmin)
    }

    /// The role as written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BusDriver => "BUS_DRIVER",
            Self::QueueRegulator => "QUEUE_REGULATOR",
            Self::ControlStaff => "CONTROL_STAFF",
            Self::ControlAdmin => "CONTROL_ADMIN",
        }
    }
}

/// A user as shown in `participants`, in the order of the protocol document.
///
/// Names missing in the user's token are `""`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct User {
    /// The claim `sub`.
    pub id: UserId,
    /// The claim `email`.
    #[serde(default = "empty")]
    pub email: Arc<str>,
    /// The claim `role`.
    pub role: Role,
    /// The claim `first_name`.
    #[serde(default = "empty")]
    pub first_name: Arc<str>,
    /// The claim `last_name`.
    #[serde(default = "empty")]
    pub last_name: Arc<str>,
}

/// The sender of entries that the server writes. No token and no import may name this user.
pub const SERVER: &str = "chat:server";

/// The reader that stands for everybody in control, in `positions`. No token and no import may name
/// this user.
pub const CONTROL: &str = "chat:control";

/// The error of a user that the chat does not take.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum UserError {
    /// The id is empty.
    #[error("the id is empty")]
    NoId,
    /// The id is one of the server's own.
    #[error("the ids {SERVER} and {CONTROL} are reserved")]
    Reserved,
    /// A text is too long.
    #[error("{field} has more than {LONGEST_CLAIM} bytes")]
    TooLong {
        /// The name of the field.
        field: &'static str,
    },
}

fn empty() -> Arc<str> {
    Arc::from("")
}

impl User {
    /// Creates a user with an id and a role only.
    pub fn new(id: impl Into<UserId>, role: Role) -> Self {
        Self { id: id.into(), email: empty(), role, first_name: empty(), last_name: empty() }
    }

    /// Checks the id and the texts of a user from outside.
    ///
    /// # Errors
    ///
    /// The id is empty, [`SERVER`] or [`CONTROL`], or a text has more than [`LONGEST_CLAIM`] bytes.
    pub fn check(&self) -> Result<(), UserError> {
        if self.id.as_str().is_empty() {
            return Err(UserError::NoId);
        }
        if matches!(self.id.as_str(), SERVER | CONTROL) {
            return Err(UserError::Reserved);
        }
        let texts = [
            ("id", self.id.as_str()),
            ("email", &self.email),
            ("first_name", &self.first_name),
            ("last_name", &self.last_name),
        ];
        match texts.into_iter().find(|(_, text)| text.len() > LONGEST_CLAIM) {
            Some((field, _)) => Err(UserError::TooLong { field }),
            None => Ok(()),
        }
    }

    /// The first and last name, or the id if both are blank.
    pub fn display_name(&self) -> String {
        let is_blank = |name: &str| name.trim().is_empty();
        match (&*self.first_name, &*self.last_name) {
            (first, last) if is_blank(first) && is_blank(last) => self.id.to_string(),
            (first, last) if is_blank(last) => first.to_owned(),
            (first, last) if is_blank(first) => last.to_owned(),
            (first, last) => format!("{first} {last}"),
        }
    }
}

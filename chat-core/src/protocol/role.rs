//! Who takes part: roles and users.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::UserId;

/// What a user is, as the claim `role` of its token says.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Role {
    /// Drives a bus: field staff.
    BusDriver,
    /// Regulates a queue of buses: field staff.
    QueueRegulator,
    /// Works in the control centre.
    ControlStaff,
    /// Administers the control centre.
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

    /// The role as it travels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BusDriver => "BUS_DRIVER",
            Self::QueueRegulator => "QUEUE_REGULATOR",
            Self::ControlStaff => "CONTROL_STAFF",
            Self::ControlAdmin => "CONTROL_ADMIN",
        }
    }
}

/// A user as others see it in `participants`, in the order of the protocol document.
///
/// A name that the user's token lacks is `""`.
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

fn empty() -> Arc<str> {
    Arc::from("")
}

impl User {
    /// A user of whom only id and role are known.
    pub fn new(id: impl Into<UserId>, role: Role) -> Self {
        Self { id: id.into(), email: empty(), role, first_name: empty(), last_name: empty() }
    }

    /// First and last name as they were given, or the id if neither is known: a blank one shows nobody.
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

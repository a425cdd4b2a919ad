//! The columns of the table of requests.

use super::role::Role;

/// The rules of a request, from its row in the table of requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules {
    /// The roles that may send the request.
    pub roles: Roles,
    /// Whether the request is about one conversation, and so open only to its participants.
    pub membership: bool,
    /// The charge to the user's rates.
    pub rate: RateClass,
    /// The stored data that the reply shows.
    pub reads: Reads,
    /// Whether the request may be repeated under a `client_message_id` and is then done once. Every
    /// other request may be repeated as it is, without harm.
    pub once: bool,
}

/// The roles that may send a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Roles {
    /// Every role.
    All,
    /// Bus drivers and queue regulators.
    Field,
    /// Control staff and control admins.
    Control,
}

impl Roles {
    /// Whether a role is among these.
    pub fn include(self, role: Role) -> bool {
        match self {
            Self::All => true,
            Self::Field => !role.is_control(),
            Self::Control => role.is_control(),
        }
    }
}

/// The charge of a request to its user's rates. Each counts as one request too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RateClass {
    /// No further charge.
    Request,
    /// A message, with its bytes.
    Message,
    /// A conversation, with its bytes.
    Creation,
    /// The bytes of the reply.
    Page,
}

/// The stored data that a reply shows. A reply that shows any must show the effects of all earlier
/// requests of its connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reads {
    /// No data, or data that no earlier request changes.
    Nothing,
    /// The data of the moment.
    Stored,
    /// The messages that the client lacks. Live events wait until the reply has left, so that no
    /// event is lost between the two.
    Missed,
}

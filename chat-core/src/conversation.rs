//! A conversation, as stored and cached, and who takes part.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::id::{ConversationId, TeamId, UserId};
use crate::protocol::{CONTROL, ConversationStatus, Emergency, RoomType, Work};
use crate::store::MessageAppended;
use crate::time::Timestamp;

/// A conversation without its messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conversation {
    /// The id.
    pub id: ConversationId,
    /// The title with its prefix.
    pub title: Arc<str>,
    /// The room in which the conversation is filed. `EmergencySupport` marks an emergency.
    pub room_type: RoomType,
    /// The user who created the conversation.
    pub created_by: UserId,
    /// The time of creation: the `sent_at` of message 1.
    pub created_at: Timestamp,
    /// The teams and users who may see the conversation.
    pub participation: Participation,
    /// The number of changes of members, starting at 1. Messages and changes of accounts do not
    /// count.
    pub version: u64,
    /// The number of the newest message or entry, at least 1.
    pub last_seq: u64,
    /// The time of the newest message or entry.
    pub last_at: Timestamp,
    /// The number of the newest message of a user. Entries do not count.
    pub last_text_seq: u64,
    /// The time of the newest message of a user. Entries do not count.
    pub last_message_at: Timestamp,
    /// The work, as the last change has left it.
    pub work: Work,
    /// The emergency, as the last change has left it. An emergency from before they had a life has
    /// none, and counts as over.
    pub emergency: Option<Box<Emergency>>,
    /// The numbers of the messages whose orders wait for an answer.
    pub open_orders: Vec<u64>,
    /// Whether control has [notes](ConversationId::notes) beside the conversation.
    pub has_notes: bool,
}

impl Conversation {
    /// Takes in a new message or entry.
    pub fn append(&mut self, appended: &MessageAppended) {
        (self.last_seq, self.last_at) = (appended.seq, appended.sent_at);
        if appended.entry.is_none() {
            (self.last_text_seq, self.last_message_at) = (appended.seq, appended.sent_at);
        }
        if let Some(work) = &appended.work {
            self.work = work.clone();
        }
        if let Some(emergency) = &appended.emergency {
            self.emergency = Some(emergency.clone());
        }
        if let Some(order) = &appended.order {
            order.note_in(&mut self.open_orders);
        }
    }

    /// Whether the conversation has an emergency that is not over.
    pub fn is_live_emergency(&self) -> bool {
        self.emergency.as_ref().is_some_and(|emergency| emergency.is_live())
    }

    /// The status: inactive if silent for `inactive_after` or longer. Derived, so nothing needs to
    /// be stored or swept.
    pub fn status(&self, now: Timestamp, inactive_after: Duration) -> ConversationStatus {
        if self.last_message_at > now.minus(inactive_after) {
            ConversationStatus::Active
        } else {
            ConversationStatus::Inactive
        }
    }
}

/// The teams and users who take part in a conversation.
///
/// [`permission::takes_part`](crate::permission::takes_part) says who does. Members of a team are
/// not listed here: their accounts name the team.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Participation {
    /// The teams, at most [`TEAMS_MOST`](Self::TEAMS_MOST).
    pub teams: Vec<TeamId>,
    /// The users with a standing of their own: the creator, and users added or withdrawn by name.
    pub members: Members,
}

impl Participation {
    /// The limit of teams of one conversation.
    pub const TEAMS_MOST: usize = 8;

    /// The readers whose positions matter to the other side: control as a whole, and the members in
    /// whatever role. By id.
    pub fn readers(&self) -> BTreeSet<UserId> {
        let members = self.members.iter().filter(|(_, standing)| *standing == Standing::Member);
        members.map(|(user, _)| user.clone()).chain([UserId::from(CONTROL)]).collect()
    }
}

/// The standing of a user in a conversation, by name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// Nothing by name. The user takes part if one of the user's teams does.
    #[default]
    Unnamed,
    /// The user takes part, in whatever role.
    Member,
    /// The user was added while in control, and takes part while in control. In another role the
    /// membership sleeps: it counts again when the user returns to control.
    ControlMember,
    /// The user was withdrawn, and does not take part in any role.
    Withdrawn,
}

impl Standing {
    /// Whether there is nothing by name.
    pub fn is_unnamed(&self) -> bool {
        *self == Self::Unnamed
    }
}

/// The users with a standing of their own in a conversation, by id.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Members(Vec<(UserId, Standing)>);

impl Members {
    /// The standing of a user.
    pub fn standing(&self, user: &UserId) -> Standing {
        self.place(user).map_or(Standing::Unnamed, |place| self.0[place].1)
    }

    /// Sets the standing of a user.
    pub fn set(&mut self, user: UserId, standing: Standing) {
        match (self.place(&user), standing) {
            (Ok(place), Standing::Unnamed) => drop(self.0.remove(place)),
            (Ok(place), _) => self.0[place].1 = standing,
            (Err(_), Standing::Unnamed) => {}
            (Err(place), _) => self.0.insert(place, (user, standing)),
        }
    }

    /// The users with a standing, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&UserId, Standing)> {
        self.0.iter().map(|(user, standing)| (user, *standing))
    }

    /// Whether a user has a standing.
    pub fn names(&self, user: &str) -> bool {
        self.0.iter().any(|(id, _)| id.as_str() == user)
    }

    /// The number of users with a standing.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody has a standing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn place(&self, user: &UserId) -> Result<usize, usize> {
        self.0.binary_search_by(|(other, _)| other.cmp(user))
    }
}

impl FromIterator<(UserId, Standing)> for Members {
    fn from_iter<I: IntoIterator<Item = (UserId, Standing)>>(users: I) -> Self {
        let mut members = Self::default();
        users.into_iter().for_each(|(user, standing)| members.set(user, standing));
        members
    }
}

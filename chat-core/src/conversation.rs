//! A conversation, as stored and cached.

use std::sync::Arc;

use crate::id::{ConversationId, UserId};
use crate::protocol::{ConversationStatus, RoomType};
use crate::time::Timestamp;
use std::time::Duration;

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
    /// The users who may see the conversation.
    pub participants: Participants,
    /// The number of changes of `participants`, starting at 1. Messages do not count.
    pub version: u64,
    /// The number of the newest message, at least 1.
    pub last_seq: u64,
    /// The time of the newest message.
    pub last_message_at: Timestamp,
}

impl Conversation {
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

/// The participants of a conversation: a set with a fixed order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Participants(Vec<UserId>);

impl Participants {
    /// Whether the user takes part.
    pub fn contains(&self, user: &UserId) -> bool {
        self.0.binary_search(user).is_ok()
    }

    /// Adds a user. Returns `false` if the user took part already.
    pub fn insert(&mut self, user: UserId) -> bool {
        match self.0.binary_search(&user) {
            Ok(_) => false,
            Err(place) => {
                self.0.insert(place, user);
                true
            }
        }
    }

    /// Removes a user. Returns `false` if the user did not take part.
    pub fn remove(&mut self, user: &UserId) -> bool {
        self.0.binary_search(user).map(|place| self.0.remove(place)).is_ok()
    }

    /// All participants, by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &UserId> {
        self.0.iter()
    }

    /// The number of participants.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody takes part.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All participants in the order of replies: the creator first, if still present, then the
    /// others by id.
    pub fn creator_first<'a>(&'a self, creator: &'a UserId) -> impl Iterator<Item = &'a UserId> {
        let first = self.contains(creator).then_some(creator);
        first.into_iter().chain(self.0.iter().filter(move |user| *user != creator))
    }
}

impl FromIterator<UserId> for Participants {
    fn from_iter<I: IntoIterator<Item = UserId>>(users: I) -> Self {
        let mut users: Vec<_> = users.into_iter().collect();
        users.sort_unstable();
        users.dedup();
        Self(users)
    }
}

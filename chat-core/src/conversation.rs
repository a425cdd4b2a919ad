//! A conversation as the store holds it and the engine remembers it.

use std::sync::Arc;

use crate::id::{ConversationId, UserId};
use crate::protocol::{ConversationStatus, RoomType};
use crate::time::Timestamp;
use std::time::Duration;

/// What is known of a conversation beside its messages.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conversation {
    /// Its id.
    pub id: ConversationId,
    /// The title with its prefix.
    pub title: Arc<str>,
    /// The room that it is filed in; `EmergencySupport` makes it an emergency.
    pub room_type: RoomType,
    /// Who created it.
    pub created_by: UserId,
    /// When it was created: the `sent_at` of message 1.
    pub created_at: Timestamp,
    /// Who may see it.
    pub participants: Participants,
    /// Counts the changes of `participants`; messages do not count. Starts at 1.
    pub version: u64,
    /// The number of the newest message; at least 1.
    pub last_seq: u64,
    /// When the newest message was sent.
    pub last_message_at: Timestamp,
}

impl Conversation {
    /// Active, or silent for `inactive_after` or longer. Derived, so that nothing needs to be stored or swept.
    pub fn status(&self, now: Timestamp, inactive_after: Duration) -> ConversationStatus {
        match self.last_message_at > now.minus(inactive_after) {
            true => ConversationStatus::Active,
            false => ConversationStatus::Inactive,
        }
    }
}

/// The participants of a conversation: a set, with one order for all who write it down.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Participants(Vec<UserId>);

impl Participants {
    /// Whether the user takes part.
    pub fn contains(&self, user: &UserId) -> bool {
        self.0.binary_search(user).is_ok()
    }

    /// Adds a user; `false` if it took part already.
    pub fn insert(&mut self, user: UserId) -> bool {
        match self.0.binary_search(&user) {
            Ok(_) => false,
            Err(place) => {
                self.0.insert(place, user);
                true
            }
        }
    }

    /// Takes a user out; `false` if it did not take part.
    pub fn remove(&mut self, user: &UserId) -> bool {
        self.0.binary_search(user).map(|place| self.0.remove(place)).is_ok()
    }

    /// All of them by id.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &UserId> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nobody takes part.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// As replies show them: the creator first, if it still takes part, then the others by id.
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

//! The lists of conversations by their work, an addition to event 3.

use serde::{Deserialize, Serialize};

use super::work::{Work, WorkState};
use crate::id::UserId;

/// A list of conversations by their work, as one user in control sees it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WorkList {
    /// Nobody has taken the conversation. Field staff that waits longest comes first.
    Waiting,
    /// The user has taken the conversation.
    Mine,
    /// A colleague has taken the conversation.
    Others,
    /// The work is done. The newest comes first.
    Resolved,
}

impl WorkList {
    /// Every list.
    pub const ALL: [Self; 4] = [Self::Waiting, Self::Mine, Self::Others, Self::Resolved];

    /// The list as written in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Mine => "mine",
            Self::Others => "others",
            Self::Resolved => "resolved",
        }
    }
}

/// The numbers of conversations in the lists, each at most
/// [`WORK_COUNTED`](crate::store::WORK_COUNTED).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct WorkCounts {
    /// Conversations that nobody has taken.
    pub waiting: u32,
    /// Conversations that the user has taken.
    pub mine: u32,
    /// Conversations that colleagues have taken.
    pub others: u32,
    /// Conversations whose work is done.
    pub resolved: u32,
}

impl WorkCounts {
    /// Counts one more in a list, up to `most`.
    pub fn count(&mut self, list: WorkList, most: u32) {
        let count = match list {
            WorkList::Waiting => &mut self.waiting,
            WorkList::Mine => &mut self.mine,
            WorkList::Others => &mut self.others,
            WorkList::Resolved => &mut self.resolved,
        };
        *count = (*count + 1).min(most);
    }
}

impl Work {
    /// The list of a user that has a conversation with this work.
    pub fn list_of(&self, user: &UserId) -> WorkList {
        match (self.state, &self.assignee) {
            (WorkState::Resolved, _) => WorkList::Resolved,
            (WorkState::Taken, Some(assignee)) if assignee == user => WorkList::Mine,
            (WorkState::Taken, Some(_)) => WorkList::Others,
            (WorkState::Waiting | WorkState::Taken, _) => WorkList::Waiting,
        }
    }
}

//! The lists of conversations by their work: their order, and what belongs to them.

use super::{Account, ConversationPage};
use crate::conversation::{Conversation, Participation, Standing};
use crate::id::{ConversationId, UserId};
use crate::protocol::{Work, WorkCounts, WorkList, WorkState};
use crate::time::Timestamp;

/// The number up to which the conversations of a list are counted.
pub const WORK_COUNTED: u32 = 1_000;

/// The number of conversations that are searched for one page or one count. A page behind more
/// ends there, and goes on from [`WorkPage::next`].
pub const WORK_SEARCHED: usize = 2_048;

/// The data of [`Query::Work`](super::Query::Work).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WorkQuery {
    /// The user, in control.
    pub user: UserId,
    /// The list.
    pub list: WorkList,
    /// The beginning of the period of the lists: see [`WorkList::begins`](WorkList::begins).
    pub since: Timestamp,
    /// The place behind which the page begins, if any.
    pub after: Option<WorkPlace>,
    /// The limit of rows.
    pub limit: u32,
    /// The limit of members by name in all rows together.
    pub members: usize,
}

/// The place of a conversation in the lists by work.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct WorkPlace {
    /// The rank: see [`Work::rank`].
    pub rank: i64,
    /// The conversation.
    pub id: ConversationId,
}

impl WorkPlace {
    /// The place of a conversation.
    pub fn of(conversation: &Conversation) -> Self {
        Self { rank: conversation.work.rank(), id: conversation.id.clone() }
    }
}

/// A page of a list by work.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct WorkPage {
    /// The rows, in the order of their places.
    pub page: ConversationPage,
    /// The numbers of conversations in the four lists.
    pub counts: WorkCounts,
    /// The place behind which the next page begins, if there may be more.
    pub next: Option<WorkPlace>,
}

impl Work {
    /// Whether the work is not done.
    pub fn is_open(&self) -> bool {
        self.state != WorkState::Resolved
    }

    /// The rank in a list, lowest first: by the beginning of the waiting, those that nobody waits
    /// for last; and resolved conversations by the time of the resolution, the newest first.
    pub fn rank(&self) -> i64 {
        match (self.is_open(), self.waiting_since) {
            (true, Some(since)) => since.as_millis(),
            (true, None) => i64::MAX,
            (false, _) => -self.since.as_millis(),
        }
    }
}

impl WorkList {
    /// Whether the list has conversations that are not done.
    pub fn is_open(self) -> bool {
        self != Self::Resolved
    }

    /// The rank above which the list begins. Conversations from before work was known wait if field
    /// staff wrote last, however long ago. So a list leaves out waiting from before `since`, except
    /// for a user's own conversations.
    pub fn begins(self, since: Timestamp) -> i64 {
        match self {
            Self::Waiting | Self::Others => since.as_millis(),
            Self::Mine | Self::Resolved => i64::MIN,
        }
    }

    /// The rank below which the list ends, if any: resolutions from before `since` are left out.
    pub fn ends(self, since: Timestamp) -> Option<i64> {
        (self == Self::Resolved).then(|| -since.as_millis())
    }

    /// Whether a rank is within the list.
    pub fn covers(self, rank: i64, since: Timestamp) -> bool {
        rank > self.begins(since) && self.ends(since).is_none_or(|end| rank < end)
    }
}

/// Whether a conversation is a matter of this user: one of the user's teams, or one that the user
/// takes part in while in control. An own request for help from before is none.
pub fn answers_for(account: &Account, participation: &Participation) -> bool {
    let by_team = || participation.teams.iter().any(|team| account.teams.contains(team));
    account.is_active_control()
        && match participation.members.standing(&account.user.id) {
            Standing::Withdrawn => false,
            Standing::ControlMember => true,
            Standing::Member | Standing::Unnamed => by_team(),
        }
}

//! The policy that says which teams answer for which conversations.

use std::sync::Arc;

use super::Engine;
use crate::id::TeamId;
use crate::protocol::{Error, ErrorCode, RoomType, User};
use crate::store::{Account, CONTROL_TEAM, Change, control_team};
use crate::time::Timestamp;

/// The facts that the teams of a support conversation are chosen by.
#[derive(Clone, Copy, Debug)]
pub struct SupportRequest<'a> {
    /// The user asking for help.
    pub creator: &'a User,
    /// The title with its prefix.
    pub title: &'a str,
    /// The room in which the request is filed.
    pub room_type: RoomType,
}

/// A policy that files conversations with teams, and users in teams.
///
/// A user takes part in all conversations of the user's teams, those from before included. Both
/// answers are stored, so a changed policy takes effect for new conversations at once, for users in
/// control or in a team at the next start, and for other users when they connect or are imported.
///
/// A name of more than [`TeamId::BYTES_MOST`] bytes is refused: the request or the connection gets
/// `unavailable` with this reason, until the policy is mended. A name cut short could be that of
/// another team.
pub trait Teams: Send + Sync {
    /// The teams of a new support conversation. Asked once. More than
    /// [`TEAMS_MOST`](crate::conversation::Participation::TEAMS_MOST) are cut.
    fn of_request(&self, request: &SupportRequest<'_>) -> Vec<TeamId>;

    /// The teams of a user. More than [`TEAMS_MOST`](crate::store::Account::TEAMS_MOST) are cut.
    fn of_user(&self, user: &User) -> Vec<TeamId>;

    /// The account with the teams of its user.
    fn file(&self, account: Account, at: Timestamp) -> Account {
        let teams = self.of_user(&account.user);
        account.in_teams(teams, at)
    }

    /// The account with the teams of its user, or `None` if the teams are as before.
    fn file_anew(&self, account: &Account, at: Timestamp) -> Option<Account> {
        let filed = self.file(account.clone(), at);
        (filed.teams != account.teams).then_some(filed)
    }
}

/// A policy shared with the embedder, or by several engines.
impl<T: Teams + ?Sized> Teams for Arc<T> {
    fn of_request(&self, request: &SupportRequest<'_>) -> Vec<TeamId> {
        self.as_ref().of_request(request)
    }

    fn of_user(&self, user: &User) -> Vec<TeamId> {
        self.as_ref().of_user(user)
    }

    fn file(&self, account: Account, at: Timestamp) -> Account {
        self.as_ref().file(account, at)
    }

    fn file_anew(&self, account: &Account, at: Timestamp) -> Option<Account> {
        self.as_ref().file_anew(account, at)
    }
}

/// The default policy: one team of all control users, which answers for every conversation.
#[derive(Clone, Copy, Debug, Default)]
pub struct OneTeam;

impl Teams for OneTeam {
    fn of_request(&self, _: &SupportRequest<'_>) -> Vec<TeamId> {
        vec![CONTROL_TEAM.into()]
    }

    fn of_user(&self, user: &User) -> Vec<TeamId> {
        control_team(user).into_iter().collect()
    }
}

impl Engine {
    /// Refuses a change that names a team by a longer name than every store must take. One such
    /// change would make its whole batch unavailable.
    pub(super) fn check_teams(&self, change: &Change) -> Result<(), Error> {
        let teams = match change {
            Change::PutAccount(put) => put.account.teams.as_slice(),
            Change::CreateConversation(create) => &create.teams,
            Change::AppendMessage(_)
            | Change::AppendEntry(_)
            | Change::Escalate(_)
            | Change::ExpireOrder(_)
            | Change::MarkRead(_)
            | Change::Enrol(_)
            | Change::Withdraw(_) => &[],
        };
        if teams.iter().all(|team| team.as_str().len() <= TeamId::BYTES_MOST) {
            return Ok(());
        }
        let most = TeamId::BYTES_MOST;
        let detail = format!("the policy `Teams` names a team with more than {most} bytes");
        let retry_after = self.unavailable().retry_after;
        Err(Error { retry_after, ..Error::with_detail(ErrorCode::Unavailable, detail) })
    }
}

//! Accounts in the directory.

mod rules;
mod stored;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use rules::{Said, Source, TokenVerdict};
pub use stored::StoredAccount;

use crate::conversation::{Participation, Standing};
use crate::id::TeamId;
use crate::protocol::User;
use crate::time::Timestamp;

/// A user's account in the directory.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(from = "AccountRecord")]
pub struct Account {
    /// The data that others see.
    #[serde(flatten)]
    pub user: User,
    /// `false` once deactivated: the user may not connect, and takes part in nothing.
    pub active: bool,
    /// The user's teams, in order, at most [`TEAMS_MOST`](Self::TEAMS_MOST).
    pub teams: Vec<TeamId>,
    /// The time at which the user first joined each team, kept when the user leaves. Older messages
    /// do not count as unread. A team without a time was joined before this field existed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub joined: BTreeMap<TeamId, Timestamp>,
    /// The source and time of the last change. `None` for accounts stored before this field
    /// existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<Said>,
    /// The time when import or administration last decided the role or activity. An older token is
    /// refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<Timestamp>,
    /// Whether an import has decided the role. A token without `iat` can't change such a role.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub role_imported: bool,
}

/// An account as serialized, by this version or an older one.
#[derive(Deserialize)]
struct AccountRecord {
    #[serde(flatten)]
    user: User,
    active: bool,
    /// `None` in records written before accounts named their teams.
    teams: Option<Vec<TeamId>>,
    #[serde(default)]
    joined: BTreeMap<TeamId, Timestamp>,
    said: Option<Said>,
    decided_at: Option<Timestamp>,
    #[serde(default)]
    role_imported: bool,
}

impl From<AccountRecord> for Account {
    /// Before accounts named their teams, everybody in control was in the one team.
    fn from(record: AccountRecord) -> Self {
        let AccountRecord { user, active, teams, joined, said, decided_at, role_imported } = record;
        let teams = teams.unwrap_or_else(|| control_team(&user).into_iter().collect());
        Self { user, active, teams, joined, said, decided_at, role_imported }
    }
}

/// The name of the team of all control users.
pub const CONTROL_TEAM: &str = "control";

/// The team of all control users, if the user is one.
pub(crate) fn control_team(user: &User) -> Option<TeamId> {
    user.role.is_control().then(|| CONTROL_TEAM.into())
}

impl Account {
    /// The limit of teams of one user.
    pub const TEAMS_MOST: usize = 32;

    /// Creates an active account from the user's data alone, in no team.
    pub fn new(user: User) -> Self {
        Self {
            user,
            active: true,
            teams: Vec::new(),
            joined: BTreeMap::new(),
            said: None,
            decided_at: None,
            role_imported: false,
        }
    }

    /// Whether the user is in control, and may connect.
    pub fn is_active_control(&self) -> bool {
        self.active && self.user.role.is_control()
    }

    /// Whether both accounts give the same rights: activity, role and teams.
    pub fn has_same_rights(&self, other: &Self) -> bool {
        (self.active, self.user.role, &self.teams) == (other.active, other.user.role, &other.teams)
    }

    /// Whether an engine knows the user from its start: active, and in control or in a team.
    pub fn is_staff(&self) -> bool {
        self.active && (self.user.role.is_control() || !self.teams.is_empty())
    }

    /// The account in these teams from now on. More teams than [`TEAMS_MOST`](Self::TEAMS_MOST) are
    /// cut to the first by name.
    #[must_use]
    pub fn in_teams(mut self, mut teams: Vec<TeamId>, at: Timestamp) -> Self {
        teams.sort_unstable();
        teams.dedup();
        teams.truncate(Self::TEAMS_MOST);
        // A team that was joined before times were kept counts as joined at the beginning.
        let beginning = Timestamp::from_millis(i64::MIN);
        for left in &self.teams {
            self.joined.entry(left.clone()).or_insert(beginning);
        }
        for team in &teams {
            self.joined.entry(team.clone()).or_insert(at);
        }
        if self.joined.len() > Self::TEAMS_MOST {
            self.joined.retain(|team, _| teams.contains(team));
        }
        self.teams = teams;
        self
    }

    /// The time at which the user first joined one of these teams. Messages of a conversation of
    /// the teams count as unread from then on, unless the user is a member by name. `None` is the
    /// beginning.
    pub fn joined_at(&self, teams: &[TeamId]) -> Option<Timestamp> {
        let own = teams.iter().filter(|team| self.teams.contains(team));
        own.map(|team| self.joined.get(team).copied()).min().flatten()
    }

    /// The time from which a conversation's messages count as unread for the user. `None` is the
    /// beginning, as for every member by name.
    pub fn unread_since(&self, Participation { teams, members }: &Participation) -> Option<Timestamp> {
        match members.standing(&self.user.id) {
            Standing::Member | Standing::ControlMember => None,
            Standing::Unnamed | Standing::Withdrawn => self.joined_at(teams),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Role;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_millis(1_705_314_600_400 + seconds * 1_000)
    }

    fn account() -> Account {
        Account::new(User::new("sam", Role::BusDriver))
    }

    fn teams(names: &[&str]) -> Vec<TeamId> {
        names.iter().map(|name| TeamId::from(*name)).collect()
    }

    #[test]
    fn a_team_is_joined_once() {
        let first = account().in_teams(teams(&["b", "a", "b"]), at(1));
        assert_eq!(first.teams, teams(&["a", "b"]));
        let later = first.in_teams(teams(&["c"]), at(2)).in_teams(teams(&["a", "c"]), at(3));
        assert_eq!(later.joined_at(&teams(&["a"])), Some(at(1)), "kept over leaving and returning");
        assert_eq!(later.joined_at(&teams(&["c"])), Some(at(2)));
        assert_eq!(later.joined_at(&teams(&["c", "a"])), Some(at(1)), "the first of both");
        assert_eq!(later.joined_at(&teams(&["b"])), None, "not a team of the user any more");
    }

    #[test]
    fn an_account_of_before_teams_is_in_the_team_of_control() {
        let old = r#"{"id":"sam","email":"","role":"CONTROL_STAFF","first_name":"","last_name":"",
            "active":true,"enrolment_due":false}"#;
        let old: Account = serde_json::from_str(old).unwrap();
        assert_eq!((&old.teams, old.joined_at(&old.teams)), (&teams(&[CONTROL_TEAM]), None));
        let back = old.in_teams(Vec::new(), at(1)).in_teams(teams(&[CONTROL_TEAM]), at(2));
        assert!(back.joined_at(&back.teams) < Some(Timestamp::from_millis(0)), "still from the beginning");
        let again: Account = serde_json::from_str(&serde_json::to_string(&back).unwrap()).unwrap();
        assert_eq!(again, back);
    }

    #[test]
    fn teams_are_bounded() {
        let many = |prefix: &str| (0..99).map(|number| TeamId::from(format!("{prefix}{number}"))).collect();
        let account = account().in_teams(many("a"), at(1)).in_teams(many("b"), at(2));
        assert_eq!((account.teams.len(), account.joined.len()), (Account::TEAMS_MOST, Account::TEAMS_MOST));
    }
}

//! The known staff: control users, and users of teams.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::conversation::{Conversation, Standing};
use crate::id::{TeamId, UserId};
use crate::store::{Position, StoredAccount};
use crate::work::may_have;

/// All active users in control or in a team. Bounded by the staff of a control centre, some
/// thousands at most.
#[derive(Default)]
pub(super) struct StaffDirectory {
    staff: BTreeMap<UserId, Arc<StoredAccount>>,
    teams: BTreeMap<TeamId, BTreeSet<UserId>>,
    /// The minimum position of facts about accounts: the last applied change of an account.
    position: Position,
}

impl StaffDirectory {
    pub(super) fn replace(&mut self, staff: Vec<StoredAccount>) {
        (self.staff, self.teams) = (BTreeMap::new(), BTreeMap::new());
        staff.into_iter().for_each(|stored| self.put(stored));
    }

    /// Applies a change of an account. Older facts about accounts are loaded again.
    pub(super) fn apply(&mut self, stored: StoredAccount) {
        self.position = self.position.max(stored.position);
        self.put(stored);
    }

    /// Whether facts about accounts lack an applied change.
    pub(super) fn is_newer_than(&self, position: Position) -> bool {
        position < self.position
    }

    fn put(&mut self, stored: StoredAccount) {
        let account = &stored.account;
        let id = &account.user.id;
        if let Some(known) = self.staff.remove(id) {
            for team in &known.account.teams {
                self.teams.get_mut(team).map(|users| users.remove(id));
            }
            self.teams.retain(|_, users| !users.is_empty());
        }
        if account.is_staff() {
            for team in &account.teams {
                self.teams.entry(team.clone()).or_default().insert(id.clone());
            }
            self.staff.insert(id.clone(), Arc::new(stored));
        }
    }

    /// All active users in control or in a team, by id.
    pub(super) fn staff(&self) -> impl Iterator<Item = &Arc<StoredAccount>> {
        self.staff.values()
    }

    /// The account of an active user in control or in a team.
    pub(super) fn account(&self, user: &UserId) -> Option<&Arc<StoredAccount>> {
        self.staff.get(user)
    }

    /// Whether a user is active and in control.
    pub(super) fn is_control(&self, user: &UserId) -> bool {
        self.staff.get(user).is_some_and(|known| known.user().role.is_control())
    }

    /// Whether a user may have the work on a conversation.
    pub(super) fn may_have(&self, user: &UserId, conversation: &Conversation) -> bool {
        let known = self.staff.get(user);
        known.is_some_and(|known| may_have(&known.account, &conversation.participation))
    }

    /// The participants of a conversation: the creator first, then the other members and the active
    /// users of the teams, each by id.
    pub(super) fn participants<'a>(&'a self, conversation: &'a Conversation) -> Vec<&'a UserId> {
        let members = &conversation.participation.members;
        let takes_part = |user: &UserId, standing| match standing {
            Standing::Member => true,
            Standing::ControlMember => self.is_control(user),
            Standing::Unnamed | Standing::Withdrawn => false,
        };
        let by_name = members.iter().filter(|(user, standing)| takes_part(user, *standing));
        let by_team = self.of_teams(&conversation.participation.teams).into_iter();
        let by_team = by_team.filter(|user| members.standing(user) == Standing::Unnamed);
        let mut participants: Vec<_> = by_name.map(|(user, _)| user).chain(by_team).collect();
        if let Some(place) = participants.iter().position(|user| **user == conversation.created_by) {
            participants[..=place].rotate_right(1);
        }
        participants
    }

    /// The active users of these teams, each once.
    fn of_teams<'a>(&'a self, teams: &[TeamId]) -> Vec<&'a UserId> {
        let users = teams.iter().filter_map(|team| self.teams.get(team));
        match users.clone().count() {
            0 | 1 => users.flatten().collect(),
            _ => users.flatten().collect::<BTreeSet<_>>().into_iter().collect(),
        }
    }
}

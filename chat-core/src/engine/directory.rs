//! The users of the control centre that are known.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::assignment::{Assignment, SupportRequest};
use crate::conversation::Participants;
use crate::id::UserId;
use crate::protocol::User;
use crate::store::{Account, Position};

/// All active control users. Bounded by who works there: some thousands at the very most.
///
/// A user is taken up when the change is on its way, not when it is committed: a conversation that is decided later
/// then has it as a participant, and one that was decided earlier is committed earlier, so that the enrolment job
/// finds it.
#[derive(Default)]
pub(super) struct Directory {
    control: BTreeMap<UserId, Arc<User>>,
    /// Facts about accounts must be at least this new: the last change of one that was applied.
    position: Position,
}

impl Directory {
    pub(super) fn replace(&mut self, control: Vec<Account>) {
        self.control = control.into_iter().map(|a| (a.user.id.clone(), Arc::new(a.user))).collect();
    }

    /// Facts about accounts that are older than this change must be loaded again.
    pub(super) fn applied(&mut self, position: Position) {
        self.position = self.position.max(position);
    }

    /// Whether facts about accounts lack a change that was applied.
    pub(super) fn is_newer_than(&self, position: Position) -> bool {
        position < self.position
    }

    pub(super) fn put(&mut self, account: &Account) {
        match account.is_active_control() {
            true => self.control.insert(account.user.id.clone(), Arc::new(account.user.clone())),
            false => self.control.remove(&account.user.id),
        };
    }

    /// Whether this is an active control user.
    pub(super) fn knows(&self, user: &UserId) -> bool {
        self.control.contains_key(user)
    }

    /// The creator, and whoever the assignment gives, cut at `most`.
    pub(super) fn participants(
        &self,
        assignment: &dyn Assignment,
        request: SupportRequest<'_>,
        most: usize,
    ) -> Participants {
        let assigned = self.control.iter().filter(|(_, user)| assignment.takes_part(request, user));
        let assigned = assigned.map(|(id, _)| id.clone()).take(most.saturating_sub(1));
        std::iter::once(request.created_by.clone()).chain(assigned).collect()
    }
}

//! The users of the control centre that are known.

use std::collections::{BTreeMap, BTreeSet};
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
pub(super) struct ControlDirectory {
    control: BTreeMap<UserId, Arc<User>>,
    /// Users who were in control until their role or activity changed, and whose enrolment has not ended in the store yet.
    /// They take part in what they created alone. Bounded as `control` is.
    leaving: BTreeSet<UserId>,
    /// Facts about accounts must be at least this new: the last change of one that was applied.
    position: Position,
}

impl ControlDirectory {
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
        let id = &account.user.id;
        if account.is_active_control() {
            self.control.insert(id.clone(), Arc::new(account.user.clone()));
            self.leaving.remove(id);
            return;
        }
        let was_control = self.control.remove(id).is_some();
        match account.enrolment_due {
            true if was_control => drop(self.leaving.insert(id.clone())),
            true => {}
            false => drop(self.leaving.remove(id)),
        }
    }

    /// Takes up those whose enrolment has not ended when the directory is loaded.
    pub(super) fn replace_leaving(&mut self, due: &[Account]) {
        let leaving = due.iter().filter(|account| !account.is_active_control());
        self.leaving = leaving.map(|account| account.user.id.clone()).collect();
    }

    /// Whether a user was in control and may still be stored as a participant of what it took part in as such.
    pub(super) fn leaves(&self, user: &UserId) -> bool {
        self.leaving.contains(user)
    }

    /// Whether a user may be stored as a participant because of a control role, of now or of before.
    pub(super) fn is_or_was_control(&self, user: &UserId) -> bool {
        self.knows(user) || self.leaves(user)
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

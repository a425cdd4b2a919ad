//! The known users of the control centre.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::assignment::{Assignment, SupportRequest};
use crate::conversation::Participants;
use crate::id::UserId;
use crate::protocol::User;
use crate::store::{Account, Position};

/// All active control users. Bounded by the staff of a control centre, some thousands at most.
///
/// A user is recorded when the change is queued, not when the change is committed. A conversation
/// decided later then includes the user. A conversation decided earlier is committed earlier, so
/// the enrolment job finds it.
#[derive(Default)]
pub(super) struct ControlDirectory {
    control: BTreeMap<UserId, Arc<User>>,
    /// Former control users whose enrolment has not ended in the store yet. Such a user takes part
    /// only in conversations of their own. Bounded like `control`.
    leaving: BTreeSet<UserId>,
    /// The minimum position of facts about accounts: the last applied change of an account.
    position: Position,
}

impl ControlDirectory {
    pub(super) fn replace(&mut self, control: Vec<Account>) {
        self.control = control.into_iter().map(|a| (a.user.id.clone(), Arc::new(a.user))).collect();
    }

    /// Records the position of an applied change. Older facts about accounts are loaded again.
    pub(super) fn applied(&mut self, position: Position) {
        self.position = self.position.max(position);
    }

    /// Whether facts about accounts lack an applied change.
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
        if !account.enrolment_due {
            self.leaving.remove(id);
        } else if was_control {
            self.leaving.insert(id.clone());
        }
    }

    /// Records the users whose enrolment has not ended when the directory is loaded.
    pub(super) fn replace_leaving(&mut self, due: &[Account]) {
        let leaving = due.iter().filter(|account| !account.is_active_control());
        self.leaving = leaving.map(|account| account.user.id.clone()).collect();
    }

    /// Whether a former control user may still be stored as a participant because of the old role.
    pub(super) fn leaves(&self, user: &UserId) -> bool {
        self.leaving.contains(user)
    }

    /// Whether a user may be stored as a participant because of a present or former control role.
    pub(super) fn is_or_was_control(&self, user: &UserId) -> bool {
        self.knows(user) || self.leaves(user)
    }

    /// Whether the user is an active control user.
    pub(super) fn knows(&self, user: &UserId) -> bool {
        self.control.contains_key(user)
    }

    /// The creator and the assigned control users, at most `most` in all.
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

//! The rules of the work on a conversation: how messages and requests change it.
//!
//! All functions are pure. [`Batch::judge`](crate::store::Batch::judge) decides with them, and each
//! event carries the work that it leaves. So stores, engines and clients apply events without the
//! rules.

use crate::conversation::Participation;
use crate::id::UserId;
use crate::permission::takes_part;
use crate::protocol::{Role, User, Work, WorkAction, WorkState};
use crate::store::Account;
use crate::time::Timestamp;

/// The reason why an action is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WorkRefusal {
    /// The action does not fit the state.
    State,
    /// The conversation is a colleague's, and the user is no admin.
    Colleague,
}

/// The time and the number of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// The number.
    pub seq: u64,
    /// The time.
    pub at: Timestamp,
}

/// Whether a user may have a conversation: active, in control, and a participant.
pub fn may_have(account: &Account, participation: &Participation) -> bool {
    account.user.role.is_control() && takes_part(account, participation)
}

impl Work {
    /// The work on a conversation that field staff has begun.
    pub fn begun(at: Timestamp) -> Self {
        Self { state: WorkState::Waiting, assignee: None, since: at, waiting_since: Some(at), version: 0 }
    }

    /// The work on a conversation that this control user has started.
    pub fn started(by: UserId, at: Timestamp) -> Self {
        Self { state: WorkState::Taken, assignee: Some(by), since: at, waiting_since: None, version: 1 }
    }

    /// The work on notes, which is none: over, and in no list.
    pub(crate) fn none(at: Timestamp) -> Self {
        Self { state: WorkState::Resolved, assignee: None, since: at, waiting_since: None, version: 1 }
    }

    /// The assignee of a conversation that is taken.
    pub fn taken_by(&self) -> Option<&UserId> {
        self.assignee.as_ref().filter(|_| self.state == WorkState::Taken)
    }

    /// The work without its assignee. An assignee counts as nobody after the loss of the role or
    /// the part, and after a deactivation.
    #[must_use]
    pub fn left(self) -> Self {
        let state = if self.state == WorkState::Taken { WorkState::Waiting } else { self.state };
        Self { state, assignee: None, ..self }
    }

    /// The work, without its assignee if `may_have` is false.
    #[must_use]
    pub fn seen(self, may_have: impl FnOnce(&UserId) -> bool) -> Self {
        if self.assignee.as_ref().is_none_or(may_have) { self } else { self.left() }
    }

    /// The work after a message of a user, or `None` if the message changes nothing.
    ///
    /// A message of field staff begins the waiting, and reopens a resolved conversation. A message
    /// of control ends the waiting, and takes a conversation that nobody has.
    pub fn after_message(&self, sender: &User, moment: Moment) -> Option<Self> {
        let waiting_since = self.waiting_after(sender.role, moment.at);
        let after = match (sender.role.is_control(), self.state) {
            (true, WorkState::Waiting) => self.to(WorkState::Taken, Some(sender.id.clone()), moment),
            (false, WorkState::Resolved) => self.reopened(moment),
            (true, WorkState::Taken | WorkState::Resolved)
            | (false, WorkState::Waiting | WorkState::Taken) => self.clone(),
        };
        let after = Self { waiting_since, ..after };
        (after != *self).then_some(after)
    }

    /// The work after a message from before work was known: a conversation waits if field staff
    /// wrote last, and nobody has one. `None` if the message changes nothing.
    pub fn after_old_message(&self, sender: Role, at: Timestamp) -> Option<Self> {
        let state = if sender.is_control() { WorkState::Resolved } else { WorkState::Waiting };
        let waiting_since = self.waiting_after(sender, at);
        let since = if state == self.state { self.since } else { at };
        let after = Self { state, since, waiting_since, ..self.clone() };
        (self.version == 0 && after != *self).then_some(after)
    }

    fn waiting_after(&self, sender: Role, at: Timestamp) -> Option<Timestamp> {
        if sender.is_control() { None } else { self.waiting_since.or(Some(at)) }
    }

    /// The work after an action of a user. `to` is the new assignee of a transfer.
    ///
    /// Everybody in control takes a conversation that nobody has, changes an own one, and reopens.
    /// Admins change any.
    ///
    /// # Errors
    ///
    /// The state or the user does not allow the action.
    pub fn after_action(
        &self,
        action: WorkAction,
        actor: &User,
        to: Option<&UserId>,
        moment: Moment,
    ) -> Result<Self, WorkRefusal> {
        let is_admin = actor.role == Role::ControlAdmin;
        let has = self.taken_by();
        let is_own = has == Some(&actor.id);
        let may_change = is_own || is_admin;
        match (action, self.state) {
            (WorkAction::Take, WorkState::Taken) if is_own || !is_admin => Err(WorkRefusal::State),
            (WorkAction::Take, WorkState::Waiting | WorkState::Taken) => {
                Ok(self.to(WorkState::Taken, Some(actor.id.clone()), moment))
            }
            (WorkAction::Transfer, WorkState::Waiting | WorkState::Taken) if may_change && has != to => {
                Ok(self.to(WorkState::Taken, to.cloned(), moment))
            }
            (WorkAction::Transfer, WorkState::Taken) if may_change => Err(WorkRefusal::State),
            (WorkAction::Release, WorkState::Taken) if may_change => {
                Ok(self.to(WorkState::Waiting, None, moment))
            }
            (WorkAction::Resolve, WorkState::Waiting | WorkState::Taken) if may_change => Ok(Self {
                waiting_since: None,
                ..self.to(WorkState::Resolved, self.assignee.clone(), moment)
            }),
            (WorkAction::Reopen, WorkState::Resolved) => Ok(self.reopened(moment)),
            (WorkAction::Transfer | WorkAction::Resolve, WorkState::Waiting | WorkState::Taken)
            | (WorkAction::Release, WorkState::Taken) => Err(WorkRefusal::Colleague),
            (WorkAction::Take | WorkAction::Transfer | WorkAction::Resolve, WorkState::Resolved)
            | (WorkAction::Release, WorkState::Waiting | WorkState::Resolved)
            | (WorkAction::Reopen, WorkState::Waiting | WorkState::Taken) => Err(WorkRefusal::State),
        }
    }

    /// The work once resumed: by whoever had it, or by nobody yet.
    fn reopened(&self, moment: Moment) -> Self {
        let state = if self.assignee.is_some() { WorkState::Taken } else { WorkState::Waiting };
        self.to(state, self.assignee.clone(), moment)
    }

    fn to(&self, state: WorkState, assignee: Option<UserId>, moment: Moment) -> Self {
        Self { state, assignee, since: moment.at, waiting_since: self.waiting_since, version: moment.seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Moment = Moment { seq: 9, at: Timestamp::from_millis(9_000) };

    fn user(id: &str, role: Role) -> User {
        User::new(id, role)
    }

    fn work(state: WorkState, assignee: Option<&str>) -> Work {
        let (at, assignee) = (Timestamp::from_millis(1_000), assignee.map(UserId::from));
        Work { state, assignee, since: at, waiting_since: Some(at), version: 4 }
    }

    /// The state and assignee after an action, or the letter of the refusal.
    fn after(before: &Work, action: WorkAction, actor: &User) -> String {
        match before.after_action(action, actor, Some(&"kim".into()), MOMENT) {
            Ok(after) => {
                assert_eq!((after.version, after.since), (MOMENT.seq, MOMENT.at));
                format!("{} {}", after.state.as_str(), after.assignee.as_ref().map_or("-", UserId::as_str))
            }
            Err(WorkRefusal::State) => "state".to_owned(),
            Err(WorkRefusal::Colleague) => "colleague".to_owned(),
        }
    }

    /// The table of PROTOCOL.md: take, release, transfer to Kim, resolve, reopen.
    #[test]
    fn every_action_in_every_state_by_staff_and_by_an_admin() {
        let (staff, admin) = (user("jane", Role::ControlStaff), user("ada", Role::ControlAdmin));
        let (waiting, own) = (work(WorkState::Waiting, None), work(WorkState::Taken, Some("jane")));
        let others = work(WorkState::Taken, Some("bob"));
        let resolved = work(WorkState::Resolved, Some("bob"));
        for (before, actor, expected) in [
            (&waiting, &staff, ["TAKEN jane", "state", "colleague", "colleague", "state"]),
            (&waiting, &admin, ["TAKEN ada", "state", "TAKEN kim", "RESOLVED -", "state"]),
            (&own, &staff, ["state", "WAITING -", "TAKEN kim", "RESOLVED jane", "state"]),
            (&own, &admin, ["TAKEN ada", "WAITING -", "TAKEN kim", "RESOLVED jane", "state"]),
            (&others, &staff, ["state", "colleague", "colleague", "colleague", "state"]),
            (&others, &admin, ["TAKEN ada", "WAITING -", "TAKEN kim", "RESOLVED bob", "state"]),
            (&resolved, &staff, ["state", "state", "state", "state", "TAKEN bob"]),
            (&resolved, &admin, ["state", "state", "state", "state", "TAKEN bob"]),
        ] {
            let found = WorkAction::ALL.map(|action| after(before, action, actor));
            assert_eq!(found, expected, "{before:?} by {actor:?}");
        }
        let kims = work(WorkState::Taken, Some("kim"));
        assert_eq!(after(&kims, WorkAction::Transfer, &admin), "state", "Kim has it already");
        let nobodys = work(WorkState::Resolved, None);
        assert_eq!(after(&nobodys, WorkAction::Reopen, &staff), "WAITING -");
    }

    #[test]
    fn a_message_takes_or_reopens_and_moves_the_waiting() {
        let (driver, staff) = (user("driver", Role::BusDriver), user("jane", Role::ControlStaff));
        let begun = Work::begun(Timestamp::from_millis(1_000));
        assert_eq!(begun.after_message(&driver, MOMENT), None, "the driver waits since the first message");
        let taken = begun.after_message(&staff, MOMENT).unwrap();
        assert_eq!((taken.state, taken.taken_by()), (WorkState::Taken, Some(&"jane".into())));
        assert_eq!((taken.version, taken.waiting_since), (9, None));
        let colleague = user("bob", Role::ControlStaff);
        assert_eq!(taken.after_message(&colleague, MOMENT), None, "the assignee stays");
        let later = Moment { seq: 10, at: Timestamp::from_millis(10_000) };
        let waits = taken.after_message(&driver, later).unwrap();
        assert_eq!((waits.waiting_since, waits.version), (Some(later.at), 9), "no entry");
        let resolved = waits.after_action(WorkAction::Resolve, &staff, None, later).unwrap();
        assert_eq!((resolved.state, resolved.waiting_since), (WorkState::Resolved, None));
        assert_eq!(resolved.after_message(&staff, later), None, "a word after the end");
        let again = resolved.after_message(&driver, Moment { seq: 11, ..later }).unwrap();
        assert_eq!((again.taken_by(), again.version), (Some(&"jane".into()), 11));
        assert_eq!(again.waiting_since, Some(later.at));
    }

    #[test]
    fn an_assignee_who_may_not_have_it_is_nobody() {
        let taken = work(WorkState::Taken, Some("jane"));
        assert_eq!(taken.clone().seen(|_| true), taken);
        let left = taken.clone().seen(|_| false);
        assert_eq!(left, Work { state: WorkState::Waiting, assignee: None, ..taken });
        let resolved = work(WorkState::Resolved, Some("jane")).seen(|_| false);
        assert_eq!((resolved.state, resolved.assignee), (WorkState::Resolved, None));
    }

    #[test]
    fn before_work_was_known_a_conversation_waits_if_field_staff_wrote_last() {
        let begun = Work::begun(Timestamp::from_millis(1_000));
        let answered = begun.after_old_message(Role::ControlStaff, MOMENT.at).unwrap();
        assert_eq!((answered.state, answered.waiting_since), (WorkState::Resolved, None));
        let asked = answered.after_old_message(Role::BusDriver, MOMENT.at).unwrap();
        assert_eq!((asked.state, asked.waiting_since), (WorkState::Waiting, Some(MOMENT.at)));
        assert_eq!(asked.after_old_message(Role::BusDriver, Timestamp::from_millis(99)), None);
        let taken = asked.after_message(&user("jane", Role::ControlStaff), MOMENT).unwrap();
        assert_eq!(taken.after_old_message(Role::BusDriver, MOMENT.at), None, "not from before");
    }
}

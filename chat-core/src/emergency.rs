//! The rules of the life of an emergency: how work, requests and time change it.
//!
//! All functions are pure. [`Batch::judge`](crate::store::Batch::judge) decides with them, and each
//! event carries the emergency that it leaves.

use std::time::Duration;

use crate::id::UserId;
use crate::protocol::{Emergency, EmergencyReason, EmergencyState, Work, WorkState};
use crate::time::Timestamp;
use crate::work::Moment;

/// The pause between the press and the first alert.
const FIRST_PAUSE: Duration = Duration::from_secs(30);

/// The pause between alerts below the highest level.
const PAUSE: Duration = Duration::from_mins(1);

/// The pause between alerts at the highest level.
const LAST_PAUSE: Duration = Duration::from_mins(10);

impl Emergency {
    /// The highest level. Alerts go on, at longer pauses.
    pub const LEVEL_MOST: u32 = 5;

    /// An emergency at the press.
    pub fn raised(at: Timestamp) -> Self {
        let (state, level, version) = (EmergencyState::Open, 0, 1);
        Self { state, level, by: None, since: at, reason: None, version, alerted_at: at }
    }

    /// Whether the emergency is not over.
    pub fn is_live(&self) -> bool {
        self.state != EmergencyState::Ended
    }

    /// The pause after the last alert until the next one, or `None` if none is needed.
    pub fn pause(&self) -> Option<Duration> {
        let pause = match self.level {
            0 => FIRST_PAUSE,
            1..Self::LEVEL_MOST => PAUSE,
            Self::LEVEL_MOST.. => LAST_PAUSE,
        };
        (self.state == EmergencyState::Open).then_some(pause)
    }

    /// The emergency, open if it is taken and `may_have` is false for the user who has it.
    #[must_use]
    pub fn seen(self, may_have: impl FnOnce(&UserId) -> bool) -> Self {
        let is_left = self.state == EmergencyState::Taken && !self.by.as_ref().is_some_and(may_have);
        if is_left { Self { state: EmergencyState::Open, by: None, ..self } } else { self }
    }

    /// The emergency after a change of the work by a user, or `None` if nothing changes.
    ///
    /// Whoever has the conversation has the emergency. A conversation that goes back to the team
    /// opens the emergency again, and a resolved one has ended it.
    pub fn after_work(&self, work: &Work, actor: &UserId, moment: Moment) -> Option<Self> {
        let (state, by, reason) = match work.state {
            WorkState::Waiting => (EmergencyState::Open, None, None),
            WorkState::Taken => (EmergencyState::Taken, work.assignee.clone(), None),
            WorkState::Resolved => {
                (EmergencyState::Ended, Some(actor.clone()), Some(EmergencyReason::Solved))
            }
        };
        let is_same = (state, &by) == (self.state, &self.by);
        (self.is_live() && !is_same).then(|| self.to(state, by, reason, moment))
    }

    /// The emergency after an alert, or `None` if no alert of this level is needed.
    pub fn escalated(&self, level: u32, at: Timestamp) -> Option<Self> {
        let is_needed = self.state == EmergencyState::Open && self.level == level;
        let level = (level + 1).min(Self::LEVEL_MOST);
        is_needed.then(|| Self { level, alerted_at: at, ..self.clone() })
    }

    /// The emergency, ended by a control user, or `None` if it is over already.
    pub fn ended(&self, reason: EmergencyReason, by: &UserId, moment: Moment) -> Option<Self> {
        let end = || self.to(EmergencyState::Ended, Some(by.clone()), Some(reason), moment);
        self.is_live().then(end)
    }

    /// The emergency, withdrawn by its creator, or `None` once somebody has taken or ended it.
    pub fn withdrawn(&self, by: &UserId, moment: Moment) -> Option<Self> {
        let is_open = self.state == EmergencyState::Open;
        self.ended(EmergencyReason::Withdrawn, by, moment).filter(|_| is_open)
    }

    fn to(
        &self,
        state: EmergencyState,
        by: Option<UserId>,
        reason: Option<EmergencyReason>,
        moment: Moment,
    ) -> Self {
        let (level, alerted_at) = (self.level, self.alerted_at);
        Self { state, level, by, since: moment.at, reason, version: moment.seq, alerted_at }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Role, User, WorkAction};

    const RAISED_AT: Timestamp = Timestamp::from_millis(1_000);
    const MOMENT: Moment = Moment { seq: 9, at: Timestamp::from_millis(9_000) };

    fn raised() -> Emergency {
        Emergency::raised(RAISED_AT)
    }

    fn taken() -> Emergency {
        let work = Work::begun(RAISED_AT);
        let jane = User::new("jane", Role::ControlStaff);
        let work = work.after_action(WorkAction::Take, &jane, None, MOMENT).unwrap();
        raised().after_work(&work, &jane.id, MOMENT).unwrap()
    }

    #[test]
    fn whoever_has_the_conversation_has_the_emergency() {
        let taken = taken();
        assert_eq!((taken.state, &taken.by), (EmergencyState::Taken, &Some("jane".into())));
        assert_eq!((taken.version, taken.since, taken.pause()), (9, MOMENT.at, None));
        let team = Work::begun(RAISED_AT);
        let left = taken.after_work(&team, &"jane".into(), MOMENT).unwrap();
        assert_eq!((left.state, left.by, left.alerted_at), (EmergencyState::Open, None, RAISED_AT));
        assert_eq!(raised().after_work(&team, &"jane".into(), MOMENT), None, "open as before");
        let resolved = Work { state: WorkState::Resolved, ..team };
        let ended = taken.after_work(&resolved, &"ada".into(), MOMENT).unwrap();
        assert_eq!((ended.state, &ended.by), (EmergencyState::Ended, &Some("ada".into())));
        assert_eq!(ended.reason, Some(EmergencyReason::Solved));
        assert_eq!(ended.after_work(&Work::begun(RAISED_AT), &"jane".into(), MOMENT), None, "over");
    }

    #[test]
    fn alerts_follow_one_another_and_grow_rarer() {
        let (mut emergency, mut pauses) = (raised(), Vec::new());
        for _ in 0..7 {
            pauses.push(emergency.pause().unwrap().as_secs());
            emergency = emergency.escalated(emergency.level, MOMENT.at).unwrap();
        }
        assert_eq!(pauses, [30, 60, 60, 60, 60, 600, 600]);
        assert_eq!((emergency.level, emergency.version, emergency.since), (5, 1, RAISED_AT));
        assert_eq!(raised().escalated(1, MOMENT.at), None, "another has alerted");
        assert_eq!(taken().escalated(0, MOMENT.at), None, "somebody has taken it");
    }

    #[test]
    fn an_emergency_ends_once_and_is_withdrawn_only_while_open() {
        let (driver, jane) = ("driver".into(), "jane".into());
        let withdrawn = raised().withdrawn(&driver, MOMENT).unwrap();
        assert_eq!((withdrawn.by.as_ref(), withdrawn.version), (Some(&driver), 9));
        assert_eq!(taken().withdrawn(&driver, MOMENT), None);
        let ended = taken().ended(EmergencyReason::FalseAlarm, &jane, MOMENT).unwrap();
        assert_eq!(ended.reason, Some(EmergencyReason::FalseAlarm));
        assert!(!ended.is_live() && ended.pause().is_none());
        assert_eq!(ended.ended(EmergencyReason::Solved, &jane, MOMENT), None);
    }

    #[test]
    fn an_emergency_of_somebody_who_may_not_have_it_is_open() {
        assert_eq!(taken().seen(|_| true), taken());
        let seen = taken().seen(|_| false);
        assert_eq!((seen.state, seen.by, seen.version), (EmergencyState::Open, None, 9));
    }
}

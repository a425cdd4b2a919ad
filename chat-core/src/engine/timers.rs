//! What falls due, and when.

use std::collections::BTreeSet;

use super::io::ConnectionId;
use crate::id::{ConversationId, UserId};
use crate::time::Monotonic;

/// What falls due. Each looks at the state when it fires, and is set again if it came too early.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// A typing state may have expired.
    Typing(ConversationId, UserId),
    /// A connection's token may have expired.
    Token(ConnectionId),
    /// The directory could not be loaded, and is tried again.
    Directory,
    /// The enrolment job could not go on, and is tried again.
    Enrolment,
}

/// All timers that are set. Bounded by the states that they belong to: one each.
#[derive(Default)]
pub(super) struct Timers {
    due: BTreeSet<(Monotonic, Timer)>,
    /// The wake-up that was asked for last.
    announced: Option<Monotonic>,
}

impl Timers {
    pub(super) fn set(&mut self, at: Monotonic, timer: Timer) {
        self.due.insert((at, timer));
    }

    /// The next timer that is due.
    pub(super) fn fire(&mut self, now: Monotonic) -> Option<Timer> {
        self.due
            .first()
            .is_some_and(|(at, _)| *at <= now)
            .then(|| self.due.pop_first())?
            .map(|(_, timer)| timer)
    }

    /// The wake-up that was asked for has come: it is asked for again if it came too early.
    pub(super) fn woken(&mut self) {
        self.announced = None;
    }

    /// The next wake-up, if it is not the one that was asked for last.
    pub(super) fn announce(&mut self) -> Option<Option<Monotonic>> {
        let next = self.due.first().map(|(at, _)| *at);
        (next != self.announced).then(|| {
            self.announced = next;
            next
        })
    }
}

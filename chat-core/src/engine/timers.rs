//! What falls due, and when.

use std::collections::{BTreeMap, BTreeSet};

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
    /// A connection that was slowed down goes on.
    Rest(ConnectionId),
    /// The directory could not be loaded, and is tried again.
    Directory,
    /// The enrolment job could not go on, and is tried again.
    Enrolment,
}

/// All timers that are set. Bounded by the states that they belong to: one each, cancelled with them.
#[derive(Default)]
pub(super) struct Timers {
    due: BTreeSet<(Monotonic, Timer)>,
    /// The same by timer.
    set: BTreeMap<Timer, Monotonic>,
    /// The wake-up that was asked for last.
    announced: Option<Monotonic>,
}

impl Timers {
    /// Sets a timer, in place of the time that it was set to before.
    pub(super) fn set(&mut self, at: Monotonic, timer: Timer) {
        self.cancel(&timer);
        self.due.insert((at, timer.clone()));
        self.set.insert(timer, at);
    }

    pub(super) fn cancel(&mut self, timer: &Timer) {
        if let Some((timer, at)) = self.set.remove_entry(timer) {
            self.due.remove(&(at, timer));
        }
    }

    /// The next timer that is due.
    pub(super) fn fire(&mut self, now: Monotonic) -> Option<Timer> {
        let (_, timer) = self.due.first().filter(|(at, _)| *at <= now).cloned()?;
        self.cancel(&timer);
        Some(timer)
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

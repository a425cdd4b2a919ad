//! The timers of the engine.

use std::collections::{BTreeMap, BTreeSet};

use super::io::ConnectionId;
use crate::id::{ConversationId, UserId};
use crate::store::OrderPlace;
use crate::time::Monotonic;

/// A timer. Each checks the state when firing, and is set again if too early.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Timer {
    /// A typing state may have expired.
    Typing(ConversationId, UserId),
    /// A connection's token may have expired.
    Token(ConnectionId),
    /// A connection that was slowed down may continue.
    Rest(ConnectionId),
    /// Loading the directory is tried again.
    Directory,
    /// The emergencies that are not over are loaded again.
    Emergencies,
    /// Nobody may have taken an emergency in time.
    Alert(ConversationId),
    /// The open orders are loaded again.
    Orders,
    /// An order may be over.
    Order(OrderPlace),
    /// The history of a shared store is asked for again.
    Follow,
    /// An answer of a shared store may have waited for too long.
    Parked,
}

/// All timers that are set. Bounded by their states: each has one timer and cancels the timer at
/// its end.
#[derive(Default)]
pub(super) struct Timers {
    due: BTreeSet<(Monotonic, Timer)>,
    /// The same timers by name.
    set: BTreeMap<Timer, Monotonic>,
    /// The wake-up requested last.
    announced: Option<Monotonic>,
}

impl Timers {
    /// Sets a timer, replacing its previous time.
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

    /// Removes and returns the next timer that is due.
    pub(super) fn fire(&mut self, now: Monotonic) -> Option<Timer> {
        let (_, timer) = self.due.first().filter(|(at, _)| *at <= now).cloned()?;
        self.cancel(&timer);
        Some(timer)
    }

    /// Notes the requested wake-up. If the wake-up came too early, another one is requested.
    pub(super) fn woken(&mut self) {
        self.announced = None;
    }

    /// The next wake-up, unless already requested.
    pub(super) fn announce(&mut self) -> Option<Option<Monotonic>> {
        let next = self.due.first().map(|(at, _)| *at);
        (next != self.announced).then(|| {
            self.announced = next;
            next
        })
    }
}

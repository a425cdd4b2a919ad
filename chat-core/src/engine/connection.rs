//! A connection: its requests in order, and the live events that wait behind them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::io::Class;
use super::pending_request::PendingRequest;
use crate::id::ConversationId;
use crate::protocol::{CloseCode, EventType, RequestId, RequestIds, RoomType};
use crate::store::{Position, StoredAccount};
use crate::time::{Monotonic, Timestamp};

/// An open connection.
pub(super) struct Connection {
    /// The user's account. Until the connection is admitted, the account that the token would make,
    /// with a position of zero.
    pub(super) account: Arc<StoredAccount>,
    pub(super) knowledge: Knowledge,
    /// The number of conflicts met by changes of the account while being admitted.
    pub(super) entry_conflicts: u32,
    /// The claim `iat` of the token that opened the connection.
    pub(super) issued_at: Option<Timestamp>,
    /// The time of the last frame, or of another reported sign of life.
    pub(super) last_heard: Monotonic,
    /// The joined support rooms. Bounded by the number of room types.
    pub(super) rooms: Vec<RoomType>,
    /// The conversations in which the connection is typing, the oldest first. Bounded by
    /// `typing_per_connection`.
    pub(super) typing: VecDeque<ConversationId>,
    pub(super) paused: bool,
    /// The reply queue is full. Requests with long replies are not started until the queue drains.
    pub(super) backlogged: bool,
    /// The next request waits until this time, because the user repeats too fast.
    pub(super) rests_until: Option<Monotonic>,
    /// The connection is closing for this reason and takes no more requests.
    pub(super) leaving: Option<CloseCode>,
    /// The number of the slot that the connection's admission takes.
    entry: u64,
    /// Unanswered requests, in order. Bounded by pausing the connection.
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first: u64,
    /// Messages that wait behind a slot. Bounded by `held_back`.
    held: usize,
    /// Typing events that wait behind a slot. Bounded by a quarter of `held_back`.
    held_typing: usize,
}

/// The trust in the account that a connection knows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowledge {
    /// Every change of the account has come to the connection.
    Current,
    /// A change of a request met a conflict. The account is loaded before the next decision.
    Doubted,
}

/// The description of a request, for its reply and for logs.
#[derive(Default)]
pub(super) struct RequestLabel {
    /// The kind of request, or `None` for a frame that is no request.
    pub(super) event: Option<EventType>,
    pub(super) request_id: Option<RequestId>,
    pub(super) ids: RequestIds,
    /// The request repeats an accepted one.
    pub(super) is_repeat: bool,
}

/// The place of one request among the replies.
struct Slot {
    label: RequestLabel,
    /// The reply's bytes are charged.
    asks_for_page: bool,
    stage: Stage,
    /// Later live events must come after this slot.
    defers_events: bool,
    /// Live events that follow the reply directly.
    after: Vec<LiveEvent>,
}

/// A live event for one connection.
pub(super) struct LiveEvent {
    pub(super) class: Class,
    pub(super) frame: Bytes,
    /// The position of the event, if it has waited for its conversation. Then it is not for
    /// connections with younger rights, because the rights at its time are not known.
    pub(super) retold: Option<Position>,
}

/// The progress of a request.
pub(super) enum Stage {
    /// The connection itself is being admitted. Nothing leaves before.
    Entering,
    /// Not started, or to be decided again.
    Waiting(Box<PendingRequest>),
    /// A load or a token check is in flight.
    Loading(Box<PendingRequest>),
    /// A change is in flight.
    Committing(Box<PendingRequest>),
    /// Answered, and waiting for the replies before.
    Done(Option<Bytes>),
}

impl Connection {
    /// Creates a connection whose slots are numbered from `entry` on.
    pub(super) fn new(
        account: Arc<StoredAccount>,
        issued_at: Option<Timestamp>,
        now: Monotonic,
        entry: u64,
    ) -> Self {
        let admission = Slot {
            label: RequestLabel::default(),
            asks_for_page: false,
            stage: Stage::Entering,
            defers_events: true,
            after: Vec::new(),
        };
        Self {
            account,
            knowledge: Knowledge::Current,
            entry_conflicts: 0,
            issued_at,
            last_heard: now,
            rooms: Vec::new(),
            typing: VecDeque::new(),
            paused: false,
            backlogged: false,
            rests_until: None,
            leaving: None,
            entry,
            slots: VecDeque::from([admission]),
            first: entry,
            held: 0,
            held_typing: 0,
        }
    }

    /// The number of the slot that the connection's admission takes.
    pub(super) fn entry(&self) -> u64 {
        self.entry
    }

    /// Whether the connection has been admitted.
    pub(super) fn is_admitted(&self) -> bool {
        !matches!(self.slots.front(), Some(Slot { stage: Stage::Entering, .. }))
    }

    /// Takes over the account, for requests not decided too.
    pub(super) fn identify(&mut self, account: &StoredAccount) {
        if *self.account == *account {
            return;
        }
        self.account = Arc::new(account.clone());
        for slot in &mut self.slots {
            if let Stage::Waiting(pending) | Stage::Loading(pending) = &mut slot.stage {
                pending.account = self.account.clone();
            }
        }
    }

    /// Whether live events wait.
    pub(super) fn holds_events(&self) -> bool {
        self.held + self.held_typing > 0
    }

    /// The number of unanswered requests.
    pub(super) fn under_way(&self) -> usize {
        self.slots.len()
    }

    /// Appends a request to the order of replies.
    pub(super) fn push(&mut self, label: RequestLabel, stage: Stage) {
        let asks_for_page = matches!(&stage, Stage::Waiting(pending) if pending.asks_for_page());
        let (defers_events, after) = (false, Vec::new());
        self.slots.push_back(Slot { label, asks_for_page, stage, defers_events, after });
    }

    /// Returns the first undecided request with its number, if its turn has come.
    ///
    /// Requests are decided one by one, so none overtakes another. A request that reads stored data
    /// waits until all earlier ones are answered, to see their effects, and until those replies are
    /// written, because its own reply may be long.
    pub(super) fn next_to_decide(&mut self) -> Option<(u64, Box<PendingRequest>)> {
        if self.rests_until.is_some() && self.leaving.is_none() {
            return None;
        }
        let place = self.first_undecided()?;
        let stage = &mut self.slots[place].stage;
        match stage {
            Stage::Waiting(pending)
                if !pending.waits_for_those_before() || (place == 0 && !self.backlogged) => {}
            _ => return None,
        }
        match std::mem::replace(stage, Stage::Done(None)) {
            Stage::Waiting(pending) => Some((self.first + place as u64, pending)),
            _ => None,
        }
    }

    /// Whether an earlier request is undecided: its change met a conflict and must be decided again
    /// first.
    pub(super) fn has_undecided_before(&self, number: u64) -> bool {
        self.first_undecided().is_some_and(|place| self.first + (place as u64) < number)
    }

    fn first_undecided(&self) -> Option<usize> {
        self.slots
            .iter()
            .position(|slot| matches!(slot.stage, Stage::Entering | Stage::Waiting(_) | Stage::Loading(_)))
    }

    /// Removes a request from its stage, which must be [set](Self::set) anew.
    pub(super) fn take(&mut self, number: u64) -> Option<Box<PendingRequest>> {
        let slot = self.slot(number)?;
        match std::mem::replace(&mut slot.stage, Stage::Done(None)) {
            Stage::Waiting(pending) | Stage::Loading(pending) | Stage::Committing(pending) => Some(pending),
            Stage::Entering | Stage::Done(_) => None,
        }
    }

    /// The request with a load in flight, or waiting for an earlier request with the same key.
    pub(super) fn loading(&self) -> Option<&PendingRequest> {
        self.slots
            .iter()
            .find_map(|slot| if let Stage::Loading(pending) = &slot.stage { Some(&**pending) } else { None })
    }

    pub(super) fn set(&mut self, number: u64, stage: Stage) {
        if let Some(slot) = self.slot(number) {
            slot.stage = stage;
        }
    }

    /// Defers later live events until this request is answered.
    pub(super) fn defer_events(&mut self, number: u64) {
        if let Some(slot) = self.slot(number) {
            slot.defers_events = true;
        }
    }

    /// Whether live events are deferred.
    pub(super) fn defers_events(&self) -> bool {
        self.slots.iter().any(|slot| slot.defers_events)
    }

    /// Notes that this request repeats an accepted one.
    pub(super) fn mark_repeat(&mut self, number: u64) {
        if let Some(slot) = self.slot(number) {
            slot.label.is_repeat = true;
        }
    }

    /// Whether the bytes of the reply are charged.
    pub(super) fn asks_for_page(&mut self, number: u64) -> bool {
        self.slot(number).is_some_and(|slot| slot.asks_for_page)
    }

    /// Takes the description of an unanswered request. `None` if there is no such request.
    pub(super) fn take_label(&mut self, number: u64) -> Option<RequestLabel> {
        self.slot(number).map(|slot| std::mem::take(&mut slot.label))
    }

    /// Keeps a live event behind a reply that must leave first. Without such a reply nothing is
    /// kept, and the caller sends the event.
    ///
    /// At most `most` messages wait. Typing is dropped once a quarter of the room is used, and
    /// takes no message's place.
    pub(super) fn place(&mut self, event: LiveEvent, most: usize) -> Placed {
        let Some(slot) = self.slots.iter_mut().rev().find(|slot| slot.defers_events) else {
            return Placed::Now;
        };
        match event.class {
            Class::Typing if self.held + self.held_typing >= most / 4 => return Placed::Held,
            Class::Typing => self.held_typing += 1,
            _ if self.held >= most => return Placed::TooMany,
            _ => self.held += 1,
        }
        slot.after.push(event);
        Placed::Held
    }

    /// Removes all frames that may leave now, in order. Drops events that have waited and are older
    /// than the rights of the connection, which are known from its admission on.
    pub(super) fn release(&mut self, mut send: impl FnMut(Class, Bytes)) {
        let rights = self.account.rights;
        while let Some(Slot { stage: Stage::Done(reply), after, .. }) = self.slots.front_mut() {
            reply.take().into_iter().for_each(|reply| send(Class::Reply, reply));
            self.first += 1;
            let typing = after.iter().filter(|event| event.class == Class::Typing).count();
            self.held_typing -= typing;
            self.held -= after.len() - typing;
            let heard = after.drain(..).filter(|event| event.retold.is_none_or(|at| rights <= at));
            heard.for_each(|LiveEvent { class, frame, .. }| send(class, frame));
            self.slots.pop_front();
        }
        if self.slots.is_empty() && self.first == self.entry + 1 {
            // Most connections stay silent for a long time after admission, so the memory is freed.
            self.slots = VecDeque::new();
        }
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(place)
    }
}

/// The place of a live event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// Not kept: the caller sends the event now.
    Now,
    /// Behind a reply, or dropped if the event is typing and finds no room.
    Held,
    /// Not kept: too many events wait already. The caller closes the connection.
    TooMany,
}

//! One connection: its requests in their order, and what must wait behind them.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::io::Class;
use super::pending_request::PendingRequest;
use crate::id::ConversationId;
use crate::protocol::{EventType, RequestId, RoomType, User};
use crate::time::{Monotonic, Timestamp};

/// An open connection.
pub(super) struct Connection {
    /// As its token says until it is admitted, from then on as its account does.
    pub(super) user: Arc<User>,
    /// The `iat` of the token that it was opened with.
    pub(super) issued_at: Option<Timestamp>,
    /// When import or administration last decided about the user: an older token does not prolong the session.
    pub(super) decided_at: Option<Timestamp>,
    /// When it last carried a frame, or gave another sign of life that was told.
    pub(super) last_heard: Monotonic,
    /// The support rooms it has joined. Bounded by the number of room types.
    pub(super) rooms: Vec<RoomType>,
    /// Where it is typing, the oldest first. Bounded by `typing_per_connection`.
    pub(super) typing: VecDeque<ConversationId>,
    pub(super) paused: bool,
    /// Replies wait to be written: no long ones are made before they are.
    pub(super) backlogged: bool,
    /// It has repeated faster than it may: its next request waits until then.
    pub(super) rests_until: Option<Monotonic>,
    /// It is to end: no more requests are taken.
    pub(super) leaving: bool,
    /// Requests that are not answered yet, in their order. Bounded by pausing the connection.
    slots: VecDeque<Slot>,
    /// The number of the first slot.
    first: u64,
    /// Messages that wait behind a slot. Bounded by `held_back`.
    held: usize,
    /// Typing events that wait behind a slot. Bounded by a quarter of `held_back`.
    held_typing: usize,
}

/// The place of one request among the replies.
struct Slot {
    /// Which request it is, if it is one.
    event: Option<EventType>,
    request_id: Option<RequestId>,
    stage: Stage,
    /// Live events from now on must come after this slot.
    defers_events: bool,
    /// Live events that come right after the reply.
    after: Vec<(Class, Bytes)>,
}

/// How far a request has come.
pub(super) enum Stage {
    /// The connection itself is being admitted; nothing leaves before that.
    Entering,
    /// Not begun, or to be decided again.
    Waiting(Box<PendingRequest>),
    /// A question is under way.
    Loading(Box<PendingRequest>),
    /// A change is under way.
    Committing(Box<PendingRequest>),
    /// Answered, but not the first in the queue.
    Done(Option<Bytes>),
}

impl Connection {
    pub(super) fn new(user: Arc<User>, issued_at: Option<Timestamp>, now: Monotonic) -> Self {
        let entry = Slot {
            event: None,
            request_id: None,
            stage: Stage::Entering,
            defers_events: true,
            after: Vec::new(),
        };
        Self {
            user,
            issued_at,
            decided_at: None,
            last_heard: now,
            rooms: Vec::new(),
            typing: VecDeque::new(),
            paused: false,
            backlogged: false,
            rests_until: None,
            leaving: false,
            slots: VecDeque::from([entry]),
            first: 0,
            held: 0,
            held_typing: 0,
        }
    }

    /// Whether it is no longer being admitted.
    pub(super) fn is_admitted(&self) -> bool {
        !matches!(self.slots.front(), Some(Slot { stage: Stage::Entering, .. }))
    }

    /// Takes up what is known of its user, for requests that are not begun too.
    pub(super) fn identify(&mut self, user: &User) {
        if *self.user == *user {
            return;
        }
        self.user = Arc::new(user.clone());
        for slot in &mut self.slots {
            if let Stage::Waiting(pending) = &mut slot.stage {
                pending.user = self.user.clone();
            }
        }
    }

    /// The number of requests that are not answered.
    pub(super) fn under_way(&self) -> usize {
        self.slots.len()
    }

    /// Takes a request into the order of replies.
    pub(super) fn push(&mut self, event: Option<EventType>, request_id: Option<RequestId>, stage: Stage) {
        self.slots.push_back(Slot { event, request_id, stage, defers_events: false, after: Vec::new() });
    }

    /// The first request that is not decided, if it is its turn, with its number.
    ///
    /// A connection's requests are decided one by one, so that none overtakes another. One that reads what is stored
    /// waits until all before it are answered, so that it sees what they have done, and until those answers were written,
    /// for its own may be long.
    pub(super) fn next_to_decide(&mut self) -> Option<(u64, Box<PendingRequest>)> {
        if self.rests_until.is_some() && !self.leaving {
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

    /// Whether one before this request is not decided: its change has met a conflict, and is decided again first.
    pub(super) fn has_undecided_before(&self, number: u64) -> bool {
        self.first_undecided().is_some_and(|place| self.first + (place as u64) < number)
    }

    fn first_undecided(&self) -> Option<usize> {
        self.slots
            .iter()
            .position(|slot| matches!(slot.stage, Stage::Entering | Stage::Waiting(_) | Stage::Loading(_)))
    }

    /// Takes a request out of its stage, which must then be [set](Self::set) anew.
    pub(super) fn take(&mut self, number: u64) -> Option<Box<PendingRequest>> {
        let slot = self.slot(number)?;
        match std::mem::replace(&mut slot.stage, Stage::Done(None)) {
            Stage::Waiting(pending) | Stage::Loading(pending) | Stage::Committing(pending) => Some(pending),
            Stage::Entering | Stage::Done(_) => None,
        }
    }

    /// The request whose question is under way, or that waits for one that it may repeat.
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

    /// From now on live events wait until this request is answered.
    pub(super) fn defer_events(&mut self, number: u64) {
        if let Some(slot) = self.slot(number) {
            slot.defers_events = true;
        }
    }

    /// Whether live events must wait.
    pub(super) fn defers_events(&self) -> bool {
        self.slots.iter().any(|slot| slot.defers_events)
    }

    /// Which request has this number, if it is one.
    pub(super) fn event(&mut self, number: u64) -> Option<EventType> {
        self.slot(number)?.event
    }

    pub(super) fn request_id(&mut self, number: u64) -> Option<&RequestId> {
        self.slot(number)?.request_id.as_ref()
    }

    /// Puts a live event in its order: back for the caller to send now, or behind a reply.
    ///
    /// At most `most` messages wait there. Typing is dropped once a quarter of the room is used, and takes no message's
    /// place.
    pub(super) fn place(&mut self, class: Class, frame: &Bytes, most: usize) -> Placed {
        let Some(slot) = self.slots.iter_mut().rev().find(|slot| slot.defers_events) else {
            return Placed::Now;
        };
        match class {
            Class::Typing if self.held + self.held_typing >= most / 4 => return Placed::Held,
            Class::Typing => self.held_typing += 1,
            _ if self.held >= most => return Placed::TooMany,
            _ => self.held += 1,
        }
        slot.after.push((class, frame.clone()));
        Placed::Held
    }

    /// Takes out all that may leave now, in order.
    pub(super) fn release(&mut self, mut send: impl FnMut(Class, Bytes)) {
        while let Some(Slot { stage: Stage::Done(reply), after, .. }) = self.slots.front_mut() {
            reply.take().into_iter().for_each(|reply| send(Class::Reply, reply));
            self.first += 1;
            let typing = after.iter().filter(|(class, _)| *class == Class::Typing).count();
            self.held_typing -= typing;
            self.held -= after.len() - typing;
            after.drain(..).for_each(|(class, frame)| send(class, frame));
            self.slots.pop_front();
        }
        if self.slots.is_empty() && self.first == 1 {
            // Most connections ask for nothing for a long time once they are admitted.
            self.slots = VecDeque::new();
        }
    }

    fn slot(&mut self, number: u64) -> Option<&mut Slot> {
        let place = usize::try_from(number.checked_sub(self.first)?).ok()?;
        self.slots.get_mut(place)
    }
}

/// Where a live event was put.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Placed {
    /// Nowhere: nothing is in its way.
    Now,
    /// Behind a reply, or dropped there if it is typing and finds no room.
    Held,
    /// Nowhere: as many messages as may wait behind a reply.
    TooMany,
}

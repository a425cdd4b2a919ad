//! The history of a store that several engines share, and the answers that must wait for it.
//!
//! An answer of the store that covers a position is taken up only when everything up to that
//! position was heard. So each engine applies one and the same sequence of events, its own among
//! them, and every reply rests on a state that one engine alone could have had. If the store is not
//! shared, no answer ever waits.

mod parked;
mod untold;

use std::collections::VecDeque;
use std::mem;

use parked::Parked;
pub(super) use parked::StoreAnswer;
use untold::Untold;

use super::{Engine, Output, Ticket, Timer};
use crate::protocol::CloseCode;
use crate::store::{CommitId, Followed, Happened, Life, Position, UnavailableError};

/// The progress of an engine in the history of its store.
pub(super) struct Follow {
    life: Life,
    /// Whether other engines change the same store.
    is_shared: bool,
    /// Every event up to this position was applied or is in `untold`.
    heard: Position,
    /// Whether [`Output::Follow`] is not answered.
    is_asking: bool,
    /// Whether the pause after a failure has not ended.
    is_pausing: bool,
    /// Events that are not heard yet: behind an own one whose answer comes, or because too many are
    /// untold. Bounded by one answer of the store.
    backlog: VecDeque<Happened>,
    parked: Parked,
    untold: Untold,
    /// The position of the event that is told now, after it has waited for its conversation.
    retold: Option<Position>,
}

impl Follow {
    pub(super) fn new(life: Life) -> Self {
        Self {
            life,
            is_shared: false,
            heard: Position::default(),
            is_asking: false,
            is_pausing: false,
            backlog: VecDeque::new(),
            parked: Parked::default(),
            untold: Untold::default(),
            retold: None,
        }
    }

    /// The life of this engine.
    pub(super) fn life(&self) -> Life {
        self.life
    }

    /// Whether other engines change the same store.
    pub(super) fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The position of the event that is told now, if it has waited for its conversation.
    pub(super) fn retold(&self) -> Option<Position> {
        self.retold
    }

    /// Notes that an own change was applied.
    pub(super) fn reached(&mut self, position: Position) {
        self.heard = self.heard.max(position);
    }
}

impl Engine {
    /// The position up to which the engine knows the history of a
    /// [shared](crate::store::Directory::shared) store.
    pub fn heard(&self) -> Position {
        self.follow.heard
    }

    /// The number of answers of the store that wait for its history, and of events that wait until
    /// their conversation is loaded.
    pub fn waiting_for_store(&self) -> (usize, usize) {
        (self.follow.parked.len(), self.follow.untold.len())
    }

    /// The name of a commit of this engine.
    pub(super) fn commit_id(&self, ticket: Ticket) -> CommitId {
        CommitId { life: self.follow.life, number: ticket.0 }
    }

    /// Begins to follow a shared store behind its loaded directory. Connections from before are
    /// refused: nobody would tell them what others have done since.
    pub(super) fn begin_to_follow(&mut self, position: Position) {
        let conns: Vec<_> = self.connections.keys().copied().collect();
        for conn in conns {
            self.close(conn, CloseCode::TryAgainLater, Some(self.unavailable()));
        }
        (self.follow.is_shared, self.follow.heard) = (true, position);
        self.ask_for_history();
    }

    /// Takes up an answer of the store, or parks it until the events that it covers are heard.
    pub(super) fn answered(&mut self, answer: StoreAnswer) {
        if !self.follow.is_shared {
            return self.take_up_answer(answer);
        }
        let covers = answer.covers();
        if covers <= self.follow.heard {
            self.take_up_answer(answer);
            return self.hear_backlog();
        }
        let until = self.now.monotonic.plus(self.limits.periods.unavailable_retry * parked::PAUSES_MOST);
        if self.follow.parked.put(covers, until, answer) {
            self.timers.set(until, Timer::Parked);
        }
    }

    fn take_up_answer(&mut self, answer: StoreAnswer) {
        match answer {
            StoreAnswer::Loaded(ticket, result) => self.loaded(ticket, result),
            StoreAnswer::Committed(ticket, result) => self.committed(ticket, result),
        }
    }

    /// Gives up answers that have been parked for too long, as if the store had failed.
    pub(super) fn parked_due(&mut self) {
        while let Some(answer) = self.follow.parked.expired(self.now.monotonic) {
            self.take_up_answer(answer.failed());
        }
        self.follow.parked.first_due().into_iter().for_each(|at| self.timers.set(at, Timer::Parked));
        self.hear_backlog();
    }

    /// Handles the answer to [`Output::Follow`].
    pub(super) fn followed(&mut self, result: Result<Followed, UnavailableError>) {
        if !self.follow.is_shared {
            return;
        }
        self.follow.is_asking = false;
        match result {
            Ok(Followed { epoch, .. }) if epoch != self.epoch => return self.end_epoch(),
            Ok(Followed { happened, .. }) => self.follow.backlog.extend(happened),
            Err(_) => self.follow_later(),
        }
        self.hear_backlog();
    }

    /// Hears events in their order, and takes up each answer as soon as its events are heard.
    fn hear_backlog(&mut self) {
        loop {
            while let Some(answer) = self.follow.parked.ripe(self.follow.heard) {
                self.take_up_answer(answer);
            }
            let Some(Happened { position, event, .. }) = self.next_heard() else { break };
            self.follow.heard = position;
            self.tell(&event, position);
            self.outputs.push_back(Output::Publish { position, event, here: false });
        }
        self.ask_for_history();
    }

    /// The next event of the backlog, if its turn has come.
    ///
    /// An own event waits for the answer to its commit, because the reply must leave first. After a
    /// hole the history is asked for again.
    fn next_heard(&mut self) -> Option<Happened> {
        let heard = self.follow.heard;
        let backlog = &mut self.follow.backlog;
        while backlog.pop_front_if(|next| next.position <= heard).is_some() {}
        let next = backlog.front()?;
        if next.position.0.checked_sub(1) != Some(heard.0) {
            backlog.clear();
            self.follow_later();
            return None;
        }
        let by = next.by;
        let is_own = by.is_some() && by == self.commits.ticket().map(|ticket| self.commit_id(ticket));
        if is_own || self.follow.untold.is_full() { None } else { self.follow.backlog.pop_front() }
    }

    fn ask_for_history(&mut self) {
        let Follow { is_shared, is_asking, is_pausing, .. } = self.follow;
        if is_shared && !is_asking && !is_pausing && self.follow.backlog.is_empty() {
            self.follow.is_asking = true;
            self.outputs.push_back(Output::Follow { after: self.follow.heard });
        }
    }

    /// Asks for the history again after a pause, and for conversations that could not be loaded.
    pub(super) fn follow_later(&mut self) {
        self.follow.is_pausing = true;
        self.timers.set(self.now.monotonic.plus(self.limits.periods.unavailable_retry), Timer::Follow);
    }

    pub(super) fn follow_due(&mut self) {
        self.follow.is_pausing = false;
        self.load_untold();
        self.ask_for_history();
    }

    /// Ends every connection and drains, because another history has taken the place of the one
    /// told so far. From now on nothing waits for the history.
    pub(super) fn end_epoch(&mut self) {
        let next = Follow::new(self.follow.life);
        let ended = mem::replace(&mut self.follow, next);
        let conns: Vec<_> = self.connections.keys().copied().collect();
        conns.into_iter().for_each(|conn| self.close(conn, CloseCode::GoingAway, None));
        self.drain();
        ended.parked.into_answers().for_each(|answer| self.take_up_answer(answer.failed()));
    }
}

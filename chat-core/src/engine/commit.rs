//! Changes on their way to the store. One commit is under way at a time; the next takes all changes
//! gathered meanwhile.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;

use super::connection::{Knowledge, Stage};
use super::in_flight::{InFlight, ServerEntry};
use super::io::ConnectionId;
use super::origin::Origin;
use super::pending_request::PendingRequest;
use super::{Engine, Output, Ticket, Timer, handler};
use crate::id::{ConversationId, UserId};
use crate::protocol::{Done, Error, ErrorCode, Reply};
use crate::store::{Change, Committed, Event, Original, Rejected, UnavailableError, Verdict};

/// The queued changes and the commit under way. Bounded by `changes_waiting` and
/// `changes_per_commit`.
#[derive(Default)]
pub(super) struct Commits {
    waiting: VecDeque<(InFlight, Change)>,
    under_way: Option<(Ticket, Vec<InFlight>)>,
    /// The number of changes of each account, queued or under way.
    accounts: BTreeMap<UserId, usize>,
}

impl Commits {
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }

    /// The commit under way.
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.under_way.as_ref().map(|(ticket, _)| *ticket)
    }

    /// The number of changes, queued or under way.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.under_way.as_ref().map_or(0, |(_, changes)| changes.len())
    }

    /// Whether a change of this user's account is queued or under way.
    pub(super) fn holds_account(&self, user: &UserId) -> bool {
        self.accounts.contains_key(user)
    }

    /// Removes the queued changes of these conversations.
    fn take_of(&mut self, conversations: &BTreeSet<ConversationId>) -> Vec<InFlight> {
        let is_theirs =
            |change: &InFlight| change.conversation().is_some_and(|id| conversations.contains(id));
        let waiting = mem::take(&mut self.waiting);
        let (theirs, rest): (VecDeque<_>, _) =
            waiting.into_iter().partition(|(in_flight, _)| is_theirs(in_flight));
        self.waiting = rest;
        theirs.into_iter().map(|(in_flight, _)| in_flight).collect()
    }

    fn count(&mut self, change: &InFlight, more: bool) {
        if let Some(account) = change.account() {
            count(&mut self.accounts, account.user.id.clone(), more);
        }
    }
}

fn count<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K, more: bool) {
    match counts.entry(key) {
        Entry::Occupied(entry) if !more && *entry.get() == 1 => drop(entry.remove()),
        Entry::Occupied(mut entry) => *entry.get_mut() = if more { entry.get() + 1 } else { entry.get() - 1 },
        Entry::Vacant(entry) => drop(more.then(|| entry.insert(1))),
    }
}

impl Engine {
    /// Queues the change of a request or command for the next commit.
    pub(super) fn submit(&mut self, origin: &Origin, pending: Box<PendingRequest>, change: Change) {
        if self.commits.waiting.len() >= self.limits.engine.changes_waiting {
            return self.finish(origin, Err(self.unavailable()));
        }
        self.keep(origin, pending, Stage::Committing);
        self.submit_for(origin.clone(), change);
    }

    pub(super) fn submit_for(&mut self, origin: Origin, change: Change) {
        let in_flight = InFlight::new(origin, &change);
        if let Some(conversation) = in_flight.conversation() {
            self.cache.pin(conversation);
        }
        self.commits.count(&in_flight, true);
        in_flight.key.iter().for_each(|key| self.key_locks.lock(key.clone()));
        self.commits.waiting.push_back((in_flight, change));
    }

    /// Starts the next commit, if none is under way and changes are queued.
    pub(super) fn start_commit(&mut self) -> Option<Output> {
        if self.commits.under_way.is_some() || self.commits.waiting.is_empty() {
            return None;
        }
        let ticket = self.calls.ticket();
        let count = self.commits.waiting.len().min(self.limits.engine.changes_per_commit.max(1));
        let (mut changes, mut under_way) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (in_flight, change) in self.commits.waiting.drain(..count) {
            changes.push(change);
            under_way.push(in_flight);
        }
        self.commits.under_way = Some((ticket, under_way));
        Some(Output::Commit { ticket, id: self.commit_id(ticket), changes })
    }

    pub(super) fn committed(&mut self, ticket: Ticket, result: Result<Vec<Verdict>, UnavailableError>) {
        if self.commits.under_way.as_ref().is_none_or(|(expected, _)| *expected != ticket) {
            return;
        }
        let Some((_, under_way)) = self.commits.under_way.take() else { return };
        let verdicts = result.ok().filter(|verdicts| verdicts.len() == under_way.len());
        let overtaking = self.take_behind_conflicts(&under_way, verdicts.as_deref().unwrap_or_default());
        // The next commit starts before the verdicts are processed, to keep the store busy
        // meanwhile.
        let next = self.start_commit();
        self.outputs.extend(next);
        match verdicts {
            Some(verdicts) => {
                for (change, verdict) in under_way.into_iter().zip(verdicts) {
                    self.on_verdict(&change, verdict);
                }
            }
            None => under_way.iter().for_each(|change| self.on_unknown_outcome(change)),
        }
        for change in overtaking {
            self.on_verdict(&change, Err(Rejected::Conflict));
        }
        self.resume_blocked();
    }

    /// Removes queued changes of conversations that just hit a conflict, so that they are decided
    /// again after the conflicting one. The store does the same within a batch.
    fn take_behind_conflicts(&mut self, under_way: &[InFlight], verdicts: &[Verdict]) -> Vec<InFlight> {
        let met = under_way.iter().zip(verdicts).filter(|(_, verdict)| **verdict == Err(Rejected::Conflict));
        let conversations: BTreeSet<_> =
            met.filter_map(|(change, _)| change.conversation().cloned()).collect();
        if conversations.is_empty() { Vec::new() } else { self.commits.take_of(&conversations) }
    }

    /// Whether the verdict fits its change, and a message's number follows those already told.
    fn is_believable(&self, change: &InFlight, verdict: &Verdict) -> bool {
        let follows = match verdict {
            Ok(Committed { event: Some(Event::MessageAppended(appended)), .. }) => {
                self.cache.may_follow(&appended.conversation, appended.seq)
            }
            _ => true,
        };
        follows && change.may_be_told(verdict)
    }

    fn on_verdict(&mut self, change: &InFlight, verdict: Verdict) {
        if !self.is_believable(change, &verdict) {
            return self.on_unknown_outcome(change);
        }
        self.settle_change(change);
        match verdict {
            Ok(committed) => {
                if committed.event.is_none() {
                    self.entry_refused(change);
                }
                self.on_accepted(&change.origin, committed);
            }
            Err(Rejected::Conflict) => {
                change.conversation().into_iter().for_each(|id| self.cache.mark_stale(id));
                self.on_conflict(&change.origin);
            }
            Err(Rejected::Duplicate(original)) => self.on_duplicate(&change.origin, original),
            Err(Rejected::Repeated(earlier)) => self.on_repeated_emergency(&change.origin, earlier),
            Err(Rejected::OutdatedEmergency(emergency)) => {
                self.on_refusal(&change.origin, Error::emergency_conflict(*emergency));
            }
            Err(Rejected::Order(rejected)) => self.on_refusal(&change.origin, handler::refusal(rejected)),
            Err(Rejected::Outdated(work)) => self.on_refusal(&change.origin, Error::conflict(work)),
            Err(Rejected::Forbidden) => self.on_refusal(&change.origin, ErrorCode::Forbidden.into()),
        }
        change.conversation().into_iter().for_each(|id| self.cache.unpin(id));
        self.advance_origin(&change.origin);
    }

    /// Loads again the subject of an entry of the server that the store had no need of.
    fn entry_refused(&mut self, change: &InFlight) {
        match change.by_server() {
            Some((id, ServerEntry::Alert)) => self.alert_refused(id),
            Some((id, ServerEntry::Expiry(seq))) => self.expiry_refused(id, seq),
            None => {}
        }
    }

    /// Ends the count and the key lock of a change. Repeats that waited for the lock continue once
    /// the whole commit is processed.
    fn settle_change(&mut self, change: &InFlight) {
        self.commits.count(change, false);
        if let Some(key) = &change.key {
            self.blocked.append(&mut self.key_locks.unlock(key));
        }
    }

    /// Sends the reply, then the events. The sender's own connection keeps this order too.
    fn on_accepted(&mut self, origin: &Origin, Committed { position, event }: Committed) {
        let reply = event.as_ref().map_or(Reply::Done(Done::default()), |event| {
            handler::reply(event, &self.directory, &self.cache)
        });
        self.finish(origin, Ok(reply));
        let conn = self.defer_events(origin);
        if let Some(event) = event {
            self.apply(&event, position, conn);
            self.follow.reached(position);
            self.outputs.push_back(Output::Publish { position, event, here: true });
        }
        if let Origin::Entry(admission) = origin {
            self.admit_at(*admission, position);
        }
    }

    /// Defers live events on the origin's connection until its reply is sent.
    pub(super) fn defer_events(&mut self, origin: &Origin) -> Option<ConnectionId> {
        let Origin::Request(conn, number) = origin else { return None };
        self.connections.get_mut(conn)?.defer_events(*number);
        self.deferring.insert(*conn);
        Some(*conn)
    }

    /// Decides again on fresh facts, at most `conflict_retries` times, and a request in its old
    /// place. The engine's own changes come of the directory, which is loaded again.
    fn on_conflict(&mut self, origin: &Origin) {
        match origin {
            Origin::Request(..) | Origin::Command(_) => self.decide_again(origin),
            Origin::Entry(admission) => self.enter_again(*admission),
            Origin::Engine => self.load_directory_later(),
        }
    }

    fn decide_again(&mut self, origin: &Origin) {
        let Some(mut pending) = self.take(origin) else { return };
        pending.conflicts += 1;
        pending.clear_facts();
        self.connection_of(origin)
            .into_iter()
            .for_each(|connection| connection.knowledge = Knowledge::Doubted);
        if pending.conflicts > self.limits.engine.conflict_retries {
            self.finish(origin, Err(self.unavailable()));
        } else {
            self.proceed_in_turn(origin, pending);
        }
    }

    /// Decides the creation of an emergency again as a message of the earlier one.
    fn on_repeated_emergency(&mut self, origin: &Origin, earlier: ConversationId) {
        if let Some(mut pending) = self.take(origin) {
            pending.emergency = Some(earlier);
            self.keep(origin, pending, Stage::Committing);
            self.load_emergencies_later();
        }
        self.decide_again(origin);
    }

    /// Refuses an entry that does not fit. Nothing was stored, so the daily budget is free.
    fn on_refusal(&mut self, origin: &Origin, error: Error) {
        if let Some(pending) = self.take(origin) {
            self.refund_budget(&pending);
        }
        self.finish(origin, Err(error));
    }

    /// Answers a true repeat as the first time, free of charge. Any other use of the same id is
    /// charged.
    fn on_duplicate(&mut self, origin: &Origin, original: Original) {
        let Some(mut pending) = self.take(origin) else { return };
        if !handler::is_repeat(&pending.operation, &original) {
            return self.finish(origin, Err(ErrorCode::ClientMessageIdReused.into()));
        }
        pending.repeats(original);
        self.slow_down(origin, &pending.account.user().id);
        self.proceed(origin, pending);
    }

    /// Answers `unavailable`: the store gave no answer, or none that fits, and the change may or
    /// may not be stored.
    fn on_unknown_outcome(&mut self, change: &InFlight) {
        self.settle_change(change);
        change.conversation().into_iter().for_each(|id| {
            self.cache.mark_stale(id);
            self.cache.unpin(id);
        });
        // An emergency or an order that is stored all the same must alert or end.
        self.load_emergencies_later();
        self.load_orders_later();
        if let Some(account) = change.account() {
            self.timers.set(self.now.monotonic, Timer::Directory);
            self.doubt_sessions(account);
        }
        match &change.origin {
            Origin::Entry(admission) => self.entry_failed(*admission),
            Origin::Request(..) | Origin::Command(_) | Origin::Engine => {
                self.finish(&change.origin, Err(self.unavailable()));
                // The history of a shared store may show the change at any moment.
                self.defer_events(&change.origin);
            }
        }
        self.advance_origin(&change.origin);
    }
}

//! Changes on their way to the store. One commit is under way at a time; the next takes all changes
//! gathered meanwhile.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::mem;

use super::connection::Stage;
use super::intent::Intent;
use super::io::ConnectionId;
use super::origin::Origin;
use super::pending_request::{Operation, PendingRequest};
use super::{Engine, Event, Output, Ticket, Timer, handler};
use crate::id::{ConversationId, MessageId, UserId};
use crate::protocol::{Done, Reply, Request};
use crate::store::{Account, Change, Original, Receipt, Rejected, UnavailableError, Verdict};

/// The queued changes and the commit under way. Bounded by `changes_waiting` and
/// `changes_per_commit`.
#[derive(Default)]
pub(super) struct Commits {
    waiting: VecDeque<(Origin, Intent, Change)>,
    under_way: Option<(Ticket, Vec<(Origin, Intent)>)>,
    /// The number of changes of each account, queued or under way.
    accounts: BTreeMap<UserId, usize>,
}

impl Commits {
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }

    /// The number of changes, queued or under way.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.under_way.as_ref().map_or(0, |(_, changes)| changes.len())
    }

    /// Whether a change of this user's account is queued or under way.
    pub(super) fn holds_account(&self, user: &UserId) -> bool {
        self.accounts.contains_key(user)
    }

    /// The accounts being changed, in the order of their changes.
    pub(super) fn account_changes(&self) -> impl Iterator<Item = &Account> {
        let under_way = self.under_way.iter().flat_map(|(_, changes)| changes).map(|(_, intent)| intent);
        let intents = under_way.chain(self.waiting.iter().map(|(_, intent, _)| intent));
        intents.filter_map(|intent| if let Intent::Account(account) = intent { Some(account) } else { None })
    }

    /// Removes the queued changes of these conversations.
    fn take_of(&mut self, conversations: &BTreeSet<ConversationId>) -> Vec<(Origin, Intent)> {
        let is_theirs = |intent: &Intent| intent.conversation().is_some_and(|id| conversations.contains(id));
        let waiting = mem::take(&mut self.waiting);
        let (theirs, rest): (VecDeque<_>, _) =
            waiting.into_iter().partition(|(_, intent, _)| is_theirs(intent));
        self.waiting = rest;
        theirs.into_iter().map(|(origin, intent, _)| (origin, intent)).collect()
    }

    fn count(&mut self, intent: &Intent, more: bool) {
        if let Intent::Account(account) = intent {
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
    pub(super) fn submit(&mut self, origin: &Origin, mut pending: Box<PendingRequest>, change: Change) {
        if self.commits.waiting.len() >= self.limits.engine.changes_waiting {
            return self.finish(origin, Err(self.unavailable()));
        }
        let is_of_account = matches!(change, Change::PutAccount(_));
        if !is_of_account && self.commits.holds_account(&pending.user.id) {
            // A request behind a change of its user's account is decided on the rights after this
            // change.
            self.blocked.push(origin.clone());
            return self.park(origin, pending);
        }
        if matches!(change, Change::CreateConversation(_)) {
            let before = *pending.newcomers.get_or_insert(self.newcomers.next());
            if self.newcomers.wait(before, origin) {
                return self.park(origin, pending);
            }
        }
        if let Change::AppendMessage(append) = &change {
            self.enrol_before_reactivation(append.permit.conversation());
        }
        if let Change::PutAccount(account) = &change {
            self.put_in_directory(account);
        }
        let message = match &pending.operation {
            Operation::Request(Request::MarkMessageRead(read)) => Some(read.message_id.clone()),
            _ => None,
        };
        self.keep(origin, pending, Stage::Committing);
        self.submit_for(origin.clone(), change, message);
    }

    pub(super) fn submit_for(&mut self, origin: Origin, change: Change, message: Option<MessageId>) {
        let intent = Intent::of(&change, message, self.now.wall);
        if let Some(conversation) = intent.conversation() {
            self.cache.pin(conversation);
        }
        self.commits.count(&intent, true);
        intent.key().into_iter().for_each(|key| self.key_locks.lock(key));
        self.commits.waiting.push_back((origin, intent, change));
    }

    /// Starts the next commit, if none is under way and changes are queued.
    pub(super) fn start_commit(&mut self) -> Option<Output> {
        if self.commits.under_way.is_some() || self.commits.waiting.is_empty() {
            return None;
        }
        let ticket = self.calls.ticket();
        let count = self.commits.waiting.len().min(self.limits.engine.changes_per_commit.max(1));
        let (mut changes, mut under_way) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for (origin, intent, change) in self.commits.waiting.drain(..count) {
            changes.push(change);
            under_way.push((origin, intent));
        }
        self.commits.under_way = Some((ticket, under_way));
        Some(Output::Commit { ticket, changes })
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
                for ((origin, intent), verdict) in under_way.into_iter().zip(verdicts) {
                    self.on_verdict(&origin, intent, verdict);
                }
            }
            None => {
                for (origin, intent) in under_way {
                    self.on_unknown_outcome(&origin, &intent);
                }
            }
        }
        for (origin, intent) in overtaking {
            self.on_verdict(&origin, intent, Err(Rejected::Conflict));
        }
        self.resume_blocked();
    }

    /// Removes queued changes of conversations that just hit a conflict, so that they are decided
    /// again after the conflicting one. The store does the same within a batch.
    fn take_behind_conflicts(
        &mut self,
        under_way: &[(Origin, Intent)],
        verdicts: &[Verdict],
    ) -> Vec<(Origin, Intent)> {
        let met = under_way.iter().zip(verdicts).filter(|(_, verdict)| **verdict == Err(Rejected::Conflict));
        let conversations: BTreeSet<_> =
            met.filter_map(|((_, intent), _)| intent.conversation().cloned()).collect();
        if conversations.is_empty() { Vec::new() } else { self.commits.take_of(&conversations) }
    }

    /// Whether the verdict fits its change, and a message's number follows those already told.
    fn is_believable(&self, intent: &Intent, verdict: &Verdict) -> bool {
        let follows = match (intent.conversation(), verdict) {
            (Some(conversation), Ok(Receipt::Appended { seq, .. })) => {
                self.cache.may_follow(conversation, *seq)
            }
            _ => true,
        };
        follows && intent.may_be_told(verdict)
    }

    fn on_verdict(&mut self, origin: &Origin, intent: Intent, verdict: Verdict) {
        if !self.is_believable(&intent, &verdict) {
            return self.on_unknown_outcome(origin, &intent);
        }
        self.settle_change(&intent);
        let conversation = intent.conversation().cloned();
        match verdict {
            Ok(receipt) => self.on_accepted(origin, intent.happened(&receipt), &receipt),
            Err(Rejected::Conflict) => {
                conversation.iter().for_each(|conversation| self.cache.mark_stale(conversation));
                self.on_conflict(origin);
            }
            Err(Rejected::Duplicate(original)) => self.on_duplicate(origin, &original),
        }
        conversation.iter().for_each(|conversation| self.cache.unpin(conversation));
        self.advance_origin(origin);
    }

    /// Ends the count and the key lock of a change. Repeats that waited for the lock continue once
    /// the whole commit is processed.
    fn settle_change(&mut self, intent: &Intent) {
        self.commits.count(intent, false);
        if let Some(key) = intent.key() {
            self.blocked.append(&mut self.key_locks.unlock(&key));
        }
    }

    /// Sends the reply, then the events. The sender's own connection keeps this order too.
    fn on_accepted(&mut self, origin: &Origin, event: Option<Event>, receipt: &Receipt) {
        let reply = event.as_ref().map_or(Reply::Done(Done::default()), handler::reply);
        self.finish(origin, Ok(reply));
        let conn = self.defer_events(origin);
        if let Some(event) = event {
            self.apply(&event, receipt.position(), conn);
            self.outputs.push_back(Output::Publish(event));
        }
        match origin {
            Origin::Entry(admission) => self.admit(*admission),
            Origin::Enrolment => self.enrolment_judged(true),
            Origin::Request(..) | Origin::Command(_) | Origin::Engine => {}
        }
    }

    /// Defers live events on the origin's connection until its reply is sent.
    pub(super) fn defer_events(&mut self, origin: &Origin) -> Option<ConnectionId> {
        let Origin::Request(conn, number) = origin else { return None };
        self.connections.get_mut(conn)?.defer_events(*number);
        self.deferring.insert(*conn);
        Some(*conn)
    }

    /// Decides the request again on fresh facts and in its old place, at most `conflict_retries`
    /// times.
    fn on_conflict(&mut self, origin: &Origin) {
        if *origin == Origin::Enrolment {
            return self.enrolment_judged(false);
        }
        let Some(mut pending) = self.take(origin) else { return };
        pending.conflicts += 1;
        pending.clear_facts();
        if pending.conflicts > self.limits.engine.conflict_retries {
            self.finish(origin, Err(self.unavailable()));
        } else {
            self.proceed_in_turn(origin, pending);
        }
    }

    /// Answers a true repeat as the first time, free of charge. Any other use of the same id is
    /// charged.
    fn on_duplicate(&mut self, origin: &Origin, original: &Original) {
        let Some(pending) = self.take(origin) else { return };
        let reply = handler::repeat(&pending.operation, original);
        if reply.is_ok() {
            self.refund(&pending);
            self.slow_down(origin, &pending.user.id);
        }
        self.finish(origin, reply);
    }

    /// Answers `unavailable`: the store gave no answer, or none that fits, and the change may or
    /// may not be stored.
    fn on_unknown_outcome(&mut self, origin: &Origin, intent: &Intent) {
        self.settle_change(intent);
        intent.conversation().into_iter().for_each(|conversation| {
            self.cache.mark_stale(conversation);
            self.cache.unpin(conversation);
        });
        if let Intent::Account(account) = intent {
            self.timers.set(self.now.monotonic, Timer::Directory);
            self.doubt_sessions(account);
        }
        match origin {
            Origin::Entry(admission) => self.entry_failed(*admission),
            Origin::Enrolment => self.enrolment_judged(false),
            Origin::Request(..) | Origin::Command(_) | Origin::Engine => {
                self.finish(origin, Err(self.unavailable()));
            }
        }
        self.advance_origin(origin);
    }
}

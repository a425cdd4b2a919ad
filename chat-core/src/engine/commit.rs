//! Changes on their way to the store: one commit at a time, and the next takes all that has gathered meanwhile.

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

/// Changes that wait, and those under way. Bounded by `changes_waiting` and `changes_per_commit`.
#[derive(Default)]
pub(super) struct Commits {
    waiting: VecDeque<(Origin, Intent, Change)>,
    under_way: Option<(Ticket, Vec<(Origin, Intent)>)>,
    /// How many changes of each account are in here.
    accounts: BTreeMap<UserId, usize>,
}

impl Commits {
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_none()
    }

    /// Changes that wait, and those under way.
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.under_way.as_ref().map_or(0, |(_, changes)| changes.len())
    }

    /// Whether a change of this user's account is waiting or under way.
    pub(super) fn holds_account(&self, user: &UserId) -> bool {
        self.accounts.contains_key(user)
    }

    /// The accounts that are being changed, in the order of their changes.
    pub(super) fn account_changes(&self) -> impl Iterator<Item = &Account> {
        let under_way = self.under_way.iter().flat_map(|(_, changes)| changes).map(|(_, intent)| intent);
        let intents = under_way.chain(self.waiting.iter().map(|(_, intent, _)| intent));
        intents.filter_map(|intent| if let Intent::Account(account) = intent { Some(account) } else { None })
    }

    /// Takes out what waits of conversations that have met a conflict.
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
    /// Puts a request's change into the next commit.
    pub(super) fn submit(&mut self, origin: &Origin, mut pending: Box<PendingRequest>, change: Change) {
        if self.commits.waiting.len() >= self.limits.engine.changes_waiting {
            return self.finish(origin, Err(self.unavailable()));
        }
        let is_of_account = matches!(change, Change::PutAccount(_));
        if !is_of_account && self.commits.holds_account(&pending.user.id) {
            // What comes after a change of its user's rights is decided on the rights that it leaves.
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
        match origin {
            Origin::Request(conn, number) => {
                if let Some(connection) = self.connections.get_mut(conn) {
                    connection.set(*number, Stage::Committing(pending));
                }
            }
            Origin::Command(id) => drop(self.commands.insert(*id, pending)),
            Origin::Entry(_) | Origin::Enrolment | Origin::Engine => {}
        }
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

    /// The next commit, if none is under way and there is anything to commit.
    pub(super) fn start_commit(&mut self) -> Option<Output> {
        if self.commits.under_way.is_some() || self.commits.waiting.is_empty() {
            return None;
        }
        let ticket = self.calls.ticket();
        let count = self.commits.waiting.len().min(self.limits.engine.changes_per_commit);
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
        // Before what it has led to, so that the store has something to do meanwhile.
        let next = self.start_commit();
        self.outputs.extend(next);
        match verdicts {
            Some(verdicts) => under_way.into_iter().zip(verdicts).for_each(|((origin, intent), verdict)| {
                self.on_verdict(&origin, intent, verdict);
            }),
            None => {
                under_way.into_iter().for_each(|(origin, intent)| self.on_unknown_outcome(&origin, &intent))
            }
        }
        for (origin, intent) in overtaking {
            self.on_verdict(&origin, intent, Err(Rejected::Conflict));
        }
        self.resume_blocked();
    }

    /// Takes out what waits and would overtake something that met a conflict and is decided again: as the store refuses
    /// what comes after it in the same commit.
    fn take_behind_conflicts(
        &mut self,
        under_way: &[(Origin, Intent)],
        verdicts: &[Verdict],
    ) -> Vec<(Origin, Intent)> {
        let met = under_way.iter().zip(verdicts).filter(|(_, verdict)| **verdict == Err(Rejected::Conflict));
        let conversations: BTreeSet<_> =
            met.filter_map(|((_, intent), _)| intent.conversation().cloned()).collect();
        match conversations.is_empty() {
            true => Vec::new(),
            false => self.commits.take_of(&conversations),
        }
    }

    /// Whether a verdict is one of its change, and its number follows those that were told.
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

    /// A change is under way no longer: what has waited for it goes on when all of its commit is answered.
    fn settle_change(&mut self, intent: &Intent) {
        self.commits.count(intent, false);
        if let Some(key) = intent.key() {
            self.blocked.append(&mut self.key_locks.unlock(&key));
        }
    }

    /// The reply first, then what others hear; on the sender's connection the order holds too.
    fn on_accepted(&mut self, origin: &Origin, event: Option<Event>, receipt: &Receipt) {
        let reply = event.as_ref().map_or(Reply::Done(Done::default()), handler::reply);
        self.finish(origin, Ok(reply));
        let conn = self.defer_events(origin);
        if let Some(event) = event {
            self.apply(&event, receipt.position(), conn);
            self.outputs.push_back(Output::Publish(event));
        }
        match origin {
            Origin::Entry(conn) => self.admit(*conn),
            Origin::Enrolment => self.enrolment_judged(true),
            Origin::Request(..) | Origin::Command(_) | Origin::Engine => {}
        }
    }

    /// Has live events on the origin's connection wait for its reply.
    pub(super) fn defer_events(&mut self, origin: &Origin) -> Option<ConnectionId> {
        let Origin::Request(conn, number) = origin else { return None };
        self.connections.get_mut(conn)?.defer_events(*number);
        self.deferring.insert(*conn);
        Some(*conn)
    }

    /// Decided again on new facts, in its old place, a few times.
    fn on_conflict(&mut self, origin: &Origin) {
        if *origin == Origin::Enrolment {
            return self.enrolment_judged(false);
        }
        let Some(mut pending) = self.take(origin) else { return };
        pending.conflicts += 1;
        pending.clear_facts();
        match pending.conflicts > self.limits.engine.conflict_retries {
            true => self.finish(origin, Err(self.unavailable())),
            false => self.proceed_in_turn(origin, pending),
        }
    }

    /// A true repeat is answered as the first time, and free of charge. Anything else under the same id has its price.
    fn on_duplicate(&mut self, origin: &Origin, original: &Original) {
        let Some(pending) = self.take(origin) else { return };
        let reply = handler::repeat(&pending.operation, original);
        if reply.is_ok() {
            self.refund(&pending);
            self.slow_down(origin, &pending.user.id);
        }
        self.finish(origin, reply);
    }

    /// The store did not answer, or not to this change: whether it was made is unknown, and is said so.
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
            Origin::Entry(conn) => self.entry_failed(*conn),
            Origin::Enrolment => self.enrolment_judged(false),
            Origin::Request(..) | Origin::Command(_) | Origin::Engine => {
                self.finish(origin, Err(self.unavailable()));
            }
        }
        self.advance_origin(origin);
    }
}

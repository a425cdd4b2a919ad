//! Calls to the store and the verifier that are in flight, each with its origin.

use std::collections::BTreeMap;

use super::key_locks::IdempotencyKey;
use super::origin::Origin;
use super::{Engine, Output, Ticket, Timer};
use crate::conversation::Conversation;
use crate::protocol::{Error, ErrorCode};
use crate::store::{AccountSelection, Change, Facts, Loaded, OrderPage, PutAccount, Query, UnavailableError};

/// The calls in flight. Bounded: each request, connection, command and job has at most one.
#[derive(Default)]
pub(super) struct PendingCalls {
    next: u64,
    open: BTreeMap<Ticket, PendingCall>,
}

/// A call in flight.
pub(super) struct PendingCall {
    pub(super) origin: Origin,
    /// The query to the store, or `None` for the verifier.
    pub(super) query: Option<Query>,
    /// The key locked by this call.
    pub(super) key: Option<IdempotencyKey>,
}

impl PendingCalls {
    pub(super) fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }

    pub(super) fn open(&mut self, question: PendingCall) -> Ticket {
        let ticket = self.ticket();
        self.open.insert(ticket, question);
        ticket
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Ends a call to the store.
    pub(super) fn end_load(&mut self, ticket: Ticket) -> Option<(PendingCall, Query)> {
        let query = self.open.get_mut(&ticket)?.query.take()?;
        Some((self.open.remove(&ticket)?, query))
    }

    /// Ends a call to the verifier, and returns its origin.
    pub(super) fn end_check(&mut self, ticket: Ticket) -> Option<Origin> {
        let is_check = self.open.get(&ticket)?.query.is_none();
        is_check.then(|| self.open.remove(&ticket)).flatten().map(|call| call.origin)
    }
}

/// Refuses facts that answer another query. Asked again, such a store would answer so for ever.
fn believe(query: &Query, loaded: Loaded) -> Result<Loaded, UnavailableError> {
    if query.is_answered_by(&loaded.facts) {
        Ok(loaded)
    } else {
        Err(UnavailableError::new("the facts answer another query"))
    }
}

fn emergencies(result: Result<Loaded, UnavailableError>) -> Option<Vec<Conversation>> {
    match result.ok()?.facts {
        Facts::Emergencies(found) => Some(found),
        _ => None,
    }
}

fn orders(result: Result<Loaded, UnavailableError>) -> Option<OrderPage> {
    match result.ok()?.facts {
        Facts::OpenOrders(found) => Some(found),
        _ => None,
    }
}

impl Engine {
    pub(super) fn load(&mut self, origin: Origin, query: Query) {
        self.load_with_key(None, origin, query);
    }

    /// Loads facts for a request, and locks its idempotency key until the facts are recorded.
    pub(super) fn load_with_key(&mut self, key: Option<IdempotencyKey>, origin: Origin, query: Query) {
        key.iter().for_each(|key| self.key_locks.lock(key.clone()));
        let ticket = self.calls.open(PendingCall { origin, query: Some(query.clone()), key });
        self.outputs.push_back(Output::Load { ticket, query });
    }

    pub(super) fn load_directory(&mut self) {
        self.load(Origin::Engine, Query::Directory);
    }

    /// The error for a client when the store does not answer.
    pub(super) fn unavailable(&self) -> Error {
        Error::after(ErrorCode::Unavailable, self.limits.periods.unavailable_retry)
    }

    pub(super) fn loaded(&mut self, ticket: Ticket, result: Result<Loaded, UnavailableError>) {
        let Some((PendingCall { origin, key, .. }, query)) = self.calls.end_load(ticket) else {
            return;
        };
        let result = result.and_then(|loaded| believe(&query, loaded));
        match origin {
            Origin::Engine => match query {
                Query::Conversation(id) => {
                    self.conversation_loaded(&id, result);
                    self.order_loaded(&id);
                    self.alert_loaded(id);
                }
                Query::Emergencies(_) => self.emergencies_loaded(emergencies(result)),
                Query::OpenOrders(_) => self.orders_loaded(orders(result)),
                _ => self.directory_loaded(result),
            },
            Origin::Entry(admission) => self.entry_loaded(admission, result),
            Origin::Request(..) | Origin::Command(_) => match result {
                Ok(_) if self.is_being_changed(&query) => {
                    // Nothing is in flight any more under the key. Its other requests stay behind.
                    self.blocked.push(origin);
                    self.blocked.extend(key.map(|key| self.key_locks.unlock(&key)).unwrap_or_default());
                }
                Ok(loaded) if self.is_outdated(&query, &loaded) => self.load_with_key(key, origin, query),
                result => self.facts_loaded(&origin, &query, key.as_ref(), result),
            },
        }
    }

    fn is_being_changed(&self, query: &Query) -> bool {
        match query {
            Query::Account(user) => self.commits.holds_account(user),
            Query::Accounts(AccountSelection::These(users)) => {
                users.iter().any(|user| self.commits.holds_account(user))
            }
            _ => false,
        }
    }

    /// Whether facts are older than an applied change and must be loaded again. Facts about
    /// conversations that are new enough are cached.
    fn is_outdated(&mut self, query: &Query, Loaded { position, facts }: &Loaded) -> bool {
        match (query, facts) {
            (Query::Conversation(id), Facts::Conversation(facts)) => {
                !self.record_conversation(id, facts.as_ref(), *position)
            }
            (Query::Account(_) | Query::Accounts(_), _) => self.directory.is_newer_than(*position),
            _ => false,
        }
    }

    /// Continues a request, and after it those that waited for its key.
    fn facts_loaded(
        &mut self,
        origin: &Origin,
        query: &Query,
        key: Option<&IdempotencyKey>,
        result: Result<Loaded, UnavailableError>,
    ) {
        let released = key.map(|key| self.key_locks.unlock(key)).unwrap_or_default();
        if let (Origin::Request(conn, _), Ok(Loaded { facts: Facts::Account(known), .. })) = (origin, &result)
        {
            self.settle_doubt(*conn, known.as_ref());
        }
        match (result, self.take(origin)) {
            (Ok(Loaded { facts, .. }), Some(mut pending)) => {
                pending.record(query, facts);
                self.resume_request(origin, pending);
            }
            (Ok(_), None) => {}
            (Err(_), _) => self.finish(origin, Err(self.unavailable())),
        }
        self.advance_origin(origin);
        self.resume(released);
    }

    fn directory_loaded(&mut self, result: Result<Loaded, UnavailableError>) {
        // An engine that has loaded nothing does not follow the history, so nothing else tells it.
        if result.as_ref().is_err_and(|error| error.past_epoch) {
            self.refuse_blocked();
            return self.end_epoch();
        }
        let Ok(Loaded { facts: Facts::Directory(directory), position }) = result else {
            self.load_directory_later();
            return self.refuse_blocked();
        };
        if self.directory.is_newer_than(position) {
            return self.load_directory();
        }
        self.epoch = directory.epoch;
        self.directory.replace(directory.staff);
        if directory.shared && !self.ready {
            self.begin_to_follow(position);
        }
        if !self.ready {
            self.load_emergencies();
            self.load_orders();
        }
        self.ready = true;
        self.file_staff();
        self.resume_blocked();
    }

    pub(super) fn load_directory_later(&mut self) {
        let again = self.now.monotonic.plus(self.limits.periods.unavailable_retry);
        self.timers.set(again, Timer::Directory);
    }

    /// Stores the teams of users anew where the policy has changed. Users for whom the policy has
    /// no valid teams keep the old ones.
    fn file_staff(&mut self) {
        let staff: Vec<_> = self.directory.staff().cloned().collect();
        for known in staff {
            if !self.commits.holds_account(&known.user().id)
                && let Some(account) = self.teams.file_anew(&known.account, self.now.wall)
            {
                let replaces = Some(known.position);
                let change = Change::PutAccount(PutAccount { account, replaces });
                if self.check_teams(&change).is_ok() {
                    self.submit_for(Origin::Engine, change);
                }
            }
        }
    }

    /// Refuses everything that waits for the first load of the directory, instead of waiting for
    /// the next attempt.
    fn refuse_blocked(&mut self) {
        if self.ready {
            return;
        }
        for origin in std::mem::take(&mut self.blocked) {
            match origin {
                Origin::Entry(admission) => self.entry_failed(admission),
                _ => self.finish(&origin, Err(self.unavailable())),
            }
        }
    }

    /// Retries everything blocked on the directory, an account change, or an earlier request with
    /// the same key.
    pub(super) fn resume_blocked(&mut self) {
        let waiting = std::mem::take(&mut self.blocked);
        self.resume(waiting);
    }

    pub(super) fn resume(&mut self, waiting: Vec<Origin>) {
        for origin in waiting {
            match &origin {
                Origin::Entry(admission) => self.enter(*admission),
                _ => {
                    if let Some(pending) = self.take(&origin) {
                        self.resume_request(&origin, pending);
                        self.advance_origin(&origin);
                    }
                }
            }
        }
    }
}

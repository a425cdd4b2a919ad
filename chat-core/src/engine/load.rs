//! Questions to the store and the verifier, and whose they are.

use std::collections::BTreeMap;

use super::io::{CommandId, ConnectionId};
use super::names::Name;
use super::{Engine, Output, Ticket, Timer};
use crate::protocol::{Error, ErrorCode};
use crate::store::{Facts, Loaded, Query, UnavailableError};

/// On whose behalf something is asked or changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Origin {
    /// A request, by its number on its connection.
    Request(ConnectionId, u64),
    /// A connection that is being admitted.
    Entry(ConnectionId),
    /// The embedder.
    Command(CommandId),
    /// The background job that enrols.
    Enrolment,
    /// The engine itself: nobody waits for an answer.
    Engine,
}

impl Origin {
    /// Whether it is a request of this connection.
    pub(super) fn is_of(&self, conn: ConnectionId) -> bool {
        matches!(self, Self::Request(own, _) if *own == conn)
    }
}

/// Questions under way. Bounded: each request, connection, command and job has at most one.
#[derive(Default)]
pub(super) struct Questions {
    next: u64,
    open: BTreeMap<Ticket, Question>,
}

/// A question under way.
pub(super) struct Question {
    pub(super) origin: Origin,
    /// To the store, or none to the verifier.
    pub(super) query: Option<Query>,
    /// The name that is held by it.
    pub(super) name: Option<Name>,
}

impl Questions {
    pub(super) fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }

    pub(super) fn open(&mut self, question: Question) -> Ticket {
        let ticket = self.ticket();
        self.open.insert(ticket, question);
        ticket
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn close(&mut self, ticket: Ticket) -> Option<Question> {
        self.open.remove(&ticket)
    }
}

impl Engine {
    pub(super) fn load(&mut self, origin: Origin, query: Query) {
        self.load_under(None, origin, query);
    }

    /// Loads for a request that may be repeated under this name, and holds it until the facts are taken up.
    pub(super) fn load_under(&mut self, name: Option<Name>, origin: Origin, query: Query) {
        name.iter().for_each(|name| self.names.hold(name.clone()));
        let ticket = self.questions.open(Question { origin, query: Some(query.clone()), name });
        self.outputs.push_back(Output::Load { ticket, query });
    }

    pub(super) fn load_directory(&mut self) {
        self.load(Origin::Engine, Query::Directory);
    }

    /// What a client is told when the store does not answer.
    pub(super) fn unavailable(&self) -> Error {
        Error::after(ErrorCode::Unavailable, self.limits.periods.unavailable_retry)
    }

    pub(super) fn loaded(&mut self, ticket: Ticket, result: Result<Loaded, UnavailableError>) {
        let Some(Question { origin, query: Some(query), name }) = self.questions.close(ticket) else {
            return;
        };
        match origin {
            Origin::Engine => self.directory_loaded(result),
            Origin::Entry(conn) => self.entry_loaded(conn, result),
            Origin::Enrolment => self.enrolment_loaded(result),
            Origin::Request(..) | Origin::Command(_) => match result {
                Ok(_) if self.is_being_changed(&query) => self.waiting.push(origin),
                Ok(loaded) if self.is_outdated(&query, &loaded) => self.load_under(name, origin, query),
                result => self.facts(&origin, &query, name.as_ref(), result),
            },
        }
    }

    fn is_being_changed(&self, query: &Query) -> bool {
        matches!(query, Query::Account(user) if self.commits.holds_account(user))
    }

    /// Whether facts are older than what was applied, and must be loaded again; otherwise they are remembered.
    fn is_outdated(&mut self, query: &Query, Loaded { position, facts }: &Loaded) -> bool {
        match (query, facts) {
            (Query::Conversation(id), Facts::Conversation(facts)) => {
                !self.cache.learn(id, facts.as_ref(), *position)
            }
            (Query::Account(_), _) => self.directory.is_newer_than(*position),
            _ => false,
        }
    }

    /// A request goes on, and after it those that have waited for it.
    fn facts(
        &mut self,
        origin: &Origin,
        query: &Query,
        name: Option<&Name>,
        result: Result<Loaded, UnavailableError>,
    ) {
        let released = name.map(|name| self.names.release(name)).unwrap_or_default();
        match (result, self.take(origin)) {
            (Ok(Loaded { facts, .. }), Some(mut work)) => {
                work.learn(query, facts);
                self.go_on(origin, work);
            }
            (Ok(_), None) => {}
            (Err(_), _) => self.finish(origin, Err(self.unavailable())),
        }
        self.advance_origin(origin);
        self.resume(released);
    }

    fn directory_loaded(&mut self, result: Result<Loaded, UnavailableError>) {
        let Ok(Loaded { facts: Facts::Directory(directory), position }) = result else {
            let again = self.now.monotonic.plus(self.limits.periods.unavailable_retry);
            self.timers.set(again, Timer::Directory);
            return self.refuse_waiting();
        };
        if self.directory.is_newer_than(position) {
            return self.load_directory();
        }
        self.epoch = directory.epoch;
        self.directory.replace(directory.control);
        self.directory.replace_leaving(&directory.due);
        self.commits.account_changes().for_each(|account| self.directory.put(account));
        self.restrict_all();
        self.ready = true;
        for account in directory.due {
            self.enrolment.put(account);
        }
        self.enrolment_step();
        self.resume_waiting();
    }

    /// Before the directory is loaded nobody can be served: whoever waits for it hears so, and does not wait for the next
    /// attempt.
    fn refuse_waiting(&mut self) {
        if self.ready {
            return;
        }
        for origin in std::mem::take(&mut self.waiting) {
            match origin {
                Origin::Entry(conn) => self.entry_failed(conn),
                _ => self.finish(&origin, Err(self.unavailable())),
            }
        }
    }

    /// Begins what has waited for the directory, an account, or a change that it may be a repeat of.
    pub(super) fn resume_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        self.resume(waiting);
    }

    pub(super) fn resume(&mut self, waiting: Vec<Origin>) {
        for origin in waiting {
            match &origin {
                Origin::Entry(conn) => self.enter(*conn),
                _ => {
                    if let Some(work) = self.take(&origin) {
                        self.go_on(&origin, work);
                        self.advance_origin(&origin);
                    }
                }
            }
        }
    }
}

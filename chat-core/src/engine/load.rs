//! Questions to the store and the verifier, and whose they are.

use std::collections::BTreeMap;

use super::io::{CommandId, ConnectionId};
use super::{Engine, Output, Ticket, Timer};
use crate::protocol::{Error, ErrorCode};
use crate::store::{Facts, Loaded, Query, Unavailable};

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

/// Questions under way. Bounded: each request, connection, command and job has at most one.
#[derive(Default)]
pub(super) struct Questions {
    next: u64,
    open: BTreeMap<Ticket, (Origin, Option<Query>)>,
}

impl Questions {
    pub(super) fn ticket(&mut self) -> Ticket {
        self.next += 1;
        Ticket(self.next)
    }

    pub(super) fn open(&mut self, origin: Origin, query: Option<Query>) -> Ticket {
        let ticket = self.ticket();
        self.open.insert(ticket, (origin, query));
        ticket
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn close(&mut self, ticket: Ticket) -> Option<(Origin, Option<Query>)> {
        self.open.remove(&ticket)
    }
}

impl Engine {
    pub(super) fn load(&mut self, origin: Origin, query: Query) {
        let ticket = self.questions.open(origin, Some(query.clone()));
        self.outputs.push_back(Output::Load { ticket, query });
    }

    pub(super) fn load_directory(&mut self) {
        self.load(Origin::Engine, Query::Directory);
    }

    /// What a client is told when the store does not answer.
    pub(super) fn unavailable(&self) -> Error {
        Error::after(ErrorCode::Unavailable, self.limits.periods.unavailable_retry)
    }

    pub(super) fn loaded(&mut self, ticket: Ticket, result: Result<Loaded, Unavailable>) {
        let Some((origin, Some(query))) = self.questions.close(ticket) else { return };
        match origin {
            Origin::Engine => self.directory_loaded(result),
            Origin::Entry(conn) => self.entry_loaded(conn, result),
            Origin::Enrolment => self.enrolment_loaded(result),
            Origin::Request(..) | Origin::Command(_) => self.facts(origin, query, result),
        }
    }

    fn facts(&mut self, origin: Origin, query: Query, result: Result<Loaded, Unavailable>) {
        match result {
            Ok(Loaded { position, facts }) => {
                if let (Query::Conversation(id), Facts::Conversation(conversation)) = (&query, &facts)
                    && !self.cache.learn(id, conversation.as_ref(), position)
                {
                    return self.load(origin, query);
                }
                if let Query::Account(user) = &query {
                    if self.commits.holds_account(user) {
                        return self.waiting.push(origin);
                    }
                    if self.directory.is_newer_than(position) {
                        return self.load(origin, query);
                    }
                }
                let Some(mut work) = self.take(&origin) else { return };
                work.known.learn(&query, facts);
                self.proceed(&origin, work);
            }
            Err(_) => self.finish(&origin, Err(self.unavailable())),
        }
        self.advance_origin(&origin);
    }

    fn directory_loaded(&mut self, result: Result<Loaded, Unavailable>) {
        let Ok(Loaded { facts: Facts::Directory(directory), position }) = result else {
            let again = self.now.monotonic.plus(self.limits.periods.unavailable_retry);
            return self.timers.set(again, Timer::Directory);
        };
        if self.directory.is_newer_than(position) {
            return self.load_directory();
        }
        self.epoch = directory.epoch;
        self.directory.replace(directory.control);
        self.commits.account_changes().for_each(|account| self.directory.put(account));
        self.ready = true;
        for account in directory.due {
            self.enrolment.put(account);
        }
        self.enrolment_step();
        self.resume_waiting();
    }

    /// Begins what has waited for the directory, an account, or a change that it may be a repeat of.
    pub(super) fn resume_waiting(&mut self) {
        for origin in std::mem::take(&mut self.waiting) {
            match &origin {
                Origin::Entry(conn) => self.enter(*conn),
                _ => {
                    if let Some(work) = self.take(&origin) {
                        self.proceed(&origin, work);
                        self.advance_origin(&origin);
                    }
                }
            }
        }
    }
}

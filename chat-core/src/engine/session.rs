//! The life of a connection: admitted, prolonged, ended.

use std::sync::Arc;

use super::connection::{Connection, Stage};
use super::io::ConnectionId;
use super::origin::{Admission, Origin};
use super::pending_request::PendingRequest;
use super::{Claims, Draining, Engine, Output, Ticket, Timer, VerifyError};
use crate::id::UserId;
use crate::protocol::{CloseCode, Error, ErrorCode, RefreshTokenReply, Reply, Success};
use crate::store::{Account, Facts, Loaded, Query, StoredAccount, UnavailableError};
use crate::time::{Monotonic, Timestamp};

/// The slots of one connection have at most this many bits of their numbers to themselves. The bits
/// above number the connections.
const SLOT_BITS: u32 = 32;

impl Engine {
    /// Begins a connection. Once admitted, the connection hears all live events since this moment,
    /// those of the teams included that its token puts the user in.
    pub(super) fn connected(&mut self, conn: ConnectionId, claims: Claims) {
        self.supersede(conn);
        if self.draining != Draining::No {
            return self.outputs.push_back(Output::Close { conn, code: CloseCode::GoingAway });
        }
        let Claims { user, expires_at, issued_at } = claims;
        if let Err(error) = user.check() {
            self.send_error(conn, Error::with_detail(ErrorCode::NotAuthenticated, error));
            return self.outputs.push_back(Output::Close { conn, code: CloseCode::NotAuthenticated });
        }
        if let Err(error) = self.rates.connect(&user.id, self.now.monotonic) {
            self.send_error(conn, error);
            return self.outputs.push_back(Output::Close { conn, code: CloseCode::TryAgainLater });
        }
        self.make_room_for(&user.id, false);
        let account = self.teams.file(Account::new(user), self.now.wall);
        self.online.add(account.user.id.clone(), &account.teams, conn);
        let known = self.directory.account(&account.user.id).cloned();
        let number = self.connected << SLOT_BITS;
        self.connected += 1;
        let account = Arc::new(StoredAccount::unplaced(account));
        let connection = Connection::new(account, issued_at, self.now.monotonic, number);
        self.connections.insert(conn, connection);
        self.deferring.insert(conn);
        known.into_iter().for_each(|known| self.count_in(conn, &known.account));
        let at = self.token_deadline(expires_at);
        self.timers.set(at, Timer::Token(conn));
        self.enter(Admission { conn, number });
    }

    /// Ends an open connection whose number is used again, without a close that would reach the new
    /// connection. Frames for the old one are dropped.
    fn supersede(&mut self, conn: ConnectionId) {
        if !self.connections.contains_key(&conn) {
            return;
        }
        self.outputs.retain_mut(|output| match output {
            Output::Send { conns, .. } => {
                conns.retain(|other| *other != conn);
                !conns.is_empty()
            }
            Output::Pause { conn: other } | Output::Resume { conn: other } => *other != conn,
            _ => true,
        });
        self.forget(conn);
    }

    /// Closes a user's longest silent connection if one more would be too many.
    ///
    /// Admitted connections and those being admitted are counted apart, so a token refused in the
    /// end replaces no admitted connection.
    fn make_room_for(&mut self, user: &UserId, is_admitted: bool) {
        let candidates = self.online.of(user).iter().filter_map(|conn| {
            let connection = self.connections.get(conn)?;
            (connection.is_admitted() == is_admitted).then_some((connection.last_heard, *conn))
        });
        let candidates: Vec<_> = candidates.collect();
        if candidates.len() >= self.limits.engine.connections_per_user
            && let Some((_, conn)) = candidates.into_iter().min_by_key(|(last_heard, _)| *last_heard)
        {
            self.close(conn, CloseCode::Replaced, None);
        }
    }

    /// Notes a sign of life other than a frame.
    pub(super) fn alive(&mut self, conn: ConnectionId, at: Monotonic) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.last_heard = connection.last_heard.max(at.min(self.now.monotonic));
        }
    }

    /// Begins the admission of a connection, or lets the connection wait.
    pub(super) fn enter(&mut self, admission: Admission) {
        let Some(connection) = self.entering(admission) else { return };
        let user = connection.account.user().id.clone();
        if self.ready && !self.commits.holds_account(&user) {
            self.load(Origin::Entry(admission), Query::Account(user));
        } else {
            self.blocked.push(Origin::Entry(admission));
        }
    }

    /// Judges a connection by the loaded account.
    pub(super) fn entry_loaded(&mut self, admission: Admission, result: Result<Loaded, UnavailableError>) {
        let Some(connection) = self.entering(admission) else { return };
        let (conn, user) = (admission.conn, connection.account.user().clone());
        let Ok(Loaded { facts: Facts::Account(known), position }) = result else {
            return self.entry_failed(admission);
        };
        if self.commits.holds_account(&user.id) || self.directory.is_newer_than(position) {
            return self.enter(admission);
        }
        match known {
            Some(known) if !known.account.active => {
                self.close(conn, CloseCode::Deactivated, Some(ErrorCode::Deactivated.into()));
            }
            known => self.enter_by_token(admission, &user, known.as_ref()),
        }
    }

    /// Admits a connection: frames may leave, and requests are started.
    pub(super) fn admit(&mut self, admission: Admission) {
        let Some(connection) = self.entering(admission) else { return };
        let user = connection.account.user().id.clone();
        self.make_room_for(&user, true);
        if let Some(connection) = self.connections.get_mut(&admission.conn) {
            connection.set(admission.number, Stage::Done(None));
            self.advance(admission.conn);
        }
    }

    pub(super) fn entry_failed(&mut self, admission: Admission) {
        if self.entering(admission).is_some() {
            self.close(admission.conn, CloseCode::TryAgainLater, Some(self.unavailable()));
        }
    }

    /// The connection of an admission, unless it is gone.
    pub(super) fn entering(&self, Admission { conn, number }: Admission) -> Option<&Connection> {
        self.connections.get(&conn).filter(|connection| connection.entry() == number)
    }

    /// Closes a connection from this side, with an error first if the code alone doesn't explain
    /// the reason.
    pub(super) fn close(&mut self, conn: ConnectionId, code: CloseCode, error: Option<Error>) {
        if !self.connections.contains_key(&conn) {
            return;
        }
        if let Some(error) = error {
            self.send_error(conn, error);
        }
        self.outputs.push_back(Output::Close { conn, code });
        self.forget(conn);
    }

    /// Drops the state of a closed connection. Changes in flight go on.
    pub(super) fn forget(&mut self, conn: ConnectionId) {
        let Some(connection) = self.connections.remove(&conn) else { return };
        self.deferring.remove(&conn);
        self.timers.cancel(&Timer::Token(conn));
        self.timers.cancel(&Timer::Rest(conn));
        let admission = Admission { conn, number: connection.entry() };
        self.blocked.retain(|origin| *origin != Origin::Entry(admission));
        if let Some(key) = connection.loading().and_then(PendingRequest::key) {
            self.key_locks.forget(&key, conn);
        }
        let user = &connection.account.user().id;
        self.online.remove(user, &connection.account.account.teams, conn);
        let typing = connection.typing.into_iter().map(|conversation| (conn, user.clone(), conversation));
        self.left_typing.extend(typing);
    }

    /// Answers `refresh_token`. A token of another user or role leaves the old session unchanged.
    pub(super) fn verified(&mut self, ticket: Ticket, result: Result<Claims, VerifyError>) {
        let Some(origin) = self.calls.end_check(ticket) else { return };
        let Some(connection) = self.connection_of(&origin) else { return };
        let same = |claims: &Claims| {
            let user = connection.account.user();
            (&claims.user.id, claims.user.role) == (&user.id, user.role)
        };
        let decided_at = connection.account.account.decided_at;
        let result = match result.ok().filter(same) {
            Some(Claims { issued_at, .. }) if Account::decided_after(decided_at, issued_at) => {
                Err(ErrorCode::RightsChanged.into())
            }
            Some(Claims { expires_at, .. }) => {
                if let Origin::Request(conn, _) = origin {
                    let at = self.token_deadline(expires_at);
                    self.timers.set(at, Timer::Token(conn));
                }
                Ok(Reply::RefreshToken(RefreshTokenReply { success: Success, expires_at }))
            }
            None => Err(ErrorCode::TokenMismatch.into()),
        };
        self.finish(&origin, result);
        self.advance_origin(&origin);
    }

    /// The monotonic time at which an expiring token ends its session.
    pub(super) fn token_deadline(&self, expires_at: Timestamp) -> Monotonic {
        let left = expires_at.plus(self.limits.periods.token_leeway).since(self.now.wall);
        self.now.monotonic.plus(left)
    }

    /// Ends a session with an expired token. A prolonged session has a later timer, and setting the
    /// wall clock has no effect.
    pub(super) fn token_due(&mut self, conn: ConnectionId) {
        self.close(conn, CloseCode::TokenExpired, Some(ErrorCode::TokenExpired.into()));
    }

    /// Starts the shutdown: pending requests are finished, then each connection is closed.
    pub(super) fn drain(&mut self) {
        if self.draining == Draining::No {
            self.draining = Draining::Yes;
            let conns: Vec<_> = self.connections.keys().copied().collect();
            conns.into_iter().for_each(|conn| self.disconnect_gracefully(conn, CloseCode::GoingAway));
        }
    }

    /// Closes a connection once its pending requests are finished.
    pub(super) fn disconnect_gracefully(&mut self, conn: ConnectionId, code: CloseCode) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.leaving.get_or_insert(code);
            self.backlog(conn, false);
        }
    }
}

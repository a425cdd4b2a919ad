//! The rights of sessions, which at each moment are those of the account.
//!
//! A user has one role. A token may change the role where [`Account::by_token`] allows, and an
//! import always may. A change of role or teams ends the sessions with others (4002). A request
//! decided before the change meets a conflict behind it.

use std::sync::Arc;

use super::Engine;
use super::connection::Knowledge;
use super::io::ConnectionId;
use super::origin::{Admission, Origin};
use crate::protocol::{CloseCode, Error, ErrorCode, User};
use crate::store::{Account, Change, Position, PutAccount, Query, StoredAccount, TokenVerdict};

impl Engine {
    /// Admits a connection of an active or unknown account, after changing the account if
    /// necessary, or refuses the token.
    pub(super) fn enter_by_token(
        &mut self,
        admission: Admission,
        user: &User,
        known: Option<&StoredAccount>,
    ) {
        let Some(connection) = self.entering(admission) else { return };
        let conn = admission.conn;
        let (wall, now) = (self.now.wall, self.now.monotonic);
        let account = known.map(|known| &known.account);
        match (Account::by_token(account, user, connection.issued_at, wall), known) {
            (TokenVerdict::Outdated, _) => self.refuse_rights(conn, ErrorCode::RightsChanged.into()),
            (TokenVerdict::New(account), _) => self.put_account(admission, known, account),
            (TokenVerdict::ChangesRole { account, is_newer }, _) => {
                let charged = if is_newer { Ok(()) } else { self.rates.change_role(&user.id, now) };
                match charged {
                    Ok(()) => self.put_account(admission, known, account),
                    Err(error) => self.refuse_rights(conn, error),
                }
            }
            (TokenVerdict::Renames(account), _) if self.rates.may_rename(&user.id, now) => {
                self.put_account(admission, known, account);
            }
            (TokenVerdict::Renames(_) | TokenVerdict::Agrees, Some(stored)) => {
                if let Some(account) = self.teams.file_anew(&stored.account, wall) {
                    self.put_account(admission, known, account);
                } else {
                    self.take_up(conn, stored);
                    self.admit(admission);
                }
            }
            (TokenVerdict::Renames(_) | TokenVerdict::Agrees, None) => self.entry_failed(admission),
        }
    }

    /// Puts the account of a connection that is being admitted, in place of the known one.
    fn put_account(&mut self, admission: Admission, known: Option<&StoredAccount>, account: Account) {
        let account = self.teams.file(account, self.now.wall);
        let stored = StoredAccount::after(known, account.clone(), Position::default());
        let replaces = known.map(|known| known.position);
        let change = Change::PutAccount(PutAccount { account, replaces });
        if let Err(error) = self.check_teams(&change) {
            return self.close(admission.conn, CloseCode::TryAgainLater, Some(error));
        }
        self.take_up(admission.conn, &stored);
        self.submit_for(Origin::Entry(admission), change);
    }

    /// Admits a connection whose account has been put at this position.
    pub(super) fn admit_at(&mut self, admission: Admission, position: Position) {
        if let Some(connection) = self.entering(admission) {
            let stored = StoredAccount::clone(&connection.account).placed_at(position);
            self.take_up(admission.conn, &stored);
        }
        self.admit(admission);
    }

    /// Judges a connection anew whose account was changed elsewhere meanwhile, at most
    /// `conflict_retries` times.
    pub(super) fn enter_again(&mut self, admission: Admission) {
        if self.entering(admission).is_none() {
            return;
        }
        let Some(connection) = self.connections.get_mut(&admission.conn) else { return };
        connection.entry_conflicts += 1;
        if connection.entry_conflicts > self.limits.engine.conflict_retries {
            self.entry_failed(admission);
        } else {
            self.enter(admission);
        }
    }

    fn refuse_rights(&mut self, conn: ConnectionId, error: Error) {
        self.close(conn, CloseCode::RightsChanged, Some(error));
    }

    /// Takes over the account for a connection. Live events follow its teams from now on. A
    /// connection that holds events of other teams must begin anew.
    fn take_up(&mut self, conn: ConnectionId, stored: &StoredAccount) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let (from, to) = (&connection.account.account.teams, &stored.account.teams);
        if connection.holds_events() && from.iter().any(|team| !to.contains(team)) {
            return self.refuse_rights(conn, ErrorCode::RightsChanged.into());
        }
        self.online.change_teams(conn, from, to);
        connection.identify(stored);
    }

    /// Counts a connection that is being admitted in the teams of its user's account too. They may
    /// differ from those of its token where the policy goes by names.
    pub(super) fn count_in(&mut self, conn: ConnectionId, known: &Account) {
        let Some(connection) = self.connections.get(&conn) else { return };
        let StoredAccount { account, .. } = &*connection.account;
        if account.user.role == known.user.role {
            let teams = [&*account.teams, &*known.teams].concat();
            let account = account.clone().in_teams(teams, self.now.wall);
            self.take_up(conn, &StoredAccount { account, ..StoredAccount::clone(&connection.account) });
        }
    }

    /// The account that was put at this position.
    ///
    /// The rights position is exact for staff and for users with a session. Others have no use
    /// for one.
    pub(super) fn stored_at(&self, account: &Account, position: Position) -> StoredAccount {
        let user = &account.user.id;
        let conns = self.online.of(user).iter().filter_map(|conn| self.connections.get(conn));
        let of_session = || {
            conns.filter(|connection| connection.is_admitted()).map(|connection| &connection.account).next()
        };
        let known = self.directory.account(user).or_else(of_session);
        StoredAccount::after(known.map(Arc::as_ref), account.clone(), position)
    }

    /// Applies an account to the sessions of its user, which end or adopt the new data.
    ///
    /// A connection being admitted is judged by the new account in its turn.
    pub(super) fn reach_sessions(&mut self, stored: &StoredAccount) {
        let account = &stored.account;
        for conn in self.online.of(&account.user.id).to_vec() {
            let Some(connection) = self.connections.get(&conn) else { continue };
            if !account.active {
                self.close(conn, CloseCode::Deactivated, Some(ErrorCode::Deactivated.into()));
            } else if connection.is_admitted() && connection.account.account.has_same_rights(account) {
                self.take_up(conn, stored);
            } else if connection.is_admitted() {
                self.refuse_rights(conn, ErrorCode::RightsChanged.into());
            } else {
                self.count_in(conn, account);
            }
        }
    }

    /// The query for the account of a request's user, after a change that met a conflict. The cause
    /// may be a change of the account that the engine has not made.
    pub(super) fn doubt(&mut self, origin: &Origin) -> Option<Query> {
        let connection =
            self.connection_of(origin).filter(|connection| connection.knowledge == Knowledge::Doubted)?;
        Some(Query::Account(connection.account.user().id.clone()))
    }

    /// Has the sessions of a user follow the account loaded because of a [doubt](Self::doubt).
    pub(super) fn settle_doubt(&mut self, conn: ConnectionId, known: Option<&StoredAccount>) {
        let connection = self.connections.get_mut(&conn);
        connection.into_iter().for_each(|connection| connection.knowledge = Knowledge::Current);
        known.into_iter().for_each(|stored| self.reach_sessions(stored));
    }

    /// Ends the sessions that a change of unknown outcome would have ended, so that they begin
    /// anew. A connection being admitted may have been judged by older facts.
    pub(super) fn doubt_sessions(&mut self, account: &Account) {
        for conn in self.online.of(&account.user.id).to_vec() {
            let Some(connection) = self.connections.get(&conn) else { continue };
            if !connection.account.account.has_same_rights(account) {
                self.close(conn, CloseCode::TryAgainLater, Some(self.unavailable()));
            }
        }
    }
}

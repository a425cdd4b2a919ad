//! The rights of sessions, which at each moment are those of the account.
//!
//! A user has one role. A token may change the role where [`Account::by_token`] allows, and an
//! import always may. A change of role or teams ends the sessions with others (4002). While the
//! store makes the change, no request of the user is accepted.

use super::Engine;
use super::io::ConnectionId;
use super::origin::{Admission, Origin};
use crate::protocol::{CloseCode, Error, ErrorCode, User};
use crate::store::{Account, Change, TokenVerdict};

impl Engine {
    /// Admits a connection of an active or unknown account, after changing the account if
    /// necessary, or refuses the token.
    pub(super) fn enter_by_token(&mut self, admission: Admission, user: &User, known: Option<Account>) {
        let Some(connection) = self.entering(admission) else { return };
        let conn = admission.conn;
        let (wall, now) = (self.now.wall, self.now.monotonic);
        match (Account::by_token(known.as_ref(), user, connection.issued_at, wall), known) {
            (TokenVerdict::Outdated, _) => self.refuse_rights(conn, ErrorCode::RightsChanged.into()),
            (TokenVerdict::New(account), _) => self.put_account(admission, account),
            (TokenVerdict::ChangesRole { account, is_newer }, _) => {
                let charged = if is_newer { Ok(()) } else { self.rates.change_role(&user.id, now) };
                match charged {
                    Ok(()) => self.put_account(admission, account),
                    Err(error) => self.refuse_rights(conn, error),
                }
            }
            (TokenVerdict::Renames(account), _) if self.rates.may_rename(&user.id, now) => {
                self.put_account(admission, account);
            }
            (TokenVerdict::Renames(_) | TokenVerdict::Agrees, Some(account)) => {
                if let Some(account) = self.teams.file_anew(&account, wall) {
                    self.put_account(admission, account);
                } else {
                    self.take_up(conn, &account);
                    self.admit(admission);
                }
            }
            (TokenVerdict::Renames(_) | TokenVerdict::Agrees, None) => self.entry_failed(admission),
        }
    }

    /// Puts the account of a connection that is being admitted.
    fn put_account(&mut self, admission: Admission, account: Account) {
        let account = self.teams.file(account, self.now.wall);
        self.take_up(admission.conn, &account);
        self.submit_for(Origin::Entry(admission), Change::PutAccount(account));
    }

    fn refuse_rights(&mut self, conn: ConnectionId, error: Error) {
        self.close(conn, CloseCode::RightsChanged, Some(error));
    }

    /// Takes over the account for a connection. Live events follow its teams from now on. A
    /// connection that holds events of other teams must begin anew.
    fn take_up(&mut self, conn: ConnectionId, account: &Account) {
        let Some(connection) = self.connections.get_mut(&conn) else { return };
        let is_left = |team| !account.teams.contains(team);
        if connection.holds_events() && connection.account.teams.iter().any(is_left) {
            return self.refuse_rights(conn, ErrorCode::RightsChanged.into());
        }
        self.online.change_teams(conn, &connection.account.teams, &account.teams);
        connection.identify(account);
    }

    /// Counts a connection that is being admitted in the teams of its user's account too. They may
    /// differ from those of its token where the policy goes by names.
    pub(super) fn count_in(&mut self, conn: ConnectionId, known: &Account) {
        let Some(connection) = self.connections.get(&conn) else { return };
        if connection.account.user.role == known.user.role {
            let teams = [&*connection.account.teams, &*known.teams].concat();
            let account = Account::clone(&connection.account).in_teams(teams, self.now.wall);
            self.take_up(conn, &account);
        }
    }

    /// Applies a committed account change to the user's sessions, which end or adopt the new data.
    ///
    /// A connection being admitted is judged by the new account in its turn.
    pub(super) fn reach_sessions(&mut self, account: &Account) {
        for conn in self.online.of(&account.user.id).to_vec() {
            let Some(connection) = self.connections.get(&conn) else { continue };
            if !account.active {
                self.close(conn, CloseCode::Deactivated, Some(ErrorCode::Deactivated.into()));
            } else if connection.is_admitted() && have_same_rights(&connection.account, account) {
                self.take_up(conn, account);
            } else if connection.is_admitted() {
                self.refuse_rights(conn, ErrorCode::RightsChanged.into());
            } else {
                self.count_in(conn, account);
            }
        }
    }

    /// Ends the sessions that a change of unknown outcome would have ended, so that they begin
    /// anew. A connection being admitted may have been judged by older facts.
    pub(super) fn doubt_sessions(&mut self, account: &Account) {
        for conn in self.online.of(&account.user.id).to_vec() {
            let Some(connection) = self.connections.get(&conn) else { continue };
            if !account.active || !have_same_rights(&connection.account, account) {
                self.close(conn, CloseCode::TryAgainLater, Some(self.unavailable()));
            }
        }
    }
}

fn have_same_rights(a: &Account, b: &Account) -> bool {
    (a.user.role, &a.teams) == (b.user.role, &b.teams)
}

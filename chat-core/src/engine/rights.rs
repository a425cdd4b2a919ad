//! The rights of sessions, which at each moment are those of the account.
//!
//! A user has one role. A token may change the role where [`Account::by_token`] allows, and an
//! import always may. A change ends the sessions with another role (4002). While the store makes
//! the change, no request of the user is accepted.

use std::collections::BTreeSet;

use super::Engine;
use super::io::ConnectionId;
use super::origin::{Admission, Origin};
use crate::id::{ConversationId, UserId};
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
                self.take_up(conn, &account);
                self.admit(admission);
            }
            (TokenVerdict::Renames(_) | TokenVerdict::Agrees, None) => self.entry_failed(admission),
        }
    }

    fn put_account(&mut self, admission: Admission, account: Account) {
        self.put_in_directory(&account);
        self.submit_for(Origin::Entry(admission), Change::PutAccount(account), None);
    }

    fn refuse_rights(&mut self, conn: ConnectionId, error: Error) {
        self.close(conn, CloseCode::RightsChanged, Some(error));
    }

    fn take_up(&mut self, conn: ConnectionId, account: &Account) {
        if let Some(connection) = self.connections.get_mut(&conn) {
            connection.identify(&account.user);
            connection.decided_at = account.decided_at;
        }
    }

    /// Applies an account change to all decisions from now on.
    pub(super) fn put_in_directory(&mut self, account: &Account) {
        self.directory.put(account);
        self.restrict(&account.user.id);
        if !self.directory.knows(&account.user.id) {
            // A connection not admitted yet may make this user a control user again. New
            // conversations wait for the connection, as for a newcomer.
            let comes = |conn: &&ConnectionId| {
                self.connections
                    .get(*conn)
                    .is_some_and(|connection| connection.user.role.is_control() && !connection.is_admitted())
            };
            let coming: Vec<_> = self.online.of(&account.user.id).iter().filter(comes).copied().collect();
            coming.into_iter().for_each(|conn| self.newcomers.add(conn));
        }
    }

    /// Applies a committed account change to the user's sessions, which end or adopt the new data.
    ///
    /// A connection being admitted is judged by the new account in its turn.
    pub(super) fn reach_sessions(&mut self, account: &Account) {
        for conn in self.online.of(&account.user.id).to_vec() {
            let Some(connection) = self.connections.get(&conn) else { continue };
            let has_role = connection.user.role == account.user.role;
            if !account.active {
                self.close(conn, CloseCode::Deactivated, Some(ErrorCode::Deactivated.into()));
            } else if connection.is_admitted() && !has_role {
                self.refuse_rights(conn, ErrorCode::RightsChanged.into());
            } else if has_role && connection.is_admitted() {
                self.take_up(conn, account);
            }
        }
    }

    /// Ends the sessions that a change of unknown outcome would have ended, so that they begin
    /// anew.
    pub(super) fn doubt_sessions(&mut self, account: &Account) {
        for conn in self.online.of(&account.user.id).to_vec() {
            let Some(connection) = self.connections.get(&conn) else { continue };
            let is_in_doubt = !account.active || connection.user.role != account.user.role;
            if is_in_doubt && connection.is_admitted() {
                self.close(conn, CloseCode::TryAgainLater, Some(self.unavailable()));
            }
        }
    }

    /// Marks or unmarks the connections of a user with a field role whose account is or was in
    /// control.
    ///
    /// The store still names this user as a participant of control's conversations. A marked
    /// connection gets no events of these.
    pub(super) fn restrict(&mut self, user: &UserId) {
        let is_or_was_control = self.directory.is_or_was_control(user);
        for conn in self.online.of(user) {
            let is_field =
                self.connections.get(conn).is_some_and(|connection| !connection.user.role.is_control());
            if is_or_was_control && is_field {
                self.restricted.insert(*conn)
            } else {
                self.restricted.remove(conn)
            };
        }
    }

    /// Restricts all connections once the directory is loaded.
    pub(super) fn restrict_all(&mut self) {
        let users = self.connections.values().map(|connection| connection.user.id.clone());
        users.collect::<BTreeSet<_>>().iter().for_each(|user| self.restrict(user));
    }

    /// Removes connections that must not hear of a conversation although their users are stored as
    /// participants.
    pub(super) fn retain_unrestricted(&self, conversation: &ConversationId, conns: &mut Vec<ConnectionId>) {
        if self.restricted.is_empty() {
            return;
        }
        let creator = self.cache.get(conversation).map(|conversation| &conversation.created_by);
        conns.retain(|conn| {
            let user = self.connections.get(conn).map(|connection| &connection.user.id);
            !self.restricted.contains(conn) || user == creator
        });
    }
}

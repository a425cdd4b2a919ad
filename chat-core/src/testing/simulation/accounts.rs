//! Imports and administration: what they say of users while these are connected.

use std::time::Duration;

use super::environment::{Environment, Happening};
use crate::engine::{Command, CommandId, Input};
use crate::id::UserId;
use crate::protocol::{Role, User};

/// By then a store has carried out a command, or has failed.
const SURELY_DONE: Duration = Duration::from_secs(10);

impl Environment {
    fn any_user(&mut self) -> Option<User> {
        let users: Vec<_> =
            self.server.exported().accounts.values().map(|known| known.user.clone()).collect();
        self.random.pick(&users).cloned()
    }

    fn command(&mut self, command: Command) {
        self.note(|| format!("administration: {command:?}"));
        self.commands += 1;
        self.input(Input::Command { id: CommandId(self.commands), command });
    }

    /// The staff list says a role of somebody, the same or another one. The user with the first id
    /// keeps its role, so that somebody can ask for support in every run.
    pub(super) fn import_any(&mut self) {
        if let (Some(user), Some(role)) = (self.any_user(), self.random.pick(&Role::ALL).copied()) {
            let is_first = self.server.exported().accounts.keys().next() == Some(&user.id);
            let role = if is_first { user.role } else { role };
            self.command(Command::Import(User { role, ..user }));
        }
    }

    /// Deactivates a user, who is activated after a pause. A slow store may not have done the first
    /// when the second is due, so that it is looked for once more.
    pub(super) fn deactivate_any(&mut self) {
        if let Some(user) = self.any_user() {
            self.command(Command::Deactivate(user.id.clone()));
            let pause = self.random.span(500..8_000);
            for more in [Duration::ZERO, SURELY_DONE] {
                self.later(pause + more, Happening::Activates(user.id.clone()));
            }
        }
    }

    /// Activates whoever is deactivated in a backup that has taken the store's place: the
    /// activation may be lost with what the backup lacks.
    pub(super) fn activate_all_later(&mut self) {
        let accounts = self.server.exported().accounts.values();
        let out: Vec<_> = accounts.filter(|known| !known.active).map(|known| known.user.id.clone()).collect();
        out.into_iter().for_each(|user| self.later(Duration::from_secs(2), Happening::Activates(user)));
    }

    /// Activates a user, again and again until the store says so.
    pub(super) fn activate(&mut self, user: UserId) {
        let is_out = self.server.exported().accounts.get(&user).is_some_and(|account| !account.active);
        if is_out {
            self.command(Command::Activate(user.clone()));
            self.later(Duration::from_secs(2), Happening::Activates(user));
        }
    }
}

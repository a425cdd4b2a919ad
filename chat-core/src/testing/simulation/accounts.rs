//! Imports and administration: what they say of users while these are connected.

use std::time::Duration;

use super::environment::{Environment, Happening};
use crate::engine::{Command, CommandId, Input};
use crate::id::UserId;
use crate::protocol::{Role, User};

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

    /// The staff list says a role of somebody, the same or another one. The user with the first id keeps its role, so that
    /// somebody can ask for support in every run.
    pub(super) fn import_any(&mut self) {
        if let (Some(user), Some(role)) = (self.any_user(), self.random.pick(&Role::ALL).copied()) {
            let is_first = self.server.exported().accounts.keys().next() == Some(&user.id);
            let role = if is_first { user.role } else { role };
            self.command(Command::Import(User { role, ..user }));
        }
    }

    pub(super) fn deactivate_any(&mut self) {
        if let Some(user) = self.any_user() {
            self.command(Command::Deactivate(user.id.clone()));
            let pause = self.random.span(500..8_000);
            self.later(pause, Happening::Activates(user.id));
        }
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

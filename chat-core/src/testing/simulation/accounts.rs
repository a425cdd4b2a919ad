//! Imports and administration, which change users while these are connected.

use std::time::Duration;

use super::environment::{Environment, Happening};
use crate::engine::{Command, CommandId, Input};
use crate::id::UserId;
use crate::protocol::{Role, User};

/// The time by which a store has carried out a command, or has failed.
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

    /// Imports the same role or another one for some user. The user with the first id keeps its
    /// role: otherwise a run could lack anyone allowed to ask for support.
    pub(super) fn import_any(&mut self) {
        if let (Some(user), Some(role)) = (self.any_user(), self.random.pick(&Role::ALL).copied()) {
            let is_first = self.server.exported().accounts.keys().next() == Some(&user.id);
            let role = if is_first { user.role } else { role };
            self.command(Command::Import(User { role, ..user }));
        }
    }

    /// Deactivates a user, and activates the same user after a pause. The activation is tried
    /// twice, because a slow store may not have done the deactivation by then.
    pub(super) fn deactivate_any(&mut self) {
        if let Some(user) = self.any_user() {
            self.command(Command::Deactivate(user.id.clone()));
            let pause = self.random.span(500..8_000);
            for more in [Duration::ZERO, SURELY_DONE] {
                self.later(pause + more, Happening::Activates(user.id.clone()));
            }
        }
    }

    /// Activates every user deactivated in a backup that has replaced the store. The backup may
    /// lack the activation.
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

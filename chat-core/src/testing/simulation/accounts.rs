//! Imports and administration, which change users while these are connected.

use std::time::Duration;

use super::environment::{Environment, Happening};
use crate::engine::{Command, CommandId, Input};
use crate::id::UserId;
use crate::protocol::{Role, User};
use crate::testing::NorthAndSouth;

/// The time by which a store has carried out a command, or has failed.
const SURELY_DONE: Duration = Duration::from_secs(10);

/// The percentage of connections that meet the deactivation of their user.
const CONNECTING: u64 = 4;

impl Environment {
    fn any_user(&mut self) -> Option<User> {
        let users: Vec<_> =
            self.server.exported().accounts.values().map(|known| known.user().clone()).collect();
        self.random.pick(&users).cloned()
    }

    fn command(&mut self, command: Command) {
        self.note(|| format!("administration: {command:?}"));
        self.commands += 1;
        if let Some(node) = self.any_node() {
            self.input(node, Input::Command { id: CommandId(self.commands), command });
        }
    }

    /// Whether this is the user with the first id, who keeps role and activity: otherwise a run
    /// could lack anyone allowed to ask for support.
    fn is_first(&self, user: &UserId) -> bool {
        self.server.exported().accounts.keys().next() == Some(user)
    }

    /// Imports the same role and first name or others for some user.
    pub(super) fn import_any(&mut self) {
        let Some(user) = self.any_user() else { return };
        let role = self.random.pick(&Role::ALL).copied().filter(|_| !self.is_first(&user.id));
        let names = NorthAndSouth::FIRST_NAMES.map(Into::into);
        let first_name = self.random.pick(&names).cloned().filter(|_| self.random.percent(50));
        self.command(Command::Import(User {
            role: role.unwrap_or(user.role),
            first_name: first_name.unwrap_or(user.first_name),
            ..user
        }));
    }

    /// Enrols some user in some conversation, or withdraws one. The creator stays, because clients
    /// rely on having what they have begun.
    pub(super) fn change_any_membership(&mut self) {
        let exported = self.server.exported().conversations.values();
        let conversations: Vec<_> = exported
            .map(|stored| (stored.conversation.id.clone(), stored.conversation.created_by.clone()))
            .collect();
        let (user, conversation) = (self.any_user(), self.random.pick(&conversations).cloned());
        let (Some(User { id: user, .. }), Some((conversation, creator))) = (user, conversation) else {
            return;
        };
        if user == creator {
            return;
        }
        self.counters.memberships += 1;
        let is_added = self.random.percent(50);
        self.command(if is_added {
            Command::Enrol { conversation, user }
        } else {
            Command::Withdraw { conversation, user }
        });
    }

    /// Deactivates some user.
    pub(super) fn deactivate_any(&mut self) {
        if let Some(user) = self.any_user() {
            self.deactivate(user.id);
        }
    }

    /// Now and then deactivates a user who is connecting to one of several nodes.
    pub(super) fn deactivate_while_connecting(&mut self, user: UserId) {
        let is_on = self.faults.nodes.count > 1 && self.faults.deactivations.is_some();
        if is_on && self.mishap(CONNECTING) {
            self.server.counters.deactivated_meanwhile += 1;
            self.deactivate(user);
        }
    }

    /// Deactivates a user, and most often activates the same user after a pause. The activation is
    /// tried twice, because a slow store may not have done the deactivation by then.
    fn deactivate(&mut self, user: UserId) {
        self.command(Command::Deactivate(user.clone()));
        let lasts = self.random.percent(self.faults.lasting_deactivations);
        if lasts && !self.is_first(&user) {
            self.kept_out.insert(user);
            return;
        }
        let pause = self.random.span(500..8_000);
        for more in [Duration::ZERO, SURELY_DONE] {
            self.later(pause + more, Happening::Activates(user.clone()));
        }
    }

    /// Activates every user deactivated in a backup that has replaced the store. The backup may
    /// lack the activation.
    pub(super) fn activate_all_later(&mut self) {
        let accounts = self.server.exported().accounts.values();
        let out: Vec<_> =
            accounts.filter(|known| !known.account.active).map(|known| known.user().id.clone()).collect();
        out.into_iter().for_each(|user| self.later(Duration::from_secs(2), Happening::Activates(user)));
    }

    /// Activates a user, again and again until the store says so.
    pub(super) fn activate(&mut self, user: UserId) {
        let is_out = self.server.exported().accounts.get(&user).is_some_and(|known| !known.account.active);
        if is_out && !self.kept_out.contains(&user) {
            self.command(Command::Activate(user.clone()));
            self.later(Duration::from_secs(2), Happening::Activates(user));
        }
    }
}

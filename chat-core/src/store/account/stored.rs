//! An account with its place in the history.

use serde::{Deserialize, Serialize};

use super::Account;
use crate::protocol::User;
use crate::store::Position;

/// An account as stored, with the positions that later changes name.
///
/// Both positions follow from the history alone, and no event contains them.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct StoredAccount {
    /// The account.
    pub account: Account,
    /// The position of the last change of the account.
    pub position: Position,
    /// The rights position: that of the last change of the activity, the role or the teams.
    pub rights: Position,
}

impl StoredAccount {
    /// An account that is not stored, with positions of zero, before every change.
    pub fn unplaced(account: Account) -> Self {
        Self::after(None, account, Position::default())
    }

    /// The account put at this position in place of the known one.
    pub fn after(known: Option<&Self>, account: Account, position: Position) -> Self {
        let known = known.filter(|known| known.account.has_same_rights(&account));
        Self { rights: known.map_or(position, |known| known.rights), account, position }
    }

    /// The account once put at this position: its positions of zero become this one.
    #[must_use]
    pub fn placed_at(self, position: Position) -> Self {
        let rights = if self.rights == Position::default() { position } else { self.rights };
        Self { position, rights, ..self }
    }

    /// The data that others see.
    pub fn user(&self) -> &User {
        &self.account.user
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Role;

    #[test]
    fn the_rights_position_follows_activity_role_and_teams_only() {
        let driver = Account::new(User::new("sam", Role::BusDriver));
        let renamed =
            Account { user: User { first_name: "Sam".into(), ..driver.user.clone() }, ..driver.clone() };
        let in_team = Account { teams: vec!["a".into()], ..renamed.clone() };
        let inactive = Account { active: false, ..in_team.clone() };
        let control = Account { user: User::new("sam", Role::ControlStaff), ..inactive.clone() };
        let mut stored = None;
        for (position, account, rights) in [
            (3, driver.clone(), 3),
            (5, renamed, 3),
            (6, in_team, 6),
            (8, inactive.clone(), 8),
            (9, Account { role_imported: true, ..inactive }, 8),
            (10, control, 10),
            (12, driver, 12),
        ] {
            let after = StoredAccount::after(stored.as_ref(), account, Position(position));
            assert_eq!((after.position, after.rights), (Position(position), Position(rights)));
            stored = Some(after);
        }
    }
}

//! The accounts as the committed changes have left them, and decisions on them.

use super::Fixture;
use super::bench::Bench;
use crate::conversation::{Conversation, Standing};
use crate::id::UserId;
use crate::permission::{MayCreate, MayTakePart, may_create, may_take_part};
use crate::protocol::{Role, User};
use crate::store::{Account, Change, Committed, Event, Position, PutAccount, StoredAccount};

impl<F: Fixture> Bench<F> {
    /// Notes the account that an accepted change has put.
    pub(super) fn note_account(&mut self, Committed { position, event }: &Committed) {
        if let Some(Event::AccountPut { account }) = event {
            let user = &account.user.id;
            let stored = StoredAccount::after(self.accounts.get(user), account.clone(), *position);
            self.accounts.insert(user.clone(), stored);
        }
    }

    /// A change that puts an account in place of the user's present one.
    pub(super) fn replacing(&self, account: Account) -> Change {
        let replaces = self.accounts.get(&account.user.id).map(|known| known.position);
        Change::PutAccount(PutAccount { account, replaces })
    }

    /// Puts an account in place of the user's present one.
    pub(super) async fn put(&mut self, account: Account) -> Committed {
        self.accept(self.replacing(account)).await
    }

    /// The present rights position of a user.
    pub(super) fn rights(&self, user: &str) -> Position {
        self.accounts.get(&UserId::from(user)).map_or(Position::default(), |known| known.rights)
    }

    /// A permit as a decision on another version of the conversation would have given it, by the
    /// user's present rights position, and whether or not the user takes part.
    pub(super) fn permit_on_version(
        &self,
        user: &str,
        conversation: &Conversation,
        version: u64,
    ) -> MayTakePart {
        permit_by_rights(user, conversation, version, self.rights(user))
    }

    /// A permit to create, by the user's present rights position, and whatever the role.
    pub(super) fn may_create(&self, user: &str) -> MayCreate {
        may_create(&driver_by_rights(user, self.rights(user))).expect("a driver may create")
    }
}

/// A permit as a decision on other facts would have given it: on another version of the
/// conversation, by another rights position, and whether or not the user takes part.
pub(super) fn permit_by_rights(
    user: &str,
    conversation: &Conversation,
    version: u64,
    rights: Position,
) -> MayTakePart {
    let mut other = Conversation { version, ..conversation.clone() };
    other.participation.members.set(user.into(), Standing::Member);
    may_take_part(&driver_by_rights(user, rights), Some(&other)).expect("members take part")
}

fn driver_by_rights(user: &str, rights: Position) -> StoredAccount {
    StoredAccount { rights, ..StoredAccount::unplaced(Account::new(User::new(user, Role::BusDriver))) }
}

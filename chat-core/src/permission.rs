//! The rules of access: the role table and the participant rules of the protocol document.
//!
//! A successful check returns a *permit*. Only this module can make one, and the guarded changes of
//! the [store port](crate::store) contain their permit, so a handler that forgets the check does
//! not compile.
//!
//! `engine/deliver.rs` states the rule of [`belongs`] again for connections, and the oracle's
//! `part.rs` a third time. A change of the rule needs all three.

use crate::conversation::{Conversation, Participation, Standing};
use crate::id::{ConversationId, UserId};
use crate::protocol::{ErrorCode, EventType, Role, User};
use crate::store::{Account, Position, StoredAccount};

/// Checks whether a role may send a request at all, by the table of requests ("Role-Based Access
/// Control" of the protocol document).
///
/// # Errors
///
/// `forbidden`.
pub fn by_role(role: Role, event: EventType) -> Result<(), ErrorCode> {
    event.rules().roles.include(role).then_some(()).ok_or(ErrorCode::Forbidden)
}

/// A permit to create a support conversation, or to start a conversation with field staff.
#[derive(PartialEq, Eq, Debug)]
pub struct MayCreate {
    user: User,
    rights: Position,
}

impl MayCreate {
    /// The id of the permitted user.
    pub fn creator(&self) -> &UserId {
        &self.user.id
    }

    /// The permitted user.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// The user's [rights position](StoredAccount::rights) at the time of the check. On another one
    /// the permit is void, and must be requested again.
    pub fn rights(&self) -> Position {
        self.rights
    }

    /// The permitted user, by value.
    pub fn into_user(self) -> User {
        self.user
    }
}

/// Checks that the user may create a support conversation.
///
/// # Errors
///
/// `forbidden` for a control role.
pub fn may_create(stored: &StoredAccount) -> Result<MayCreate, ErrorCode> {
    let user = &stored.account.user;
    by_role(user.role, EventType::CreateSupportConversation)?;
    Ok(MayCreate { user: user.clone(), rights: stored.rights })
}

/// Checks that the user may start a conversation with field staff.
///
/// # Errors
///
/// `forbidden` for a role in the field.
pub fn may_start(stored: &StoredAccount) -> Result<MayCreate, ErrorCode> {
    let user = &stored.account.user;
    by_role(user.role, EventType::StartConversation)?;
    Ok(MayCreate { user: user.clone(), rights: stored.rights })
}

/// Whether a user takes part in a conversation.
///
/// Inactive accounts never do, nor do users withdrawn by name. Otherwise members do, and users one
/// of whose teams takes part.
pub fn takes_part(account: &Account, participation: &Participation) -> bool {
    account.active && belongs(account, participation)
}

/// Whether a user takes part once the account is active.
pub fn belongs(account: &Account, Participation { teams, members }: &Participation) -> bool {
    match members.standing(&account.user.id) {
        Standing::Withdrawn => false,
        Standing::Member => true,
        Standing::ControlMember if account.user.role.is_control() => true,
        Standing::ControlMember | Standing::Unnamed => teams.iter().any(|team| account.teams.contains(team)),
    }
}

/// A permit to take part in a conversation: to send, join, type, read the history and mark as read.
#[derive(PartialEq, Eq, Debug)]
pub struct MayTakePart {
    user: UserId,
    conversation: ConversationId,
    version: u64,
    rights: Position,
}

impl MayTakePart {
    /// The permitted user.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The conversation.
    pub fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// The conversation's version at the time of the check. On another version the permit is void,
    /// and must be requested again.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The user's [rights position](StoredAccount::rights) at the time of the check. On another one
    /// the permit is void too.
    pub fn rights(&self) -> Position {
        self.rights
    }
}

/// Checks that the conversation exists and the user takes part.
///
/// # Errors
///
/// `conversation_not_found` in both cases, because an unknown conversation and a forbidden one must
/// look alike (P5).
pub fn may_take_part(
    StoredAccount { account, rights, .. }: &StoredAccount,
    conversation: Option<&Conversation>,
) -> Result<MayTakePart, ErrorCode> {
    let conversation = conversation.filter(|conversation| takes_part(account, &conversation.participation));
    let Conversation { id, version, .. } = conversation.ok_or(ErrorCode::ConversationNotFound)?;
    let (user, conversation) = (account.user.id.clone(), id.clone());
    Ok(MayTakePart { user, conversation, version: *version, rights: *rights })
}

/// Checks that the user may write and read the notes beside a conversation. Whoever takes part in
/// the conversation while in control may. The permit is for the conversation of the notes, by the
/// version of the conversation itself.
///
/// # Errors
///
/// `conversation_not_found` for everybody else.
pub fn may_see_notes(
    stored: &StoredAccount,
    conversation: Option<&Conversation>,
) -> Result<MayTakePart, ErrorCode> {
    let conversation = conversation.filter(|_| stored.user().role.is_control());
    let permit = may_take_part(stored, conversation)?;
    Ok(MayTakePart { conversation: permit.conversation.notes(), ..permit })
}

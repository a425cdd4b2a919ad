//! Who may do what: the role table and the participant rules of the protocol document.
//!
//! A check that succeeds gives a *permit*. Only this module can make one, and the changes of the
//! [store port](crate::store) that a permission guards hold the permit they were made under: a handler that
//! forgets the check does not compile.

use crate::conversation::Conversation;
use crate::id::{ConversationId, UserId};
use crate::protocol::{ErrorCode, EventType, Role, User};

/// Whether a role may use an event at all ("Role-Based Access Control" of the protocol document).
///
/// What is not named there is open to every role: the list of one's own conversations, their history, and
/// `refresh_token`.
pub fn allows(role: Role, event: EventType) -> bool {
    match event {
        EventType::CreateSupportConversation => !role.is_control(),
        EventType::JoinSupportRoom => role.is_control(),
        EventType::SendChatMessage
        | EventType::GetActiveConversations
        | EventType::JoinConversation
        | EventType::TypingIndicator
        | EventType::GetConversationMessages
        | EventType::MarkMessageRead
        | EventType::RefreshToken => true,
    }
}

/// Whether an event is about one conversation, and so open to its participants only.
pub fn needs_membership(event: EventType) -> bool {
    matches!(
        event,
        EventType::SendChatMessage
            | EventType::JoinConversation
            | EventType::TypingIndicator
            | EventType::GetConversationMessages
            | EventType::MarkMessageRead
    )
}

/// Checks the role table for an event.
///
/// # Errors
///
/// `forbidden`.
pub fn by_role(role: Role, event: EventType) -> Result<(), ErrorCode> {
    allows(role, event).then_some(()).ok_or(ErrorCode::Forbidden)
}

/// The permit to create a support conversation.
#[derive(PartialEq, Eq, Debug)]
pub struct MayCreate {
    user: User,
}

impl MayCreate {
    /// The id of whom it was granted to.
    pub fn creator(&self) -> &UserId {
        &self.user.id
    }

    /// Who it was granted to.
    pub fn user(&self) -> &User {
        &self.user
    }
}

/// Checks that the user may create a support conversation.
///
/// # Errors
///
/// `forbidden` for a control role.
pub fn may_create(user: &User) -> Result<MayCreate, ErrorCode> {
    by_role(user.role, EventType::CreateSupportConversation)?;
    Ok(MayCreate { user: user.clone() })
}

/// The permit to see a conversation and take part in it: to send, join, type, read its history, mark as read.
#[derive(PartialEq, Eq, Debug)]
pub struct MayTakePart {
    user: UserId,
    conversation: ConversationId,
    version: u64,
}

impl MayTakePart {
    /// Who it was granted to.
    pub fn user(&self) -> &UserId {
        &self.user
    }

    /// The conversation it was granted for.
    pub fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// The version of the conversation it was granted on: on another one it is void, and asked for again.
    pub fn version(&self) -> u64 {
        self.version
    }
}

/// Checks that the user is a participant of the conversation, if there is one.
///
/// # Errors
///
/// `conversation_not_found`, whether there is no such conversation or it is none of the user's: the two must not
/// be told apart (P5).
pub fn may_take_part(user: &UserId, conversation: Option<&Conversation>) -> Result<MayTakePart, ErrorCode> {
    let conversation = conversation.filter(|conversation| conversation.participants.contains(user));
    let Conversation { id, version, .. } = conversation.ok_or(ErrorCode::ConversationNotFound)?;
    Ok(MayTakePart { user: user.clone(), conversation: id.clone(), version: *version })
}

//! The expected effect of a change, kept while the change is in flight. The store's receipt turns
//! the intent into an event.

use std::sync::Arc;

use super::Event;
use super::key_locks::IdempotencyKey;
use crate::conversation::Conversation;
use crate::id::{ClientMessageId, ConversationId, MessageId, Nonce, UserId};
use crate::protocol::{Message, MessageType, User};
use crate::store::{Account, Change, Receipt, Rejected, Verdict};
use crate::time::Timestamp;

/// The expected effect of a change.
pub(super) enum Intent {
    Account(Account),
    Create(Box<Conversation>, Message, Box<User>, Option<ClientMessageId>),
    /// A message without its number. Its id is made of the number and this nonce.
    Append(Message, Nonce, Option<ClientMessageId>),
    Read {
        conversation: ConversationId,
        user: UserId,
        message: MessageId,
        up_to: u64,
        at: Timestamp,
    },
    Enrol(ConversationId, UserId),
    Withdraw(ConversationId, UserId),
}

impl Intent {
    pub(super) fn of(change: &Change, message: Option<MessageId>, at: Timestamp) -> Self {
        match change {
            Change::PutAccount(account) => Self::Account(account.clone()),
            Change::CreateConversation(create) => {
                let creator = create.permit.creator();
                let first = MessageId::compose(create.nonce, 1);
                let message = unnumbered(create.id.clone(), creator.clone(), &create.content, create.at);
                let conversation = Conversation {
                    id: create.id.clone(),
                    title: create.title.clone(),
                    room_type: create.room_type,
                    created_by: creator.clone(),
                    created_at: create.at,
                    participants: create.participants.clone(),
                    version: 1,
                    last_seq: 1,
                    last_message_at: create.at,
                };
                let message = Message { id: first, seq: Some(1), ..message };
                let (creator, id) = (create.permit.user().clone(), create.client_message_id.clone());
                Self::Create(Box::new(conversation), message, Box::new(creator), id)
            }
            Change::AppendMessage(append) => {
                let (conversation, user) = (append.permit.conversation(), append.permit.user());
                let message = unnumbered(conversation.clone(), user.clone(), &append.content, append.at);
                Self::Append(message, append.nonce, append.client_message_id.clone())
            }
            Change::MarkRead(read) => Self::Read {
                conversation: read.permit.conversation().clone(),
                user: read.permit.user().clone(),
                message: message.unwrap_or_else(|| MessageId::from("")),
                up_to: read.up_to,
                at,
            },
            Change::Enrol(membership) => {
                Self::Enrol(membership.conversation.clone(), membership.user.clone())
            }
            Change::Withdraw(membership) => {
                Self::Withdraw(membership.conversation.clone(), membership.user.clone())
            }
        }
    }

    /// The key under which the change may be repeated.
    pub(super) fn key(&self) -> Option<IdempotencyKey> {
        match self {
            Self::Create(_, message, _, id) | Self::Append(message, _, id) => {
                Some((message.sender_id.clone(), id.clone()?))
            }
            _ => None,
        }
    }

    /// The existing conversation that the change is about.
    pub(super) fn conversation(&self) -> Option<&ConversationId> {
        match self {
            Self::Account(_) | Self::Create(..) => None,
            Self::Append(message, ..) => Some(&message.conversation_id),
            Self::Read { conversation, .. }
            | Self::Enrol(conversation, _)
            | Self::Withdraw(conversation, _) => Some(conversation),
        }
    }

    /// Whether the verdict is possible for this change. Any other verdict is a fault of the store,
    /// and says nothing about the outcome.
    pub(super) fn may_be_told(&self, verdict: &Verdict) -> bool {
        match verdict {
            Ok(receipt) => matches!(
                (self, receipt),
                (Self::Account(_), Receipt::Account { .. })
                    | (Self::Create(..), Receipt::Created { .. })
                    | (Self::Append(..), Receipt::Appended { .. })
                    | (Self::Read { .. }, Receipt::Read { .. })
                    | (Self::Enrol(..) | Self::Withdraw(..), Receipt::Membership { .. })
            ),
            Err(Rejected::Conflict) => !matches!(self, Self::Account(_)),
            Err(Rejected::Duplicate(_)) => self.key().is_some(),
        }
    }

    /// The event that has happened, if any.
    pub(super) fn happened(self, receipt: &Receipt) -> Option<Event> {
        match (self, receipt) {
            (Self::Account(account), Receipt::Account { .. }) => Some(Event::AccountPut(account)),
            (Self::Create(mut conversation, mut message, creator, _), Receipt::Created { sent_at, .. }) => {
                (conversation.created_at, conversation.last_message_at) = (*sent_at, *sent_at);
                message.sent_at = *sent_at;
                Some(Event::ConversationCreated { conversation, message, creator })
            }
            (Self::Append(message, nonce, _), Receipt::Appended { seq, sent_at, .. }) => {
                let id = MessageId::compose(nonce, *seq);
                Some(Event::MessageSent(Message { id, seq: Some(*seq), sent_at: *sent_at, ..message }))
            }
            (Self::Read { conversation, user, message, up_to, at }, Receipt::Read { advanced: true, .. }) => {
                Some(Event::MessageRead { conversation, user, message, up_to, at })
            }
            (Self::Enrol(conversation, user), Receipt::Membership { version, changed: true, .. }) => {
                Some(Event::Enrolled { conversation, user, version: *version })
            }
            (Self::Withdraw(conversation, user), Receipt::Membership { version, changed: true, .. }) => {
                Some(Event::Withdrawn { conversation, user, version: *version })
            }
            _ => None,
        }
    }
}

fn unnumbered(
    conversation_id: ConversationId,
    sender_id: UserId,
    content: &Arc<str>,
    sent_at: Timestamp,
) -> Message {
    let (content, message_type) = (content.clone(), MessageType::Text);
    Message {
        id: MessageId::from(""),
        conversation_id,
        sender_id,
        content,
        message_type,
        sent_at,
        seq: None,
        erased: false,
    }
}

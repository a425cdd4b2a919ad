//! A change on its way to the store: for whom it is made, and which answers fit it.

use super::key_locks::IdempotencyKey;
use super::origin::Origin;
use crate::id::{ConversationId, UserId};
use crate::store::{Account, Change, Event, Rejected, Verdict};

/// A change on its way to the store.
pub(super) struct InFlight {
    pub(super) origin: Origin,
    /// The key under which the change may be repeated.
    pub(super) key: Option<IdempotencyKey>,
    subject: Subject,
}

/// The subject of a change.
enum Subject {
    Account(Account),
    /// A new conversation, and its creator.
    Creation(ConversationId, UserId),
    /// A message in a conversation, and its sender.
    Message(ConversationId, UserId),
    /// A read position in a conversation, and the reader.
    Reading(ConversationId, UserId),
    /// A participant to be added to a conversation.
    Addition(ConversationId, UserId),
    /// A participant to be withdrawn from a conversation.
    Withdrawal(ConversationId, UserId),
}

impl InFlight {
    pub(super) fn new(origin: Origin, change: &Change) -> Self {
        let subject = match change {
            Change::PutAccount(put) => Subject::Account(put.account.clone()),
            Change::CreateConversation(create) => {
                Subject::Creation(create.id.clone(), create.permit.creator().clone())
            }
            Change::AppendMessage(append) => {
                Subject::Message(append.permit.conversation().clone(), append.permit.user().clone())
            }
            Change::MarkRead(read) => {
                Subject::Reading(read.permit.conversation().clone(), read.permit.user().clone())
            }
            Change::Enrol(member) => Subject::Addition(member.conversation.clone(), member.user.clone()),
            Change::Withdraw(member) => Subject::Withdrawal(member.conversation.clone(), member.user.clone()),
        };
        let key = change.key().map(|(user, id)| (user.clone(), id.clone()));
        Self { origin, key, subject }
    }

    /// The account that is being put.
    pub(super) fn account(&self) -> Option<&Account> {
        match &self.subject {
            Subject::Account(account) => Some(account),
            Subject::Creation(..)
            | Subject::Message(..)
            | Subject::Reading(..)
            | Subject::Addition(..)
            | Subject::Withdrawal(..) => None,
        }
    }

    /// The existing conversation that the change is about.
    pub(super) fn conversation(&self) -> Option<&ConversationId> {
        match &self.subject {
            Subject::Account(_) | Subject::Creation(..) => None,
            Subject::Message(id, _)
            | Subject::Reading(id, _)
            | Subject::Addition(id, _)
            | Subject::Withdrawal(id, _) => Some(id),
        }
    }

    /// Whether the verdict is possible for this change. Any other verdict is a fault of the store,
    /// and says nothing about the outcome.
    pub(super) fn may_be_told(&self, verdict: &Verdict) -> bool {
        match verdict {
            Ok(committed) => match &committed.event {
                Some(event) => self.becomes(event),
                None => matches!(
                    self.subject,
                    Subject::Reading(..) | Subject::Addition(..) | Subject::Withdrawal(..)
                ),
            },
            Err(Rejected::Conflict) => true,
            Err(Rejected::Duplicate(_)) => self.key.is_some(),
        }
    }

    /// Whether the event is what this change becomes.
    fn becomes(&self, event: &Event) -> bool {
        match (&self.subject, event) {
            (Subject::Account(put), Event::AccountPut { account }) => put == account,
            (Subject::Creation(id, user), Event::ConversationCreated(created)) => {
                (id, user) == (&created.id, &created.created_by)
            }
            (Subject::Message(id, user), Event::MessageAppended(appended)) => {
                (id, user) == (&appended.conversation, &appended.sender)
            }
            (Subject::Reading(id, user), Event::ReadMarked(read)) => {
                (id, user) == (&read.conversation, &read.user)
            }
            (Subject::Addition(id, user), Event::MemberAdded(changed))
            | (Subject::Withdrawal(id, user), Event::MemberWithdrawn(changed)) => {
                (id, user) == (&changed.conversation, &changed.user)
            }
            (
                Subject::Account(_)
                | Subject::Creation(..)
                | Subject::Message(..)
                | Subject::Reading(..)
                | Subject::Addition(..)
                | Subject::Withdrawal(..),
                _,
            ) => false,
        }
    }
}

//! A change on its way to the store: for whom it is made, and which answers fit it.

use super::key_locks::IdempotencyKey;
use super::origin::Origin;
use crate::id::{ConversationId, MessageId, Nonce, UserId};
use crate::protocol::{EmergencyAction, OrderAction, SERVER};
use crate::store::{
    Account, AppendEntry, AppendMessage, Change, EntryBody, EntryChange, Event, MarkRead, Original, Rejected,
    Verdict,
};

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
    /// A new conversation, its creator, and the nonce of message 1.
    Creation(ConversationId, UserId, Nonce),
    /// A message in a conversation, its sender, its nonce, and whether it is an order.
    Message(ConversationId, UserId, Nonce, bool),
    /// An entry in a conversation, its user, its nonce, and its change.
    Entry(ConversationId, UserId, Nonce, EntryChange),
    /// An entry of the server in a conversation, and its nonce.
    ByServer(ConversationId, Nonce, ServerEntry),
    /// A read position in a conversation, the reader, and the number of the newest message read.
    Reading(ConversationId, UserId, u64),
    /// A participant to be added to a conversation.
    Addition(ConversationId, UserId),
    /// A participant to be withdrawn from a conversation.
    Withdrawal(ConversationId, UserId),
}

/// The kind of an entry of the server. The store may find that there is no need of one.
#[derive(Clone, Copy)]
pub(super) enum ServerEntry {
    /// The alert of an emergency.
    Alert,
    /// The end of the order of the message with this number.
    Expiry(u64),
}

impl ServerEntry {
    fn body(self) -> EntryBody {
        match self {
            Self::Alert => EntryBody::Emergency(EmergencyAction::Escalate),
            Self::Expiry(_) => EntryBody::Order(OrderAction::Expire),
        }
    }
}

impl InFlight {
    pub(super) fn new(origin: Origin, change: &Change) -> Self {
        let subject = match change {
            Change::PutAccount(put) => Subject::Account(put.account.clone()),
            Change::CreateConversation(create) => {
                Subject::Creation(create.id.clone(), create.permit.creator().clone(), create.nonce)
            }
            Change::AppendMessage(AppendMessage { permit, nonce, order, .. }) => {
                let is_order = order.is_some();
                Subject::Message(permit.conversation().clone(), permit.user().clone(), *nonce, is_order)
            }
            Change::AppendEntry(AppendEntry { permit, nonce, entry, .. }) => {
                Subject::Entry(permit.conversation().clone(), permit.user().clone(), *nonce, entry.clone())
            }
            Change::Escalate(escalate) => {
                Subject::ByServer(escalate.conversation.clone(), escalate.nonce, ServerEntry::Alert)
            }
            Change::ExpireOrder(expire) => {
                let entry = ServerEntry::Expiry(expire.seq);
                Subject::ByServer(expire.conversation.clone(), expire.nonce, entry)
            }
            Change::MarkRead(MarkRead { permit, up_to, .. }) => {
                Subject::Reading(permit.conversation().clone(), permit.user().clone(), *up_to)
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
            | Subject::Entry(..)
            | Subject::ByServer(..)
            | Subject::Reading(..)
            | Subject::Addition(..)
            | Subject::Withdrawal(..) => None,
        }
    }

    /// The conversation and the kind of an entry of the server.
    pub(super) fn by_server(&self) -> Option<(&ConversationId, ServerEntry)> {
        if let Subject::ByServer(id, _, entry) = &self.subject { Some((id, *entry)) } else { None }
    }

    /// The existing conversation that the change is about.
    pub(super) fn conversation(&self) -> Option<&ConversationId> {
        match &self.subject {
            Subject::Account(_) | Subject::Creation(..) => None,
            Subject::Message(id, ..)
            | Subject::Entry(id, ..)
            | Subject::ByServer(id, ..)
            | Subject::Reading(id, ..)
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
                    Subject::ByServer(..)
                        | Subject::Reading(..)
                        | Subject::Addition(..)
                        | Subject::Withdrawal(..)
                ),
            },
            Err(Rejected::Conflict) => true,
            Err(Rejected::Duplicate(original)) => self.is_first_under_key(original),
            Err(Rejected::Outdated(_) | Rejected::OutdatedEmergency(_) | Rejected::Forbidden) => {
                matches!(self.subject, Subject::Entry(..))
            }
            Err(Rejected::Order(_)) => {
                matches!(self.subject, Subject::Entry(..) | Subject::Message(.., true))
            }
            Err(Rejected::Repeated(_)) => matches!(self.subject, Subject::Creation(..)),
        }
    }

    /// Whether the original was made under the key of this change.
    fn is_first_under_key(&self, original: &Original) -> bool {
        let (user, id) = match original {
            Original::Message(appended) => (&appended.sender, &appended.client_message_id),
            Original::Conversation(created) => (&created.created_by, &created.client_message_id),
        };
        self.key.as_ref().is_some_and(|key| (&key.0, Some(&key.1)) == (user, id.as_ref()))
    }

    /// Whether the event is what this change becomes.
    fn becomes(&self, event: &Event) -> bool {
        match (&self.subject, event) {
            (Subject::Account(put), Event::AccountPut { account }) => put == account,
            (Subject::Creation(id, user, nonce), Event::ConversationCreated(created)) => {
                (id, user) == (&created.id, &created.created_by)
                    && created.message_id == MessageId::compose(*nonce, 1)
            }
            (Subject::Message(id, user, nonce, is_order), Event::MessageAppended(appended)) => {
                (id, user) == (&appended.conversation, &appended.sender)
                    && appended.message_id == MessageId::compose(*nonce, appended.seq)
                    && appended.entry.is_none()
                    && appended.order.is_some() == *is_order
            }
            (Subject::Message(id, user, nonce, _), Event::ConversationCreated(created)) => {
                (id, user) == (&created.id, &created.created_by)
                    && id.is_notes()
                    && created.message_id == MessageId::compose(*nonce, 1)
            }
            (Subject::Entry(id, user, nonce, change), Event::MessageAppended(appended)) => {
                (id, user) == (&appended.conversation, &appended.sender)
                    && appended.message_id == MessageId::compose(*nonce, appended.seq)
                    && change.becomes(appended)
            }
            (Subject::ByServer(id, nonce, entry), Event::MessageAppended(appended)) => {
                (id, SERVER) == (&appended.conversation, appended.sender.as_str())
                    && appended.message_id == MessageId::compose(*nonce, appended.seq)
                    && appended.entry == Some(entry.body())
            }
            (Subject::Reading(id, user, up_to), Event::ReadMarked(read)) => {
                (id, user, up_to) == (&read.conversation, &read.user, &read.up_to)
            }
            (Subject::Addition(id, user), Event::MemberAdded(changed))
            | (Subject::Withdrawal(id, user), Event::MemberWithdrawn(changed)) => {
                (id, user) == (&changed.conversation, &changed.user)
            }
            (
                Subject::Account(_)
                | Subject::Creation(..)
                | Subject::Message(..)
                | Subject::Entry(..)
                | Subject::ByServer(..)
                | Subject::Reading(..)
                | Subject::Addition(..)
                | Subject::Withdrawal(..),
                _,
            ) => false,
        }
    }
}

//! The changes that a store commits, and its verdicts.

use std::sync::Arc;
use std::time::Duration;

use super::entry::EntryBody;
use super::event::{Content, ConversationCreated, Event, MessageAppended};
use super::{Account, Hash, Position};
use crate::id::{ClientMessageId, ConversationId, MessageId, Nonce, TeamId, UserId};
use crate::permission::{MayCreate, MayTakePart};
use crate::protocol::{
    Emergency, EmergencyAction, EmergencyReason, EventType, Order, OrderAction, RoomType, Work, WorkAction,
};
use crate::time::Timestamp;

/// One atomic change.
#[derive(Debug)]
pub enum Change {
    /// Adds a user to the directory, or replaces the user's account.
    PutAccount(PutAccount),
    /// Creates a conversation with its first message.
    CreateConversation(CreateConversation),
    /// Appends a message to a conversation.
    AppendMessage(AppendMessage),
    /// Appends an entry to a conversation: a numbered message with news of the conversation.
    AppendEntry(AppendEntry),
    /// Appends an entry of the server: control is alerted of an emergency that nobody has taken.
    Escalate(Escalate),
    /// Appends an entry of the server: an order is over for those who have not answered in time.
    ExpireOrder(ExpireOrder),
    /// Advances a user's read position in a conversation.
    MarkRead(MarkRead),
    /// Adds a user to a conversation by name, and lifts a withdrawal.
    Enrol(Membership),
    /// Withdraws a user from a conversation by name.
    Withdraw(Membership),
}

impl Change {
    /// The user and the id under which the user may repeat the request.
    pub fn key(&self) -> Option<(&UserId, &ClientMessageId)> {
        let (user, id) = match self {
            Self::CreateConversation(create) => (create.permit.creator(), &create.client_message_id),
            Self::AppendMessage(append) => (append.permit.user(), &append.client_message_id),
            Self::AppendEntry(append) => (append.permit.user(), &append.client_message_id),
            Self::Escalate(_)
            | Self::ExpireOrder(_)
            | Self::PutAccount(_)
            | Self::MarkRead(_)
            | Self::Enrol(_)
            | Self::Withdraw(_) => return None,
        };
        Some((user, id.as_ref()?))
    }

    /// The conversation and the version on which the change was decided. The version is `None` for
    /// a new conversation. The whole is `None` for an account, and for an entry of the server,
    /// which fits any version.
    ///
    /// If the stored version differs, the change is a [`Rejected::Conflict`].
    pub fn supposes(&self) -> Option<(&ConversationId, Option<u64>)> {
        match self {
            Self::PutAccount(_) | Self::Escalate(_) | Self::ExpireOrder(_) => None,
            Self::CreateConversation(create) => Some((&create.id, None)),
            Self::AppendMessage(AppendMessage { permit, .. })
            | Self::AppendEntry(AppendEntry { permit, .. })
            | Self::MarkRead(MarkRead { permit, .. }) => {
                Some((permit.conversation(), Some(permit.version())))
            }
            Self::Enrol(membership) | Self::Withdraw(membership) => {
                Some((&membership.conversation, Some(membership.version)))
            }
        }
    }

    /// The user on whose account the change was decided. `None` for a change of members, which
    /// nobody but the operator makes.
    ///
    /// If the stored account has another position, the change is a [`Rejected::Conflict`]. So no
    /// change of a user overtakes the user's deactivation, and two writers can't undo each other's.
    pub fn supposes_account(&self) -> Option<(&UserId, SupposedAccount)> {
        match self {
            Self::PutAccount(PutAccount { account, replaces }) => {
                Some((&account.user.id, SupposedAccount::Replaced(*replaces)))
            }
            Self::CreateConversation(CreateConversation { permit, .. }) => {
                Some((permit.creator(), SupposedAccount::Acting(permit.rights())))
            }
            Self::AppendMessage(AppendMessage { permit, .. })
            | Self::AppendEntry(AppendEntry { permit, .. })
            | Self::MarkRead(MarkRead { permit, .. }) => {
                Some((permit.user(), SupposedAccount::Acting(permit.rights())))
            }
            Self::Escalate(_) | Self::ExpireOrder(_) | Self::Enrol(_) | Self::Withdraw(_) => None,
        }
    }
}

/// The account on which a change of a user was decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SupposedAccount {
    /// The account to be replaced, by its position, or `None` if the user has none.
    Replaced(Option<Position>),
    /// The account of the user who acts, by its [rights position](super::StoredAccount::rights).
    Acting(Position),
}

/// The data of [`Change::PutAccount`].
#[derive(Clone, Debug)]
pub struct PutAccount {
    /// The whole new account.
    pub account: Account,
    /// The [position](super::StoredAccount::position) of the account to be replaced, or `None` for
    /// a new user.
    pub replaces: Option<Position>,
}

/// The data of [`Change::CreateConversation`].
#[derive(Debug)]
pub struct CreateConversation {
    /// The permit of the creator.
    pub permit: MayCreate,
    /// The new id.
    pub id: ConversationId,
    /// The title with its prefix.
    pub title: Arc<str>,
    /// The room.
    pub room_type: RoomType,
    /// The teams that take part.
    pub teams: Vec<TeamId>,
    /// The users in the field that control speaks to. Empty for a request of field staff.
    pub to: Vec<UserId>,
    /// The unguessable part of the id of message 1.
    pub nonce: Nonce,
    /// The text of message 1, sent by the creator.
    pub content: Arc<str>,
    /// The id under which the creator may repeat the request.
    pub client_message_id: Option<ClientMessageId>,
    /// The time of the request.
    pub at: Timestamp,
}

impl CreateConversation {
    /// Whether the conversation is an emergency of field staff.
    pub fn is_emergency(&self) -> bool {
        self.to.is_empty() && self.room_type == RoomType::EmergencySupport
    }

    /// The request that asks for such a conversation.
    pub(crate) fn event_type(&self) -> EventType {
        if self.to.is_empty() { EventType::CreateSupportConversation } else { EventType::StartConversation }
    }
}

/// The data of [`Change::AppendMessage`].
#[derive(Debug)]
pub struct AppendMessage {
    /// The permit of the sender. With one to [see notes](crate::permission::may_see_notes) the
    /// message is a note, and the first note creates their conversation.
    pub permit: MayTakePart,
    /// The unguessable part of the message's id.
    pub nonce: Nonce,
    /// The text.
    pub content: Arc<str>,
    /// Whether the sender has asked for a conversation about an emergency. Then the message belongs
    /// into the sender's emergency, which must not be over.
    pub is_press: bool,
    /// The order, if the message must be answered. The text then ends with a line for each answer:
    /// see [`order::compose`](crate::order::compose).
    pub order: Option<GivenOrder>,
    /// The id under which the sender may repeat the request.
    pub client_message_id: Option<ClientMessageId>,
    /// The time of the request.
    pub at: Timestamp,
}

/// An order as given with its message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GivenOrder {
    /// The number of answers.
    pub choices: u32,
    /// The time to answer.
    pub within: Duration,
}

/// The data of [`Change::AppendEntry`].
#[derive(Debug)]
pub struct AppendEntry {
    /// The permit of the user who acts.
    pub permit: MayTakePart,
    /// The change that the entry makes.
    pub entry: EntryChange,
    /// The unguessable part of the entry's id.
    pub nonce: Nonce,
    /// The text, for people.
    pub content: Arc<str>,
    /// The id under which the user may repeat the request.
    pub client_message_id: Option<ClientMessageId>,
    /// The time of the request.
    pub at: Timestamp,
}

/// The change that an entry makes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EntryChange {
    /// A change of the work.
    Work {
        /// The action.
        action: WorkAction,
        /// The version of the work that the action was decided on.
        version: u64,
        /// The new assignee of a transfer.
        to: Option<UserId>,
    },
    /// The end of an emergency by a user.
    EndEmergency {
        /// The reason. Only the creator withdraws, and everybody else gives another reason.
        reason: EmergencyReason,
        /// The version of the emergency that the end was decided on.
        version: u64,
    },
    /// An answer of a user to an order.
    Answer {
        /// The number of the message with the order.
        seq: u64,
        /// The place of the answer.
        answer: u32,
    },
    /// The withdrawal of an order by its sender.
    WithdrawOrder {
        /// The number of the message with the order.
        seq: u64,
    },
}

impl EntryChange {
    /// Whether this change becomes such an entry.
    pub(crate) fn becomes(&self, appended: &MessageAppended) -> bool {
        let entry = appended.entry == Some(self.body());
        match self {
            Self::Work { to, .. } => {
                let work = appended.work.as_ref();
                entry && work.is_some_and(|work| to.is_none() || *to == work.assignee)
            }
            Self::EndEmergency { reason, .. } => {
                let emergency = appended.emergency.as_ref();
                entry && emergency.is_some_and(|emergency| emergency.reason == Some(*reason))
            }
            Self::Answer { seq, answer } => {
                let order = appended.order.as_ref().filter(|order| entry && order.seq == *seq);
                let given = order.and_then(|order| order.answer_by(&appended.sender));
                given.is_some_and(|given| given.answer == *answer)
            }
            Self::WithdrawOrder { seq } => {
                entry && appended.order.as_ref().is_some_and(|order| order.seq == *seq)
            }
        }
    }

    /// The body of the entry.
    pub(crate) fn body(&self) -> EntryBody {
        match self {
            Self::Work { action, .. } => EntryBody::Work(*action),
            Self::EndEmergency { reason: EmergencyReason::Withdrawn, .. } => {
                EntryBody::Emergency(EmergencyAction::Withdraw)
            }
            Self::EndEmergency { .. } => EntryBody::Emergency(EmergencyAction::End),
            Self::Answer { .. } => EntryBody::Order(OrderAction::Answer),
            Self::WithdrawOrder { .. } => EntryBody::Order(OrderAction::Withdraw),
        }
    }

    /// The user that the entry names besides the acting user.
    pub fn names(&self) -> Option<&UserId> {
        match self {
            Self::Work { to, .. } => to.as_ref(),
            Self::EndEmergency { .. } | Self::Answer { .. } | Self::WithdrawOrder { .. } => None,
        }
    }

    /// The number of the message whose order the entry is about.
    pub fn order(&self) -> Option<u64> {
        match self {
            Self::Answer { seq, .. } | Self::WithdrawOrder { seq } => Some(*seq),
            Self::Work { .. } | Self::EndEmergency { .. } => None,
        }
    }
}

/// The data of [`Change::Escalate`]. Changes nothing if the emergency needs no alert of this level.
#[derive(Clone, Debug)]
pub struct Escalate {
    /// The conversation of the emergency.
    pub conversation: ConversationId,
    /// The level before the alert.
    pub level: u32,
    /// The unguessable part of the entry's id.
    pub nonce: Nonce,
    /// The text, for people.
    pub content: Arc<str>,
    /// The time of the alert.
    pub at: Timestamp,
}

/// The data of [`Change::ExpireOrder`]. Changes nothing if nothing ends the order at this time.
#[derive(Clone, Debug)]
pub struct ExpireOrder {
    /// The conversation of the order.
    pub conversation: ConversationId,
    /// The number of the message with the order.
    pub seq: u64,
    /// The unguessable part of the entry's id.
    pub nonce: Nonce,
    /// The text, for people.
    pub content: Arc<str>,
    /// The time.
    pub at: Timestamp,
}

/// The data of [`Change::MarkRead`].
#[derive(Debug)]
pub struct MarkRead {
    /// The permit of the reader.
    pub permit: MayTakePart,
    /// The number of the newest message read, which exists.
    pub up_to: u64,
    /// The id of this message.
    pub message_id: MessageId,
    /// The time of the request.
    pub at: Timestamp,
}

/// The data of [`Change::Enrol`] and [`Change::Withdraw`].
#[derive(Clone, Debug)]
pub struct Membership {
    /// The conversation.
    pub conversation: ConversationId,
    /// The version on which the change was decided.
    pub version: u64,
    /// The user.
    pub user: UserId,
}

/// A store's verdict on one change.
pub type Verdict = Result<Committed, Rejected>;

/// An accepted change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The position of the event, or the end of the history without an event.
    pub position: Position,
    /// The event, or `None` if there was nothing to change: an older reading, or an enrolment of a
    /// participant.
    pub event: Option<Event>,
}

/// The reason why a change was not made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Rejected {
    /// The conversation or the account differs from the change's assumption. Decide again on new
    /// facts.
    Conflict,
    /// The `client_message_id` was used before, for this original.
    Duplicate(Original),
    /// The entry does not fit the work, which is this one. Later changes are not affected.
    Outdated(Work),
    /// The end does not fit the emergency, which is this one. Later changes are not affected.
    OutdatedEmergency(Box<Emergency>),
    /// The message or entry does not fit the orders of the conversation. Later changes are not
    /// affected.
    Order(RejectedOrder),
    /// The creator of an emergency has another one that is not over, in this conversation. Later
    /// changes are not affected.
    Repeated(ConversationId),
    /// The work is a colleague's, or the emergency is another user's. Later changes are not
    /// affected.
    Forbidden,
}

/// The reason why a message with an order, or an entry about one, was not stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RejectedOrder {
    /// The order, which is this one, is over for everybody.
    Over(Box<Order>),
    /// The order, which is this one, was answered before.
    Answered(Box<Order>),
    /// The conversation has as many open orders as it may.
    TooMany,
    /// Nobody would have to answer, or more people than one order may ask.
    NotPossible,
}

/// The original stored under a `client_message_id`: enough to give the original answer again, and
/// to recognise a true repeat.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Original {
    /// A message.
    Message(Box<MessageAppended>),
    /// A conversation.
    Conversation(Box<ConversationCreated>),
}

impl Original {
    /// The text of the message, and its seal.
    pub fn content_mut(&mut self) -> (&mut Content, &mut Option<Hash>) {
        match self {
            Self::Message(appended) => (&mut appended.content, &mut appended.content_hash),
            Self::Conversation(created) => (&mut created.content, &mut created.content_hash),
        }
    }

    /// The original without the seal of its text, for comparing what different stores say.
    #[must_use]
    pub fn unsealed(mut self) -> Self {
        *self.content_mut().1 = None;
        self
    }

    /// The original of an event, or `None` for an event without a message.
    pub fn of(event: Event) -> Option<Self> {
        match event {
            Event::MessageAppended(appended) => Some(Self::Message(Box::new(appended))),
            Event::ConversationCreated(created) => Some(Self::Conversation(created)),
            Event::EpochBegun { .. }
            | Event::AccountPut { .. }
            | Event::ReadMarked(_)
            | Event::MemberAdded(_)
            | Event::MemberWithdrawn(_) => None,
        }
    }
}

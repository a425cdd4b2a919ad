//! The vocabulary of committed changes.
//!
//! An event is what [`Batch::judge`](super::Batch::judge) makes of an accepted change. Stores keep
//! it, engines apply it, and observers see it. Serialized, it is a record of a store's history.

use std::collections::BTreeSet;
use std::iter;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::{EntryBody, show_order, shown};
use super::{Account, Hash};
use crate::conversation::{Conversation, Participation, Standing};
use crate::id::{ClientMessageId, ConversationId, Epoch, MessageId, TeamId, UserId};
use crate::protocol::{CONTROL, Emergency, Message, MessageType, MessageWork, Order, RoomType, User, Work};
use crate::shared_text;
use crate::time::Timestamp;

/// A committed change.
///
/// The serialized form stays readable: names and fields never change their meaning, and a field
/// added later has a default. It never contains the text of a message, which retention erases. A
/// store keeps the text beside the event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The store was created, or restored from a backup. Its numbers belong to this epoch.
    EpochBegun {
        /// The epoch.
        epoch: Epoch,
    },
    /// The directory holds this account from now on.
    AccountPut {
        /// The whole account.
        account: Account,
    },
    /// A conversation was created together with its message 1.
    ConversationCreated(Box<ConversationCreated>),
    /// A message or an entry was appended.
    MessageAppended(MessageAppended),
    /// A read position advanced.
    #[serde(rename = "message_read")]
    ReadMarked(ReadMarked),
    /// A user was added by name, or is no longer withdrawn.
    #[serde(rename = "user_enrolled")]
    MemberAdded(MembershipChanged),
    /// A user was withdrawn by name.
    #[serde(rename = "user_withdrawn")]
    MemberWithdrawn(MembershipChanged),
}

/// The data of [`Event::ConversationCreated`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ConversationCreated {
    /// The id of the conversation.
    pub id: ConversationId,
    /// The title with its prefix.
    #[serde(deserialize_with = "shared_text::deserialize")]
    pub title: Arc<str>,
    /// The room in which the conversation is filed.
    pub room_type: RoomType,
    /// The creator of the conversation and sender of message 1.
    pub created_by: UserId,
    /// The creator's data at the time. `None` in histories written before this field existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<User>,
    /// The first participants by name, and in histories written before teams all of them.
    pub participants: BTreeSet<UserId>,
    /// Participants who take part while in control. Only histories written before teams have any.
    #[serde(skip)]
    pub control_members: BTreeSet<UserId>,
    /// The teams that take part. `None` in histories written before teams: see
    /// [`complete`](super::complete).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub teams: Option<Vec<TeamId>>,
    /// The work at message 1. `None` for a request of field staff, which waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// The emergency at message 1, if the conversation is one. Histories written before emergencies
    /// had a life do not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Box<Emergency>>,
    /// The id of message 1.
    pub message_id: MessageId,
    /// The time of creation, at which message 1 counts as sent.
    pub sent_at: Timestamp,
    /// The id under which the creator may repeat the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// The seal of the text, made by stores that chain their records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<Hash>,
    /// The text of message 1. Not serialized.
    #[serde(skip)]
    pub content: Content,
}

/// The data of [`Event::MessageAppended`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageAppended {
    /// The conversation.
    pub conversation: ConversationId,
    /// The number of the message in the conversation.
    pub seq: u64,
    /// The id of the message.
    pub message_id: MessageId,
    /// The sender.
    pub sender: UserId,
    /// The time at which the message counts as sent.
    pub sent_at: Timestamp,
    /// The body of an entry. `None` for a message of a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<EntryBody>,
    /// The work from this message on, if the message has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work: Option<Work>,
    /// The emergency from this message on, if the message has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency: Option<Box<Emergency>>,
    /// Whether the sender has asked for a conversation about an emergency, while an earlier
    /// emergency of the sender was not over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_press: bool,
    /// The order from this message or entry on, if the message is one or the entry has changed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Box<Order>>,
    /// The id under which the sender may repeat the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
    /// The seal of the text, made by stores that chain their records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_hash: Option<Hash>,
    /// The text. Not serialized.
    #[serde(skip)]
    pub content: Content,
}

/// The data of [`Event::ReadMarked`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ReadMarked {
    /// The conversation.
    pub conversation: ConversationId,
    /// The user who has read.
    pub user: UserId,
    /// The number of the newest message read.
    pub up_to: u64,
    /// Whether the user was in control and nobody else there had read as far: `up_to` is then the
    /// read position of [`CONTROL`](crate::protocol::CONTROL) too. `false` in histories written
    /// before this field existed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_control: bool,
    /// The id of this message. `None` in histories written before this field existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<MessageId>,
    /// The time of the request. `None` in histories written before this field existed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

impl ReadMarked {
    /// The readers whose read position becomes `up_to`: the user, and perhaps control.
    pub fn readers(&self) -> impl Iterator<Item = UserId> {
        iter::once(self.user.clone()).chain(self.by_control.then(|| UserId::from(CONTROL)))
    }
}

/// The data of [`Event::MemberAdded`] and [`Event::MemberWithdrawn`].
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MembershipChanged {
    /// The conversation.
    pub conversation: ConversationId,
    /// The user.
    pub user: UserId,
    /// The conversation's version after the change.
    pub version: u64,
    /// The user's standing before the change. Histories written before this field existed do not
    /// say it.
    #[serde(default, skip_serializing_if = "Standing::is_unnamed")]
    pub was: Standing,
    /// The user's standing after the change. `None` in histories written before teams: see
    /// [`complete`](super::complete).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standing: Option<Standing>,
}

/// The text of a stored message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Content {
    /// The text.
    Text(Arc<str>),
    /// The text was erased by retention.
    #[default]
    Erased,
}

impl Content {
    /// The text, unless erased.
    pub fn text(&self) -> Option<&Arc<str>> {
        match self {
            Self::Text(text) => Some(text),
            Self::Erased => None,
        }
    }
}

impl<T: Into<Arc<str>>> From<T> for Content {
    fn from(text: T) -> Self {
        Self::Text(text.into())
    }
}

impl Event {
    /// The conversation that the event is about.
    pub fn conversation(&self) -> Option<&ConversationId> {
        match self {
            Self::EpochBegun { .. } | Self::AccountPut { .. } => None,
            Self::ConversationCreated(created) => Some(&created.id),
            Self::MessageAppended(appended) => Some(&appended.conversation),
            Self::ReadMarked(read) => Some(&read.conversation),
            Self::MemberAdded(changed) | Self::MemberWithdrawn(changed) => Some(&changed.conversation),
        }
    }

    /// The text of the event's message with its seal, if the event has a message.
    pub fn content(&self) -> Option<(&Content, Option<Hash>)> {
        match self {
            Self::ConversationCreated(created) => Some((&created.content, created.content_hash)),
            Self::MessageAppended(appended) => Some((&appended.content, appended.content_hash)),
            Self::EpochBegun { .. }
            | Self::AccountPut { .. }
            | Self::ReadMarked(_)
            | Self::MemberAdded(_)
            | Self::MemberWithdrawn(_) => None,
        }
    }

    /// The places of the text and of its seal, for a store that keeps the text beside the event.
    pub fn content_mut(&mut self) -> Option<(&mut Content, &mut Option<Hash>)> {
        match self {
            Self::ConversationCreated(created) => Some((&mut created.content, &mut created.content_hash)),
            Self::MessageAppended(appended) => Some((&mut appended.content, &mut appended.content_hash)),
            Self::EpochBegun { .. }
            | Self::AccountPut { .. }
            | Self::ReadMarked(_)
            | Self::MemberAdded(_)
            | Self::MemberWithdrawn(_) => None,
        }
    }

    /// Whether the event has a message whose text is erased.
    pub fn is_erased(&self) -> bool {
        matches!(self.content(), Some((Content::Erased, _)))
    }

    /// The event without the seal of its text, for comparing what different stores say.
    #[must_use]
    pub fn unsealed(mut self) -> Self {
        if let Some((_, seal)) = self.content_mut() {
            *seal = None;
        }
        self
    }

    /// The time at which the event's message was sent, if the event has a message.
    pub fn sent_at(&self) -> Option<Timestamp> {
        match self {
            Self::ConversationCreated(created) => Some(created.sent_at),
            Self::MessageAppended(appended) => Some(appended.sent_at),
            Self::EpochBegun { .. }
            | Self::AccountPut { .. }
            | Self::ReadMarked(_)
            | Self::MemberAdded(_)
            | Self::MemberWithdrawn(_) => None,
        }
    }

    /// The user and the id under which the user may repeat the request.
    pub fn key(&self) -> Option<(&UserId, &ClientMessageId)> {
        match self {
            Self::ConversationCreated(created) => {
                Some((&created.created_by, created.client_message_id.as_ref()?))
            }
            Self::MessageAppended(appended) => Some((&appended.sender, appended.client_message_id.as_ref()?)),
            Self::EpochBegun { .. }
            | Self::AccountPut { .. }
            | Self::ReadMarked(_)
            | Self::MemberAdded(_)
            | Self::MemberWithdrawn(_) => None,
        }
    }
}

impl ConversationCreated {
    /// The conversation at its start.
    pub fn conversation(&self) -> Conversation {
        let standing = |user| {
            if self.control_members.contains(user) { Standing::ControlMember } else { Standing::Member }
        };
        let members = self.participants.iter().map(|user| (user.clone(), standing(user))).collect();
        Conversation {
            id: self.id.clone(),
            title: self.title.clone(),
            room_type: self.room_type,
            created_by: self.created_by.clone(),
            created_at: self.sent_at,
            participation: Participation { teams: self.teams.clone().unwrap_or_default(), members },
            version: 1,
            last_seq: 1,
            last_at: self.sent_at,
            last_text_seq: 1,
            last_message_at: self.sent_at,
            work: self.begun(),
            emergency: self.emergency.clone(),
            open_orders: Vec::new(),
            has_notes: false,
        }
    }

    /// Message 1.
    pub fn message(&self) -> Message {
        let message = message(&self.id, 1, &self.message_id, &self.created_by, self.sent_at, &self.content);
        let work = (!self.id.is_notes()).then(|| MessageWork { action: None, work: self.begun() });
        Message { work, emergency: shown(self.emergency.as_deref(), None), ..message }
    }

    /// The work at message 1.
    fn begun(&self) -> Work {
        self.work.clone().unwrap_or_else(|| Work::begun(self.sent_at))
    }
}

impl MessageAppended {
    /// The message.
    pub fn message(&self) -> Message {
        let Self { conversation, seq, message_id, sender, sent_at, content, .. } = self;
        let message = message(conversation, *seq, message_id, sender, *sent_at, content);
        let (work, emergency, answer) = (self.shown_work(), self.shown_emergency(), self.shown_answer());
        let message = Message { work, emergency, answer, ..message };
        match self.given_order() {
            Some(order) => show_order(message, order.clone()),
            None => message,
        }
    }
}

fn message(
    conversation: &ConversationId,
    seq: u64,
    id: &MessageId,
    sender: &UserId,
    sent_at: Timestamp,
    content: &Content,
) -> Message {
    Message {
        id: id.clone(),
        conversation_id: conversation.clone(),
        sender_id: sender.clone(),
        content: content.text().cloned().unwrap_or_default(),
        message_type: MessageType::Text,
        sent_at,
        seq: Some(seq),
        erased: content.text().is_none(),
        work: None,
        emergency: None,
        order: None,
        answer: None,
    }
}

//! Entries: something that has happened in a conversation, numbered like a message.

use serde::{Deserialize, Serialize};

use super::event::MessageAppended;
use crate::id::UserId;
use crate::order;
use crate::protocol::{
    Emergency, EmergencyAction, EmergencyReason, Message, MessageAnswer, MessageEmergency, MessageOrder,
    MessageWork, Order, OrderAction, WorkAction,
};
use crate::work::Moment;

/// The body of an entry: something that has happened in a conversation, numbered like a message.
///
/// Holds ids, times and numbers. Text stands in the entry's content, which retention erases.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryBody {
    /// A user has changed the work.
    Work(WorkAction),
    /// A user or the server has changed the emergency.
    Emergency(EmergencyAction),
    /// A user or the server has changed an order.
    Order(OrderAction),
}

impl MessageAppended {
    /// The user whom an entry hands the conversation to. The text of the entry names this user.
    pub fn handed_to(&self) -> Option<&UserId> {
        let is_transfer = self.entry == Some(EntryBody::Work(WorkAction::Transfer));
        self.work.as_ref().filter(|_| is_transfer)?.assignee.as_ref()
    }

    /// The work that the message shows. A message from before work was known shows none.
    pub fn shown_work(&self) -> Option<MessageWork> {
        let action = match self.entry {
            Some(EntryBody::Work(action)) => Some(action),
            Some(EntryBody::Emergency(_) | EntryBody::Order(_)) | None => None,
        };
        let work = self.work.clone().filter(|work| work.version > 0)?;
        Some(MessageWork { action, work })
    }

    /// The emergency that the message shows.
    pub fn shown_emergency(&self) -> Option<Box<MessageEmergency>> {
        let action = match self.entry {
            Some(EntryBody::Emergency(action)) => Some(action),
            Some(EntryBody::Work(_) | EntryBody::Order(_)) | None => None,
        };
        shown(self.emergency.as_deref(), action)
    }

    /// The order that the entry has changed.
    pub fn shown_answer(&self) -> Option<Box<MessageAnswer>> {
        let Some(EntryBody::Order(action)) = self.entry else { return None };
        let order = Order::clone(self.order.as_ref()?);
        let given = order.answer_by(&self.sender).filter(|_| action == OrderAction::Answer).cloned();
        let late = given.as_ref().is_some_and(|given| given.late);
        let answer = given.map(|given| given.answer);
        Some(Box::new(MessageAnswer { action, answer, late, order }))
    }

    /// The order that the message gives.
    pub fn given_order(&self) -> Option<&Order> {
        self.order.as_deref().filter(|_| self.entry.is_none())
    }

    /// Whether the entry has left somebody overdue.
    pub fn has_overdue(&self) -> bool {
        let moment = Moment { seq: self.seq, at: self.sent_at };
        self.order.as_ref().is_some_and(|order| order.went_overdue(moment))
    }

    /// The reason for which a user has ended the emergency by this entry.
    pub fn end_reason(&self) -> Option<EmergencyReason> {
        let is_end = self.entry == Some(EntryBody::Emergency(EmergencyAction::End));
        self.emergency.as_ref().filter(|_| is_end)?.reason
    }
}

/// The emergency as a message shows it.
pub(super) fn shown(
    emergency: Option<&Emergency>,
    action: Option<EmergencyAction>,
) -> Option<Box<MessageEmergency>> {
    Some(Box::new(MessageEmergency { action, emergency: emergency?.clone() }))
}

/// Shows a message with its order: the stored text has the answers behind the text of the message.
pub fn show_order(message: Message, order: Order) -> Message {
    let (content, answers) = order::split(&message.content, order.choices);
    Message { content, order: Some(Box::new(MessageOrder { answers, order })), ..message }
}

//! Additions: orders, which are messages that must be answered, and the requests about them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::check;
use super::envelope::Success;
use super::error::{Error, ErrorCode};
use super::message::Message;
use crate::id::{ClientMessageId, ConversationId, Cursor, MessageId, UserId};
use crate::limits::FieldLimits;
use crate::time::Timestamp;

/// The limit of answers that an order offers. A screen shows as many buttons.
pub const ANSWERS_MOST: usize = 4;

/// The limit of characters of one answer. A button shows as many.
pub const ANSWER_LENGTH: usize = 40;

/// The shortest time to answer.
pub const WITHIN_LEAST: Duration = Duration::from_secs(10);

/// The longest time to answer.
pub const WITHIN_MOST: Duration = Duration::from_hours(24);

/// The time to answer if a request names none.
pub const WITHIN_DEFAULT: Duration = Duration::from_mins(5);

/// The state of an order for one person.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderState {
    /// The order waits for the person's answer.
    Pending,
    /// The person has answered in time.
    Answered,
    /// The time to answer is over.
    Overdue,
    /// The sender has withdrawn the order, or the person takes part no more.
    Withdrawn,
}

/// The answer of a person to an order.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct OrderAnswer {
    /// The answering user.
    pub by: UserId,
    /// The place of the answer in `answers`, counted from 0.
    pub answer: u32,
    /// The time of the answer.
    pub at: Timestamp,
    /// Whether the answer came too late, or after a withdrawal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
}

/// The part of one person in an order.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct OrderPart {
    /// The user asked. `None` for an order of field staff, which anybody in control
    /// answers.
    pub user_id: Option<UserId>,
    /// The state. Once not `PENDING`, the state never changes.
    pub state: OrderState,
    /// The time at which the state changed, unless `PENDING`.
    pub ended_at: Option<Timestamp>,
    /// The answer, if given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<OrderAnswer>,
}

/// An order, as its message and the entries about it have left it. Holds no text.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
pub struct Order {
    /// The id of the message with the order.
    pub message_id: MessageId,
    /// The number of this message.
    pub seq: u64,
    /// The sender of this message.
    pub sender_id: UserId,
    /// The number of answers that the order offers.
    pub choices: u32,
    /// The time until which an answer is in time.
    pub due: Timestamp,
    /// The persons asked, by id.
    pub people: Vec<OrderPart>,
    /// The number of the message or entry that last changed the order.
    pub version: u64,
}

/// The order of a message, with the texts of its answers.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageOrder {
    /// The answers to choose from. Empty once the text of the message is erased.
    pub answers: Vec<Arc<str>>,
    /// The order as it is now, or in an event as it was at that time.
    #[serde(flatten)]
    pub order: Order,
}

/// A change of an order by an entry.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OrderAction {
    /// A person has answered.
    Answer,
    /// The server has ended the order for persons without an answer in time, or without a part.
    Expire,
    /// The sender has withdrawn the order.
    Withdraw,
}

/// The order behind an entry that has changed it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct MessageAnswer {
    /// The action.
    pub action: OrderAction,
    /// The place of the answer in `answers`, if somebody has answered by this entry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<u32>,
    /// Whether this answer came too late, or after a withdrawal.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub late: bool,
    /// The order from this entry on.
    pub order: Order,
}

/// The fields of a `send_chat_message` that make an order of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderTerms<'a> {
    /// The answers to choose from.
    pub answers: &'a [Arc<str>],
    /// The time to answer.
    pub within: Duration,
}

impl<'a> OrderTerms<'a> {
    /// The terms in the fields of a request, or `None` without answers.
    pub(super) fn of(answers: Option<&'a [Arc<str>]>, within_ms: Option<i64>) -> Option<Self> {
        let within = within_ms.map(|within| Duration::from_millis(u64::try_from(within).unwrap_or(0)));
        Some(Self { answers: answers?, within: within.unwrap_or(WITHIN_DEFAULT) })
    }

    /// Checks the values.
    pub(super) fn check(&self) -> Result<(), Error> {
        let distinct: BTreeSet<_> = self.answers.iter().collect();
        if !(1..=ANSWERS_MOST).contains(&self.answers.len()) || distinct.len() < self.answers.len() {
            return Err(invalid(format_args!("answers must be 1 to {ANSWERS_MOST} different texts")));
        }
        for answer in self.answers {
            check::text("an answer", answer, ANSWER_LENGTH)?;
            if answer.chars().any(char::is_control) {
                return Err(invalid("an answer must be one line without control characters"));
            }
        }
        if !(WITHIN_LEAST..=WITHIN_MOST).contains(&self.within) {
            let (least, most) = (WITHIN_LEAST.as_millis(), WITHIN_MOST.as_millis());
            return Err(invalid(format_args!("answer_within_ms must be {least} to {most}")));
        }
        Ok(())
    }
}

fn invalid(detail: impl std::fmt::Display) -> Error {
    Error::with_detail(ErrorCode::InvalidParameter, detail)
}

/// The `data` of `answer_message`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct AnswerMessage {
    /// The conversation of the order.
    pub conversation_id: ConversationId,
    /// The message with the order.
    pub message_id: MessageId,
    /// The place of the answer in `answers`, counted from 0.
    pub answer: u32,
    /// The id that makes a repeat safe: see [`ClientMessageId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

impl AnswerMessage {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::client_message_id(self.client_message_id.as_ref(), limits)
    }
}

/// The `data` of `withdraw_order`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct WithdrawOrder {
    /// The conversation of the order.
    pub conversation_id: ConversationId,
    /// The message with the order.
    pub message_id: MessageId,
    /// The id that makes a repeat safe: see [`ClientMessageId`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_message_id: Option<ClientMessageId>,
}

impl WithdrawOrder {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        check::client_message_id(self.client_message_id.as_ref(), limits)
    }
}

/// The `data` of `get_open_orders`. All fields are optional.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GetOpenOrders {
    /// The `next_cursor` of the page before, behind which this page begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<Cursor>,
    /// The limit of orders. The server has a limit of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<i64>,
}

impl GetOpenOrders {
    /// Checks the values.
    ///
    /// # Errors
    ///
    /// `invalid_parameter`, with the name of the field.
    pub fn check(&self, limits: &FieldLimits) -> Result<(), Error> {
        self.cursor.as_ref().map_or(Ok(()), |cursor| check::order_cursor(cursor, limits))?;
        check::positive("limit", self.limit)
    }
}

/// The reply to `get_open_orders`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct GetOpenOrdersReply {
    /// Always `true`.
    pub success: Success,
    /// The messages with orders that wait for an answer, the ones due first in front. May be few,
    /// or none, though more follow.
    pub orders: Vec<Message>,
    /// The `cursor` of the next page, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<Cursor>,
}

/// The real-time event for the sender's side about an order that was not answered in time.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename = "order_overdue")]
pub struct OrderOverdue {
    /// The conversation.
    pub conversation_id: ConversationId,
    /// The time at which the order became overdue.
    pub timestamp: Timestamp,
    /// The order. Its `people` name those without an answer.
    pub order: Order,
}

//! The list of open orders, by the time at which they are due.

use super::{Account, answers_for};
use crate::conversation::Participation;
use crate::id::{ConversationId, UserId};
use crate::permission::takes_part;
use crate::protocol::{Message, Order};
use crate::time::Timestamp;

/// The number of open orders that are searched for one page. A page behind more ends there, and
/// goes on from [`OrderPage::next`].
pub const ORDERS_SEARCHED: usize = 1_000;

/// The data of [`Query::OpenOrders`](super::Query::OpenOrders).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderQuery {
    /// The owner of the list, or `None` for all open orders.
    pub user: Option<UserId>,
    /// The place behind which the page begins, if any.
    pub after: Option<OrderPlace>,
    /// The limit of orders.
    pub limit: u32,
}

/// The place of an open order in the list.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct OrderPlace {
    /// The time at which the order is due.
    pub due: Timestamp,
    /// The number of the message with the order.
    pub seq: u64,
    /// The conversation.
    pub conversation: ConversationId,
}

impl OrderPlace {
    /// The place of an order of this conversation.
    pub fn of(conversation: &ConversationId, order: &Order) -> Self {
        Self { due: order.due, seq: order.seq, conversation: conversation.clone() }
    }
}

/// A page of open orders.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OrderPage {
    /// The messages with the orders, in the order of their places.
    pub orders: Vec<Message>,
    /// The place of the last order searched, if more follow.
    pub next: Option<OrderPlace>,
}

/// Whether the list of a user has this open order: those that wait for the user's answer, and for
/// control all orders of conversations that the user [answers for](answers_for).
pub fn lists_order(account: &Account, order: &Order, participation: &Participation) -> bool {
    takes_part(account, participation)
        && (order.waits_for(&account.user) || answers_for(account, participation))
}

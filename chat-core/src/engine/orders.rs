//! Open orders: the ends of those that nobody answers in time.
//!
//! As with [emergencies](super::emergencies), each engine of a shared store proposes the ends of
//! all of them, and the store accepts the first. An engine with outdated knowledge loads the
//! orders again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::origin::Origin;
use super::{Draining, Engine, Timer};
use crate::id::{ConversationId, UserId};
use crate::protocol::Order;
use crate::store::{Change, ExpireOrder, MessageAppended, OrderPage, OrderPlace, OrderQuery, Query};

/// The limit of known orders, the ones due first. Further ones are loaded once others are over.
const ORDERS_MOST: usize = 256;

/// The open orders that are due first. Bounded by [`ORDERS_MOST`].
#[derive(Default)]
pub(super) struct OpenOrders {
    known: BTreeMap<OrderPlace, KnownOrder>,
    /// Whether there were too many to know all.
    is_full: bool,
}

struct KnownOrder {
    /// The users with an answer to give.
    pending: Vec<UserId>,
    /// The order is due, and its conversation is being loaded.
    is_loading: bool,
}

impl OpenOrders {
    /// The orders for which this holds.
    fn places(&self, holds: impl Fn(&OrderPlace, &KnownOrder) -> bool) -> Vec<OrderPlace> {
        let found = self.known.iter().filter(|(place, known)| holds(place, known));
        found.map(|(place, _)| place.clone()).collect()
    }
}

impl Engine {
    /// Loads the open orders that are due first.
    pub(super) fn load_orders(&mut self) {
        let limit = u32::try_from(ORDERS_MOST).unwrap_or(u32::MAX);
        let query = OrderQuery { user: None, after: None, limit };
        self.load(Origin::Engine, Query::OpenOrders(query));
    }

    pub(super) fn load_orders_later(&mut self) {
        let again = self.now.monotonic.plus(self.limits.periods.unavailable_retry);
        self.timers.set(again, Timer::Orders);
    }

    /// Takes in loaded orders. One that is over since is found out when it is due.
    pub(super) fn orders_loaded(&mut self, loaded: Option<OrderPage>) {
        let Some(OrderPage { orders, next }) = loaded else { return self.load_orders_later() };
        self.orders.is_full = next.is_some();
        for message in orders {
            if let Some(shown) = &message.order {
                self.know_order(&message.conversation_id, &shown.order);
            }
        }
    }

    /// Takes in a new order, or the change of one by an entry.
    pub(super) fn order_changed(&mut self, appended: &MessageAppended) {
        match &appended.order {
            Some(order) if order.is_open() => self.know_order(&appended.conversation, order),
            Some(order) => self.forget_order(&OrderPlace::of(&appended.conversation, order)),
            None => {}
        }
    }

    /// Proposes the ends of orders for a former participant: in one conversation, or in
    /// all of them.
    pub(super) fn person_left(&mut self, user: &UserId, conversation: Option<&ConversationId>) {
        let places = self.orders.places(|place, known| {
            conversation.is_none_or(|id| *id == place.conversation) && known.pending.contains(user)
        });
        places.into_iter().for_each(|place| self.timers.set(self.now.monotonic, Timer::Order(place)));
    }

    /// Notes an open order, and sets the timer of its end.
    fn know_order(&mut self, conversation: &ConversationId, order: &Order) {
        let place = OrderPlace::of(conversation, order);
        let pause = order.due.since(self.now.wall);
        self.timers.set(self.now.monotonic.plus(pause), Timer::Order(place.clone()));
        let pending = order.pending().flatten().cloned().collect();
        self.orders.known.insert(place, KnownOrder { pending, is_loading: false });
        if self.orders.known.len() > ORDERS_MOST
            && let Some((last, _)) = self.orders.known.pop_last()
        {
            self.orders.is_full = true;
            self.timers.cancel(&Timer::Order(last));
        }
    }

    fn forget_order(&mut self, place: &OrderPlace) {
        self.orders.known.remove(place);
        self.timers.cancel(&Timer::Order(place.clone()));
        if self.orders.is_full {
            self.load_orders_later();
        }
    }

    /// Proposes the end of an order, and again after a pause until the store has decided.
    pub(super) fn order_due(&mut self, place: OrderPlace) {
        let Some(known) = self.orders.known.get_mut(&place).filter(|_| self.draining == Draining::No) else {
            return;
        };
        let again = self.now.monotonic.plus(self.limits.periods.unavailable_retry);
        self.timers.set(again, Timer::Order(place.clone()));
        // Only a cached conversation tells its listeners.
        known.is_loading = self.cache.get(&place.conversation).is_none();
        if known.is_loading {
            return self.load(Origin::Engine, Query::Conversation(place.conversation));
        }
        let content = content(place.due <= self.now.wall);
        let (nonce, at) = (self.ids.nonce(), self.now.wall);
        let OrderPlace { conversation, seq, .. } = place;
        let expire = ExpireOrder { conversation, seq, nonce, content, at };
        self.submit_for(Origin::Engine, Change::ExpireOrder(expire));
    }

    /// Goes on with the orders of a conversation that was loaded.
    pub(super) fn order_loaded(&mut self, id: &ConversationId) {
        if self.cache.get(id).is_some() {
            let places = self.orders.places(|place, known| place.conversation == *id && known.is_loading);
            places.into_iter().for_each(|place| self.order_due(place));
        }
    }

    /// Forgets an order that nothing ends yet, or any more, and loads all again.
    pub(super) fn expiry_refused(&mut self, conversation: &ConversationId, seq: u64) {
        let places = self.orders.places(|place, _| place.conversation == *conversation && place.seq == seq);
        places.iter().for_each(|place| self.forget_order(place));
        self.load_orders_later();
    }
}

/// The text of the end, which reads well in an app that knows no orders.
fn content(is_due: bool) -> Arc<str> {
    let text = if is_due {
        "This order was not answered in time."
    } else {
        "This order no longer waits for everybody who was asked."
    };
    text.into()
}

//! Orders of the memory store.

use std::collections::BTreeMap;

use super::MemoryState;
use super::answer::as_index;
use crate::export::ExportedConversation;
use crate::protocol::{Message, Order};
use crate::store::{ORDERS_SEARCHED, OrderPage, OrderPlace, OrderQuery, lists_order};

impl MemoryState {
    /// A page of open orders.
    pub(super) fn open_orders(&self, query: &OrderQuery) -> OrderPage {
        let OrderQuery { user, after, limit } = query;
        let known = user.as_ref().map(|user| self.stored.accounts.get(user));
        if known == Some(None) {
            return OrderPage::default();
        }
        let open: BTreeMap<_, _> = self.stored.conversations.values().flat_map(open_orders).collect();
        let mut places = open.into_iter().skip_while(|(place, _)| after.as_ref() >= Some(place)).peekable();
        let (mut page, mut last) = (OrderPage::default(), None);
        let mut searched = places.by_ref().take(ORDERS_SEARCHED);
        while page.orders.len() < *limit as usize
            && let Some((place, (stored, message, order))) = searched.next()
        {
            let participation = &stored.conversation.participation;
            let is_listed =
                known.flatten().is_none_or(|known| lists_order(&known.account, order, participation));
            page.orders.extend(is_listed.then(|| message.clone()));
            last = Some(place);
        }
        page.next = last.filter(|_| places.peek().is_some());
        page
    }
}

/// The open orders of a conversation, each with its place and its message.
fn open_orders(
    stored: &ExportedConversation,
) -> impl Iterator<Item = (OrderPlace, (&ExportedConversation, &Message, &Order))> {
    stored.conversation.open_orders.iter().filter_map(move |seq| {
        let order = stored.order(*seq)?;
        let place = OrderPlace::of(&stored.conversation.id, order);
        Some((place, (stored, &stored.messages[as_index(*seq) - 1], order)))
    })
}

impl ExportedConversation {
    /// The order of the message with this number.
    pub(super) fn order(&self, seq: u64) -> Option<&Order> {
        let message = self.messages.get(as_index(seq.checked_sub(1)?))?;
        message.order.as_ref().map(|shown| &shown.order)
    }

    /// Sets the order of its message to the state that an entry has left.
    pub(super) fn set_order(&mut self, order: &Order) {
        let message = self.messages.get_mut(as_index(order.seq) - 1);
        if let Some(shown) = message.and_then(|message| message.order.as_mut()) {
            shown.order = order.clone();
        }
    }
}

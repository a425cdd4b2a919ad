//! Lists of orders that wait for an answer.

use chat_core::id::ConversationId;
use chat_core::protocol::Order;
use chat_core::store::{
    Account, ORDERS_SEARCHED, OrderPage, OrderPlace, OrderQuery, UnavailableError, lists_order,
};

use super::Snapshot;
use crate::store::index::apply::{order, participation};
use crate::store::index::view::after as after_prefix;
use crate::store::keys;
use crate::store::values::{self, ConversationValue};

impl Snapshot<'_> {
    /// A page of open orders: see [`Query::OpenOrders`](chat_core::store::Query::OpenOrders).
    pub(super) fn open_orders(&self, query: &OrderQuery) -> Result<OrderPage, UnavailableError> {
        let account = match &query.user {
            Some(user) => match self.account(user)? {
                Some(known) => Some(known.account),
                None => return Ok(OrderPage::default()),
            },
            None => None,
        };
        let start = query.after.as_ref().map(|after| [&keys::open_order(after)[..], &[0]].concat());
        let start = start.unwrap_or_else(|| keys::OPEN_ORDERS.to_vec());
        let mut rows = self.view.range(&start, &after_prefix(keys::OPEN_ORDERS))?;
        let (mut page, mut last) = (OrderPage::default(), None);
        for _ in 0..ORDERS_SEARCHED {
            if page.orders.len() >= query.limit as usize {
                break;
            }
            let Some(row) = rows.next().transpose()? else { break };
            let place = self.view.decoded(keys::split_open_order(&row.0))?;
            let open = self.view.decoded(order(&self.view, &place.conversation, place.seq)?)?;
            if self.is_listed(account.as_ref(), &open, &place.conversation)? {
                let value = self.view.decoded(self.message(&place.conversation, place.seq)?)?;
                page.orders.push(self.assemble_message(&place.conversation, place.seq, value)?);
            }
            last = Some(place);
        }
        let has_more = rows.next().transpose()?.is_some();
        page.next = last.filter(|_: &OrderPlace| has_more);
        Ok(page)
    }

    /// Whether a list has this order: that of a user, or that of all.
    fn is_listed(
        &self,
        account: Option<&Account>,
        order: &Order,
        id: &ConversationId,
    ) -> Result<bool, UnavailableError> {
        let Some(account) = account else { return Ok(true) };
        // Most orders wait for others, and their conversations need no look.
        if !account.is_active_control() && !order.waits_for(&account.user) {
            return Ok(false);
        }
        let value = self.view.get_as(&keys::conversation(id), values::decode_json::<ConversationValue>)?;
        let ConversationValue { teams, .. } = self.view.decoded(value)?;
        Ok(lists_order(account, order, &participation(&self.view, id, teams)?))
    }
}

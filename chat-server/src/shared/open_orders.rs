//! Lists of orders that wait for an answer.

use chat_core::id::ConversationId;
use chat_core::protocol::Order;
use chat_core::store::{
    ORDERS_SEARCHED, OrderPage, OrderPlace, OrderQuery, StoredAccount, UnavailableError, lists_order,
};
use tokio_postgres::Row;

use super::list::newest;
use super::loads::{DatabaseSnapshot, key};
use super::rows;
use super::write::signed;

/// A page of open orders: see [`Query::OpenOrders`](chat_core::store::Query::OpenOrders).
pub(super) async fn page(
    snapshot: &DatabaseSnapshot<'_>,
    query: &OrderQuery,
) -> Result<OrderPage, UnavailableError> {
    let known = match &query.user {
        Some(user) => match snapshot.account(user).await? {
            Some(known) => Some(known),
            None => return Ok(OrderPage::default()),
        },
        None => None,
    };
    // A page for all shows what is searched.
    let most = if known.is_some() { ORDERS_SEARCHED } else { ORDERS_SEARCHED.min(query.limit as usize) };
    let (mut due, mut seq, mut conversation) = (i64::MIN, 0, "");
    if let Some(after) = &query.after {
        (due, seq, conversation) = (after.due.as_millis(), signed(after.seq), after.conversation.as_str());
    }
    // One more tells whether more exist.
    let limit = i64::try_from(most + 1).unwrap_or(i64::MAX);
    let found = snapshot.query(OPEN, &[&due, &seq, &key(conversation), &limit]).await?;
    let (mut listed, mut last) = (Vec::new(), None);
    let mut searched = 0;
    while searched < most.min(found.len()) && listed.len() < query.limit as usize {
        let row = &found[searched];
        let ((id, number), order) = rows::order(row)?;
        last = Some(OrderPlace::of(&id, &order));
        if is_listed(known.as_ref(), &order, row)? {
            listed.push((id, number));
        }
        searched += 1;
    }
    let next = last.filter(|_| searched < found.len());
    Ok(OrderPage { orders: messages(snapshot, &listed).await?, next })
}

/// Whether a list has the order of this row: that of a user, or that of all.
fn is_listed(known: Option<&StoredAccount>, order: &Order, row: &Row) -> Result<bool, UnavailableError> {
    let Some(known) = known else { return Ok(true) };
    Ok(lists_order(&known.account, order, &rows::participation(row.get(2))?))
}

async fn messages(
    snapshot: &DatabaseSnapshot<'_>,
    listed: &[(ConversationId, u64)],
) -> Result<Vec<chat_core::protocol::Message>, UnavailableError> {
    let ids: Vec<_> = listed.iter().map(|(id, _)| key(id.as_str())).collect();
    let seqs: Vec<_> = listed.iter().map(|(_, seq)| signed(*seq)).collect();
    let found = snapshot.query(&newest(), &[&ids, &seqs]).await?;
    found.iter().map(rows::message).collect()
}

const OPEN: &str = "SELECT o.conversation, o.state, c.participation \
    FROM chat.order_state o JOIN chat.conversation c ON c.id = o.conversation \
    WHERE o.due IS NOT NULL AND (o.due, o.seq, o.conversation) > ($1, $2, $3) \
    ORDER BY o.due, o.seq, o.conversation LIMIT $4";

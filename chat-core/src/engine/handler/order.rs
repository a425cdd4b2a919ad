//! Handlers of the additions about orders: `answer_message`, `withdraw_order` and
//! `get_open_orders`.

use crate::engine::pending_request::{Blocked, HandlerContext, HandlerResult, Step};
use crate::id::{ClientMessageId, ConversationId, Cursor, MessageId};
use crate::permission::MayTakePart;
use crate::protocol::{
    AnswerMessage, Error, ErrorCode, GetOpenOrders, GetOpenOrdersReply, MessageOrder, OrderReply, Reply,
    Success, WithdrawOrder,
};
use crate::store::{
    AppendEntry, Change, EntryChange, MessageAppended, OrderQuery, Query, RejectedOrder, Window,
};

/// The entry of an answer. The store decides whether the answer fits the order.
pub(super) fn answer(request: &AnswerMessage, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_take_part(&request.conversation_id)?;
    let MessageOrder { answers, order } = shown_order(&request.conversation_id, &request.message_id, cx)?;
    if request.answer >= order.choices {
        return Err(invalid(format_args!("answer must be 0 to {}", order.choices - 1)));
    }
    let name = cx.account.user().display_name();
    let place = usize::try_from(request.answer).ok();
    let content = match place.and_then(|place| answers.get(place)) {
        Some(text) => format!("{name} has answered: {text}"),
        None => format!("{name} has answered."),
    };
    let entry = EntryChange::Answer { seq: order.seq, answer: request.answer };
    Ok(entry_step(permit, entry, content, request.client_message_id.as_ref(), cx))
}

/// The entry of a withdrawal. The store decides whether the sender may still withdraw.
pub(super) fn withdraw(request: &WithdrawOrder, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_take_part(&request.conversation_id)?;
    let MessageOrder { order, .. } = shown_order(&request.conversation_id, &request.message_id, cx)?;
    let content = format!("{} has withdrawn this order.", cx.account.user().display_name());
    let entry = EntryChange::WithdrawOrder { seq: order.seq };
    Ok(entry_step(permit, entry, content, request.client_message_id.as_ref(), cx))
}

fn entry_step(
    permit: MayTakePart,
    entry: EntryChange,
    content: String,
    client_message_id: Option<&ClientMessageId>,
    cx: &mut HandlerContext<'_>,
) -> Step {
    Step::Commit(Change::AppendEntry(AppendEntry {
        permit,
        entry,
        nonce: cx.ids.nonce(),
        content: content.into(),
        client_message_id: client_message_id.cloned(),
        at: cx.now.wall,
    }))
}

/// The order of a message. Only data that never change are taken from it.
fn shown_order(
    conversation: &ConversationId,
    id: &MessageId,
    cx: &HandlerContext<'_>,
) -> Result<MessageOrder, Blocked> {
    let before = id.seq().and_then(|seq| seq.checked_sub(1)).ok_or(ErrorCode::MessageNotFound)?;
    let Some((_, page)) = &cx.facts.messages else {
        let (conversation, window) = (conversation.clone(), Window::After(before));
        return Err(Blocked::OnLoad(Query::Messages {
            conversation,
            window,
            limit: 1,
            bytes: usize::MAX,
            with_positions: false,
        }));
    };
    let message = page.messages.first().filter(|message| message.id == *id);
    let message = message.ok_or(ErrorCode::MessageNotFound)?;
    message.order.as_deref().cloned().ok_or_else(|| invalid("message_id names no order"))
}

fn invalid(detail: impl std::fmt::Display) -> Blocked {
    Error::with_detail(ErrorCode::InvalidParameter, detail).into()
}

/// The reply to an answer or a withdrawal.
pub(super) fn reply(appended: &MessageAppended) -> Option<Reply> {
    let MessageAppended { conversation, message_id, seq, sent_at, order, .. } = appended;
    let (id, message_id) = (conversation.clone(), message_id.clone());
    Some(Reply::Order(OrderReply::new(id, message_id, *seq, *sent_at, order.clone()?)))
}

/// Whether a request repeats an answer.
pub(super) fn is_repeated_answer(request: &AnswerMessage, appended: &MessageAppended) -> bool {
    let change = |seq| EntryChange::Answer { seq, answer: request.answer };
    is_repeat(&request.conversation_id, &request.message_id, change, appended)
}

/// Whether a request repeats a withdrawal.
pub(super) fn is_repeated_withdrawal(request: &WithdrawOrder, appended: &MessageAppended) -> bool {
    let change = |seq| EntryChange::WithdrawOrder { seq };
    is_repeat(&request.conversation_id, &request.message_id, change, appended)
}

fn is_repeat(
    conversation: &ConversationId,
    id: &MessageId,
    change: impl Fn(u64) -> EntryChange,
    appended: &MessageAppended,
) -> bool {
    let order = appended.order.as_ref().filter(|order| order.message_id == *id);
    appended.conversation == *conversation && order.is_some_and(|order| change(order.seq).becomes(appended))
}

/// The error for a change that does not fit the orders of its conversation.
pub(in crate::engine) fn refusal(rejected: RejectedOrder) -> Error {
    match rejected {
        RejectedOrder::Over(order) => Error::with_order(ErrorCode::Conflict, *order),
        RejectedOrder::Answered(order) => Error::with_order(ErrorCode::AlreadyAnswered, *order),
        RejectedOrder::TooMany => ErrorCode::TooManyOrders.into(),
        RejectedOrder::NotPossible => ErrorCode::OrderNotPossible.into(),
    }
}

/// A page of the user's open orders.
pub(super) fn open_orders(request: &GetOpenOrders, cx: &HandlerContext<'_>) -> HandlerResult {
    let pages = &cx.limits.pages;
    let Some(page) = &cx.facts.orders else {
        return Err(Blocked::OnLoad(Query::OpenOrders(OrderQuery {
            user: Some(cx.account.user().id.clone()),
            after: request.cursor.as_ref().and_then(Cursor::order_place),
            limit: super::limit(request.limit, pages.messages_default, pages.messages_most),
        })));
    };
    Ok(Step::Reply(Reply::GetOpenOrders(GetOpenOrdersReply {
        success: Success,
        orders: page.orders.clone(),
        next_cursor: page.next.as_ref().map(Cursor::behind_order),
    })))
}

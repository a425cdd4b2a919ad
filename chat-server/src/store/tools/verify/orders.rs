//! Invariants of the order that a message leaves, given the one before it.

use chat_core::protocol::{Order, OrderAction, OrderPart, OrderState};
use chat_core::store::{EntryBody, MessageAppended};

/// The violated invariant, if any. Not by the rules that decided the record.
pub(super) fn wrong(before: Option<&Order>, appended: &MessageAppended) -> Option<String> {
    let MessageAppended { conversation, seq, entry, .. } = appended;
    let action = match entry {
        Some(EntryBody::Order(action)) => Some(*action),
        Some(EntryBody::Work(_) | EntryBody::Emergency(_)) | None => None,
    };
    let Some(after) = &appended.order else {
        return action.map(|_| format!("the entry {seq} of {conversation} names no order"));
    };
    let fits = after.version == *seq
        && match (action, before) {
            (Some(action), Some(before)) => follows(action, before, after, appended),
            (None, None) => entry.is_none() && is_given(after, appended),
            (Some(_), None) | (None, Some(_)) => false,
        };
    let wrong =
        || format!("message {seq} of {conversation} leaves {after:?}, which does not follow {before:?}");
    (!fits).then(wrong)
}

fn is_pending(part: &OrderPart) -> bool {
    part.state == OrderState::Pending
}

fn is_given(order: &Order, appended: &MessageAppended) -> bool {
    let is_untouched = |part: &OrderPart| is_pending(part) && part.answer.is_none();
    (&order.message_id, order.seq, &order.sender_id) == (&appended.message_id, appended.seq, &appended.sender)
        && !order.people.is_empty()
        && order.people.iter().all(is_untouched)
}

/// Each part ends once and is answered once, and nothing else changes.
fn follows(action: OrderAction, before: &Order, after: &Order, appended: &MessageAppended) -> bool {
    let rest = |order: &Order| Order { people: Vec::new(), version: 0, ..order.clone() };
    let parts = before.people.iter().zip(&after.people);
    let changed = parts.clone().filter(|(was, is)| was != is).count();
    rest(before) == rest(after)
        && before.people.len() == after.people.len()
        && changed > 0
        && (action != OrderAction::Answer || changed == 1)
        && parts.clone().all(|(was, is)| {
            let is_ended = is.state == end(action, is.state) && is.ended_at == Some(appended.sent_at);
            let has_answered = is.answer.as_ref().is_some_and(|given| given.by == appended.sender);
            was.user_id == is.user_id
                && ((was.state, was.ended_at) == (is.state, is.ended_at) || is_pending(was) && is_ended)
                && (was.answer == is.answer
                    || action == OrderAction::Answer && was.answer.is_none() && has_answered)
        })
}

/// The state in which this action ends a part. Time ends it as overdue, or as withdrawn.
fn end(action: OrderAction, state: OrderState) -> OrderState {
    match action {
        OrderAction::Answer => OrderState::Answered,
        OrderAction::Withdraw => OrderState::Withdrawn,
        OrderAction::Expire if state == OrderState::Withdrawn => OrderState::Withdrawn,
        OrderAction::Expire => OrderState::Overdue,
    }
}

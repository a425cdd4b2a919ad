//! Handler of event 7, `get_conversation_messages`.

use crate::engine::pending_request::{Blocked, HandlerContext, HandlerResult, Step};
use crate::protocol::{GetConversationMessages, GetConversationMessagesReply, Reply, Success};
use crate::store::{Query, Window};

pub(super) fn step(request: &GetConversationMessages, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_read(&request.conversation_id)?;
    let Some((_, page)) = &cx.facts.messages else { return Err(Blocked::OnLoad(query(request, cx))) };
    Ok(Step::Reply(Reply::GetConversationMessages(GetConversationMessagesReply {
        success: Success,
        messages: page.messages.clone(),
        count: page.messages.len(),
        conversation_id: permit.conversation().clone(),
        last_seq: Some(page.last_seq),
        has_more: page.more.then_some(true),
    })))
}

fn query(request: &GetConversationMessages, cx: &HandlerContext<'_>) -> Query {
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let window = match (request.before_seq, request.after_seq) {
        (Some(before), _) => Window::Before(number(before)),
        (None, Some(after)) => Window::After(number(after)),
        (None, None) => Window::Newest { skip: request.skip.map_or(0, number) },
    };
    let pages = &cx.limits.pages;
    Query::Messages {
        conversation: request.conversation_id.clone(),
        window,
        limit: super::limit(request.limit, pages.messages_default, pages.messages_most),
        bytes: usize::MAX,
        with_positions: false,
    }
}

//! Handler of event 1, `send_chat_message`.

use std::sync::Arc;

use crate::engine::pending_request::{HandlerContext, HandlerResult, Step};
use crate::id::ConversationId;
use crate::order;
use crate::protocol::{Reply, SendChatMessage, SendChatMessageReply};
use crate::store::{AppendMessage, Change, GivenOrder, MessageAppended};

pub(super) fn step(request: &SendChatMessage, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_take_part(&request.conversation_id)?;
    Ok(Step::Commit(Change::AppendMessage(AppendMessage {
        permit,
        nonce: cx.ids.nonce(),
        content: stored_text(request),
        is_press: false,
        order: given(request),
        client_message_id: request.client_message_id.clone(),
        at: cx.now.wall,
    })))
}

/// The text as stored, with the answers of an order.
fn stored_text(request: &SendChatMessage) -> Arc<str> {
    match &request.answers {
        Some(answers) => order::compose(&request.content, answers),
        None => request.content.clone(),
    }
}

fn given(request: &SendChatMessage) -> Option<GivenOrder> {
    let order = request.order()?;
    let choices = u32::try_from(order.answers.len()).unwrap_or(u32::MAX);
    Some(GivenOrder { choices, within: order.within })
}

/// Whether a request repeats a message: with the same order, if any.
pub(super) fn is_repeated_request(request: &SendChatMessage, appended: &MessageAppended) -> bool {
    is_same(&request.conversation_id, &stored_text(request), given(request), appended)
}

pub(in crate::engine) fn reply(appended: &MessageAppended) -> Reply {
    let MessageAppended { conversation, message_id, seq, sent_at, .. } = appended;
    let reply = SendChatMessageReply::new(conversation.clone(), message_id.clone(), *seq, *sent_at);
    Reply::SendChatMessage(reply)
}

/// Whether a command of the embedder repeats a message.
pub(super) fn is_repeated_command(
    conversation: &ConversationId,
    content: &Arc<str>,
    appended: &MessageAppended,
) -> bool {
    is_same(conversation, content, None, appended)
}

/// Whether a message is the stored one. Erased text can't be compared.
fn is_same(
    conversation: &ConversationId,
    content: &Arc<str>,
    order: Option<GivenOrder>,
    appended: &MessageAppended,
) -> bool {
    let stored = appended.given_order().map(|order| {
        let within = order.due.since(appended.sent_at);
        GivenOrder { choices: order.choices, within }
    });
    appended.entry.is_none()
        && !appended.is_press
        && !appended.conversation.is_notes()
        && stored == order
        && appended.conversation == *conversation
        && appended.content.text().is_none_or(|stored| stored == content)
}

//! Handler of event 1, `send_chat_message`.

use std::sync::Arc;

use crate::engine::pending_request::{HandlerContext, HandlerResult, Step};
use crate::id::ConversationId;
use crate::protocol::{Reply, SendChatMessage, SendChatMessageReply};
use crate::store::{AppendMessage, Change, MessageAppended};

pub(super) fn step(request: &SendChatMessage, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_take_part(&request.conversation_id)?;
    Ok(Step::Commit(Change::AppendMessage(AppendMessage {
        permit,
        nonce: cx.ids.nonce(),
        content: request.content.clone(),
        is_press: false,
        client_message_id: request.client_message_id.clone(),
        at: cx.now.wall,
    })))
}

pub(in crate::engine) fn reply(appended: &MessageAppended) -> Reply {
    let MessageAppended { conversation, message_id, seq, sent_at, .. } = appended;
    let reply = SendChatMessageReply::new(conversation.clone(), message_id.clone(), *seq, *sent_at);
    Reply::SendChatMessage(reply)
}

/// Whether a request repeats a message. Erased text can't be compared.
pub(in crate::engine) fn is_repeat(
    conversation: &ConversationId,
    content: &Arc<str>,
    appended: &MessageAppended,
) -> bool {
    appended.entry.is_none()
        && !appended.is_press
        && appended.conversation == *conversation
        && appended.content.text().is_none_or(|stored| stored == content)
}

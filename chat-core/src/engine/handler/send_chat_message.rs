//! Handler of event 1, `send_chat_message`.

use crate::engine::pending_request::{HandlerContext, HandlerResult, Step};
use crate::protocol::{Message, Reply, SendChatMessage, SendChatMessageReply};
use crate::store::{AppendMessage, Change, Original};

pub(super) fn step(request: &SendChatMessage, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_take_part(&request.conversation_id)?;
    Ok(Step::Commit(Change::AppendMessage(AppendMessage {
        permit,
        nonce: cx.ids.nonce(),
        content: request.content.clone(),
        client_message_id: request.client_message_id.clone(),
        at: cx.now.wall,
    })))
}

pub(super) fn reply(message: &Message) -> Reply {
    Reply::SendChatMessage(SendChatMessageReply::new(
        message.conversation_id.clone(),
        message.id.clone(),
        message.seq.unwrap_or_default(),
        message.sent_at,
    ))
}

pub(super) fn repeat(request: &SendChatMessage, original: &Original) -> Option<Reply> {
    let Original::Message { conversation, id, seq, sent_at, content } = original else { return None };
    let same = *conversation == request.conversation_id
        && content.as_ref().is_none_or(|content| *content == request.content);
    same.then(|| {
        let reply = SendChatMessageReply::new(conversation.clone(), id.clone(), *seq, *sent_at);
        Reply::SendChatMessage(reply)
    })
}

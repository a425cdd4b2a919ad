//! Handler of the addition `add_note`.

use crate::engine::pending_request::{HandlerContext, HandlerResult, Step};
use crate::id::{ConversationId, MessageId};
use crate::protocol::{AddNote, AddNoteReply, ErrorCode, Reply};
use crate::store::{AppendMessage, Change, Content, ConversationCreated, MessageAppended, Original};
use crate::time::Timestamp;

pub(super) fn step(request: &AddNote, cx: &mut HandlerContext<'_>) -> HandlerResult {
    Ok(Step::Commit(Change::AppendMessage(AppendMessage {
        permit: cx.may_add_note(&request.conversation_id)?,
        nonce: cx.ids.nonce(),
        content: request.content.clone(),
        is_press: false,
        order: None,
        client_message_id: request.client_message_id.clone(),
        at: cx.now.wall,
    })))
}

/// The reply to a first note.
pub(super) fn created_reply(created: &ConversationCreated) -> Reply {
    let ConversationCreated { id, message_id, sent_at, .. } = created;
    reply(id, message_id, 1, *sent_at)
}

/// The reply to a further note.
pub(super) fn appended_reply(appended: &MessageAppended) -> Reply {
    let MessageAppended { conversation, message_id, seq, sent_at, .. } = appended;
    reply(conversation, message_id, *seq, *sent_at)
}

fn reply(notes: &ConversationId, message_id: &MessageId, seq: u64, at: Timestamp) -> Reply {
    Reply::AddNote(AddNoteReply::new(notes.clone(), message_id.clone(), seq, at))
}

/// Whether a request repeats a note. Erased text can't be compared.
pub(super) fn is_repeat(request: &AddNote, original: &Original) -> bool {
    let (id, content): (_, &Content) = match original {
        Original::Message(appended) => (&appended.conversation, &appended.content),
        Original::Conversation(created) => (&created.id, &created.content),
    };
    *id == request.conversation_id.notes() && content.text().is_none_or(|text| *text == request.content)
}

/// The reply to a repeat. Outside of control nobody is told anything about notes.
pub(super) fn repeat(reply: Reply, cx: &HandlerContext<'_>) -> HandlerResult {
    if cx.account.user().role.is_control() {
        Ok(Step::Reply(reply))
    } else {
        Err(ErrorCode::Forbidden.into())
    }
}

//! Handler of event 8, `mark_message_read`.

use crate::engine::pending_request::{Blocked, HandlerContext, HandlerResult, Step};
use crate::protocol::{ErrorCode, MarkMessageRead};
use crate::store::{Change, MarkRead, Query};

pub(super) fn step(request: &MarkMessageRead, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_read(&request.conversation_id)?;
    match cx.facts.message {
        None => Err(Blocked::OnLoad(Query::Message {
            conversation: request.conversation_id.clone(),
            id: request.message_id.clone(),
        })),
        Some(None) => Err(ErrorCode::MessageNotFound.into()),
        Some(Some(up_to)) => Ok(Step::Commit(Change::MarkRead(MarkRead {
            permit,
            up_to,
            message_id: request.message_id.clone(),
            at: cx.now.wall,
        }))),
    }
}

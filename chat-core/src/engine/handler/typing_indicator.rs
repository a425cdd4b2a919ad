//! Handler of event 6, `typing_indicator`.

use crate::engine::pending_request::{HandlerContext, HandlerResult, Step};
use crate::protocol::TypingIndicator;

pub(super) fn step(request: &TypingIndicator, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_take_part(&request.conversation_id)?;
    Ok(Step::Type(permit, request.is_typing))
}

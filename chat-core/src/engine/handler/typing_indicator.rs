//! Event 6.

use crate::engine::work::{Desk, Outcome, Step};
use crate::protocol::TypingIndicator;

pub(super) fn step(request: &TypingIndicator, desk: &mut Desk<'_>) -> Outcome {
    let permit = desk.may_take_part(&request.conversation_id)?;
    Ok(Step::Type(permit, request.is_typing))
}

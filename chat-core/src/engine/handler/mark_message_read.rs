//! Event 8.

use crate::engine::work::{Desk, Outcome, Step, Stop};
use crate::protocol::{ErrorCode, MarkMessageRead};
use crate::store::{Change, MarkRead, Query};

pub(super) fn step(request: &MarkMessageRead, desk: &mut Desk<'_>) -> Outcome {
    let permit = desk.may_take_part(&request.conversation_id)?;
    match desk.known.message {
        None => Err(Stop::Load(Query::Message {
            conversation: request.conversation_id.clone(),
            id: request.message_id.clone(),
        })),
        Some(None) => Err(ErrorCode::MessageNotFound.into()),
        Some(Some(up_to)) => Ok(Step::Commit(Change::MarkRead(MarkRead { permit, up_to }))),
    }
}

//! Handler of event 2, `create_support_conversation`.

use std::sync::Arc;

use crate::conversation::{Conversation, Participants};
use crate::engine::assignment::SupportRequest;
use crate::engine::pending_request::{HandlerContext, HandlerResult, Step};
use crate::id::{ConversationId, UserId};
use crate::permission;
use crate::protocol::create_support_conversation::TITLE_PREFIX;
use crate::protocol::{
    CreateSupportConversation, CreateSupportConversationReply, NewSupportConversation, Reply, Role, RoomType,
    User,
};
use crate::store::{Change, CreateConversation, Original};
use crate::time::Timestamp;

pub(super) fn step(request: &CreateSupportConversation, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = permission::may_create(cx.user)?;
    let room_type = room_type(request, cx.user.role);
    let support = SupportRequest { created_by: &cx.user.id, room_type };
    let most = cx.limits.engine.participants;
    Ok(Step::Commit(Change::CreateConversation(CreateConversation {
        permit,
        id: ConversationId::compose(cx.ids.nonce()),
        title: title(request).into(),
        room_type,
        participants: cx.directory.participants(cx.assignment, support, most),
        nonce: cx.ids.nonce(),
        content: request.content.clone(),
        client_message_id: request.client_message_id.clone(),
        at: cx.now.wall,
    })))
}

/// The room of the request: the requested one, or one by the creator's role.
fn room_type(request: &CreateSupportConversation, role: Role) -> RoomType {
    request.room_type.unwrap_or(match role {
        Role::BusDriver => RoomType::DriverSupport,
        Role::QueueRegulator => RoomType::RegulatorSupport,
        Role::ControlStaff | Role::ControlAdmin => RoomType::GeneralSupport,
    })
}

fn title(request: &CreateSupportConversation) -> String {
    format!("{TITLE_PREFIX}{}", request.title)
}

pub(super) fn reply(conversation: &Conversation) -> Reply {
    let Conversation { id, title, participants, created_by, created_at, .. } = conversation;
    written(id, title, participants, created_by, *created_at)
}

fn written(
    id: &ConversationId,
    title: &Arc<str>,
    participants: &Participants,
    created_by: &UserId,
    at: Timestamp,
) -> Reply {
    let participants = participants.creator_first(created_by).cloned().collect();
    let reply = CreateSupportConversationReply::new(id.clone(), title.clone(), participants, at);
    Reply::CreateSupportConversation(reply)
}

/// The reply to a repeat, which must have the same title, content and, if named, room. The role may
/// have changed in between.
pub(super) fn repeat(request: &CreateSupportConversation, original: &Original) -> Option<Reply> {
    let Original::Conversation { id, title: first, room_type, created_by, participants, sent_at, content } =
        original
    else {
        return None;
    };
    let same = **first == *title(request)
        && content.as_ref().is_none_or(|content| *content == request.content)
        && request.room_type.is_none_or(|room| room == *room_type);
    same.then(|| written(id, first, participants, created_by, *sent_at))
}

/// The notification for control users.
pub(in crate::engine) fn new_support_conversation(
    conversation: &Conversation,
    creator: &User,
) -> NewSupportConversation {
    let name = creator.display_name();
    let asked = conversation.title.strip_prefix(TITLE_PREFIX).unwrap_or(&conversation.title);
    NewSupportConversation {
        conversation_id: conversation.id.clone(),
        title: conversation.title.clone(),
        creator_id: creator.id.clone(),
        message: format!("New support request from {name} ({}): {asked}", creator.role.as_str()),
        creator_name: name.into(),
        creator_role: creator.role,
        room_type: conversation.room_type,
        timestamp: conversation.created_at,
    }
}

//! Handler of event 2, `create_support_conversation`.

use crate::conversation::Conversation;
use crate::engine::SupportRequest;
use crate::engine::pending_request::{Blocked, HandlerContext, HandlerResult, Step};
use crate::id::{ConversationId, UserId};
use crate::permission;
use crate::protocol::create_support_conversation::TITLE_PREFIX;
use crate::protocol::{
    CreateSupportConversation, CreateSupportConversationReply, NewSupportConversation, Reply, Role, RoomType,
    User,
};
use crate::store::{Change, ConversationCreated, CreateConversation, Query};

pub(super) fn step(request: &CreateSupportConversation, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let user = cx.account.user();
    let permit = permission::may_create(cx.account)?;
    let (room_type, title) = (room_type(request, user.role), title(request));
    if room_type == RoomType::EmergencySupport
        && let Some(press) = super::emergency::press(request, cx)?
    {
        return Ok(press);
    }
    let user = cx.account.user();
    let mut teams = cx.teams.of_request(&SupportRequest { creator: user, title: &title, room_type });
    teams.sort_unstable();
    teams.dedup();
    Ok(Step::Commit(Change::CreateConversation(CreateConversation {
        permit,
        id: ConversationId::compose(cx.ids.nonce()),
        title: title.into(),
        room_type,
        teams,
        to: Vec::new(),
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

pub(super) fn reply(created: &ConversationCreated, participants: Vec<&UserId>) -> Reply {
    let ConversationCreated { id, title, sent_at, .. } = created;
    let participants = participants.into_iter().cloned().collect();
    let reply = CreateSupportConversationReply::new(id.clone(), title.clone(), participants, *sent_at);
    Reply::CreateSupportConversation(reply)
}

/// Whether a request repeats a creation, with the same title, content and, if named, room. The role
/// may have changed in between.
pub(super) fn is_repeat(request: &CreateSupportConversation, created: &ConversationCreated) -> bool {
    created.work.is_none()
        && *created.title == *title(request)
        && created.content.text().is_none_or(|content| *content == request.content)
        && request.room_type.is_none_or(|room| room == created.room_type)
}

/// The reply to a repeat, with the participants of now, or the creator alone if withdrawn since.
pub(super) fn repeat(created: &ConversationCreated, cx: &HandlerContext<'_>) -> HandlerResult {
    let Some(page) = &cx.facts.conversations else {
        let (user, conversation) = (created.created_by.clone(), created.id.clone());
        return Err(Blocked::OnLoad(Query::ConversationRow { user, conversation }));
    };
    let participants = match page.rows.first() {
        Some(row) => cx.directory.participants(&row.conversation),
        None => vec![&created.created_by],
    };
    Ok(Step::Reply(super::created_reply(created, participants)))
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

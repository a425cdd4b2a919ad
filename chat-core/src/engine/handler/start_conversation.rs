//! Handler of the addition `start_conversation`.

use std::collections::BTreeSet;

use crate::conversation::Participation;
use crate::engine::SupportRequest;
use crate::engine::pending_request::{Blocked, HandlerContext, HandlerResult, Step};
use crate::id::{ConversationId, TeamId, UserId};
use crate::permission;
use crate::protocol::{
    ErrorCode, Reply, Role, RoomType, StartConversation, StartConversationReply, User, Work,
};
use crate::store::{AccountSelection, Change, ConversationCreated, CreateConversation, Query};

pub(super) fn step(request: &StartConversation, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = permission::may_start(cx.account)?;
    let addressees = addressees(request, cx)?;
    let Some(first) = addressees.first() else { return Err(ErrorCode::UserNotFound.into()) };
    let room_type = room_type(first.role);
    let teams = teams(request, &addressees, room_type, cx)?;
    let to = addressees.iter().map(|user| user.id.clone()).collect();
    Ok(Step::Commit(Change::CreateConversation(CreateConversation {
        permit,
        id: ConversationId::compose(cx.ids.nonce()),
        title: request.title.clone(),
        room_type,
        teams,
        to,
        nonce: cx.ids.nonce(),
        content: request.content.clone(),
        client_message_id: request.client_message_id.clone(),
        at: cx.now.wall,
    })))
}

/// The addressees, each once. All must be active users in the field.
fn addressees<'a>(request: &StartConversation, cx: &HandlerContext<'a>) -> Result<Vec<&'a User>, Blocked> {
    let Some(known) = &cx.facts.accounts else {
        let selection = AccountSelection::These(request.to.clone());
        return Err(Blocked::OnLoad(Query::Accounts(selection)));
    };
    let in_field = known.iter().map(|stored| &stored.account).filter(|account| {
        let is_named = request.to.contains(&account.user.id);
        is_named && account.active && !account.user.role.is_control()
    });
    let found: Vec<_> = in_field.map(|account| &account.user).collect();
    let named: BTreeSet<_> = request.to.iter().collect();
    if found.len() == named.len() { Ok(found) } else { Err(ErrorCode::UserNotFound.into()) }
}

/// The room by the role of the first addressee.
fn room_type(role: Role) -> RoomType {
    if role == Role::QueueRegulator { RoomType::RegulatorSupport } else { RoomType::DriverSupport }
}

/// The teams that would answer requests of the addressees, and one of the user who starts the
/// conversation, so that the user takes part.
fn teams(
    request: &StartConversation,
    addressees: &[&User],
    room_type: RoomType,
    cx: &HandlerContext<'_>,
) -> Result<Vec<TeamId>, Blocked> {
    let title = &request.title;
    let asked = addressees.iter().map(|creator| SupportRequest { creator, title, room_type });
    let mut teams: Vec<_> = asked.flat_map(|asked| cx.teams.of_request(&asked)).collect();
    teams.sort_unstable();
    teams.dedup();
    let own = &cx.account.account.teams;
    let shared = own.iter().find(|team| teams.contains(team)).or_else(|| own.first());
    let shared = shared.ok_or(ErrorCode::Forbidden)?;
    teams.retain(|team| team != shared);
    teams.truncate(Participation::TEAMS_MOST - 1);
    teams.push(shared.clone());
    teams.sort_unstable();
    Ok(teams)
}

pub(super) fn reply(created: &ConversationCreated, participants: Vec<&UserId>, work: &Work) -> Reply {
    let ConversationCreated { id, title, sent_at, .. } = created;
    let participants = participants.into_iter().cloned().collect();
    Reply::StartConversation(StartConversationReply::new(
        id.clone(),
        title.clone(),
        participants,
        *sent_at,
        work.clone(),
    ))
}

/// Whether a request repeats a start, with the same addressees, title and content.
pub(super) fn is_repeat(request: &StartConversation, created: &ConversationCreated) -> bool {
    created.work.is_some()
        && created.title == request.title
        && created.content.text().is_none_or(|content| *content == request.content)
        && request.to.iter().collect::<BTreeSet<_>>() == created.participants.iter().collect()
}

//! Handler of event 3, `get_active_conversations`.

use std::io;

use serde::Serialize;

use crate::conversation::{Conversation, Standing};
use crate::engine::pending_request::{Blocked, HandlerContext, HandlerResult, Step};
use crate::id::{Cursor, UserId};
use crate::limits::PageLimits;
use crate::permission;
use crate::protocol::{
    ConversationSummary, ErrorCode, GetActiveConversations, GetActiveConversationsReply, LastMessage,
    Message, ParticipantList, Reply, Success, User, Work, WorkList,
};
use crate::store::{ConversationPage, ConversationRow, Query, WorkPlace, WorkQuery};

pub(super) fn step(request: &GetActiveConversations, cx: &mut HandlerContext<'_>) -> HandlerResult {
    if let Some(list) = request.work {
        return work_step(request, list, cx);
    }
    let Some(page) = &cx.facts.conversations else { return Err(Blocked::OnLoad(query(request, cx))) };
    if request.conversation_id.is_some() {
        let conversation = page.rows.first().map(|row| &row.conversation);
        permission::may_take_part(cx.account, conversation)?;
    }
    let summaries = page.rows.iter().map(|row| summary(row, page, request.participants, cx));
    let conversations = cut(summaries, request, cx);
    let has_more = page.more || conversations.len() < page.rows.len();
    let next = conversations.len().checked_sub(1).and_then(|last| page.rows.get(last)).filter(|_| has_more);
    let next = next.map(|last| Cursor::compose(last.position));
    let reply = reply(conversations, cx);
    let reply =
        GetActiveConversationsReply { has_more: has_more.then_some(true), next_cursor: next, ..reply };
    Ok(Step::Reply(Reply::GetActiveConversations(reply)))
}

/// A page of a list by work. A row whose assignee counts as nobody by now is left out.
fn work_step(request: &GetActiveConversations, list: WorkList, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let user = cx.account.user();
    if !user.role.is_control() {
        return Err(ErrorCode::Forbidden.into());
    }
    let Some(found) = &cx.facts.work else {
        return Err(Blocked::OnLoad(Query::Work(work_query(request, list, cx))));
    };
    let rows = &found.page.rows;
    let summaries = rows.iter().map(|row| summary(row, &found.page, request.participants, cx));
    let mut conversations = cut(summaries, request, cx);
    let shown = conversations.len();
    let next = match rows.get(shown) {
        Some(_) => shown.checked_sub(1).map(|end| WorkPlace::of(&rows[end].conversation)),
        None => found.next.clone(),
    };
    conversations.retain(|row| row.work.as_ref().is_some_and(|work| work.list_of(&user.id) == list));
    Ok(Step::Reply(Reply::GetActiveConversations(GetActiveConversationsReply {
        has_more: next.is_some().then_some(true),
        next_cursor: next.as_ref().map(Cursor::behind_work),
        work_counts: Some(found.counts),
        ..reply(conversations, cx)
    })))
}

fn work_query(request: &GetActiveConversations, list: WorkList, cx: &HandlerContext<'_>) -> WorkQuery {
    let most = most(request, cx);
    WorkQuery {
        user: cx.account.user().id.clone(),
        list,
        since: cx.now.wall.minus(cx.limits.periods.inactive_after),
        after: request.cursor.as_ref().and_then(Cursor::work_place),
        limit: super::limit(request.limit, most, most),
        members: cx.limits.pages.conversation_participants,
    }
}

/// The first rows that fit one reply.
fn cut(
    summaries: impl Iterator<Item = ConversationSummary>,
    request: &GetActiveConversations,
    cx: &HandlerContext<'_>,
) -> Vec<ConversationSummary> {
    match request.participants {
        None => naming_few(summaries, cx.limits.pages.conversation_participants),
        Some(ParticipantList::Brief) => fitting(summaries, cx.limits.pages.brief_bytes),
    }
}

/// The limit of rows of one reply.
fn most(request: &GetActiveConversations, cx: &HandlerContext<'_>) -> u32 {
    let pages = &cx.limits.pages;
    match request.participants {
        None => pages.conversations,
        Some(ParticipantList::Brief) => pages.brief_conversations.min(pages.conversations),
    }
}

/// The reply with these rows and no more.
fn reply(conversations: Vec<ConversationSummary>, cx: &HandlerContext<'_>) -> GetActiveConversationsReply {
    GetActiveConversationsReply {
        success: Success,
        count: conversations.len(),
        timestamp: cx.now.wall,
        epoch: Some(cx.epoch.clone()),
        has_more: None,
        next_cursor: None,
        work_counts: None,
        served_by: cx.server.cloned(),
        conversations,
    }
}

fn query(request: &GetActiveConversations, cx: &HandlerContext<'_>) -> Query {
    let user = cx.account.user().id.clone();
    if let Some(conversation) = request.conversation_id.clone() {
        return Query::ConversationRow { user, conversation };
    }
    let most = most(request, cx);
    Query::Conversations {
        user,
        since: cx.now.wall.minus(cx.limits.periods.inactive_after),
        below: request.cursor.as_ref().and_then(Cursor::position),
        skip: request.skip.and_then(|skip| u64::try_from(skip).ok()).unwrap_or(0),
        limit: super::limit(request.limit, most, most),
        members: cx.limits.pages.conversation_participants,
    }
}

/// One row, whole or brief. A brief row shows some participants and the beginning of the last
/// message.
fn summary(
    row: &ConversationRow,
    page: &ConversationPage,
    form: Option<ParticipantList>,
    cx: &HandlerContext<'_>,
) -> ConversationSummary {
    let ConversationRow { conversation, read_up_to, positions, unread_count, .. } = row;
    let brief = form.map(|ParticipantList::Brief| &cx.limits.pages);
    let participants = cx.directory.participants(conversation);
    let may_have = |user: &UserId| cx.directory.may_have(user, conversation);
    let work = conversation.work.clone().seen(may_have);
    ConversationSummary {
        id: conversation.id.clone(),
        title: conversation.title.clone(),
        status: conversation.status(cx.now.wall, cx.limits.periods.inactive_after),
        created_by: conversation.created_by.clone(),
        last_message_at: conversation.last_message_at,
        participant_count: brief.map(|_| participants.len()),
        participants: match brief {
            None => named(participants, page, cx),
            Some(limits) => named(brief_participants(row, &work, &participants, limits), page, cx),
        },
        last_message: last_message(&row.last_message, brief.map(|limits| limits.brief_content)),
        room_type: Some(conversation.room_type),
        last_seq: Some(conversation.last_seq),
        read_up_to: Some(*read_up_to),
        unread_count: Some(*unread_count),
        positions: cx.seen_positions(positions),
        work: Some(work),
        emergency: conversation.emergency.clone().map(|emergency| Box::new(emergency.seen(may_have))),
        notes_conversation_id: cx.seen_notes(conversation),
    }
}

/// The data of these users, as far as known.
fn named(users: Vec<&UserId>, page: &ConversationPage, cx: &HandlerContext<'_>) -> Vec<User> {
    let staff = |user| cx.directory.account(user).map(|known| known.user());
    users.into_iter().filter_map(|user| page.users.get(user).or_else(|| staff(user)).cloned()).collect()
}

/// The creator, as a member or by team, other members, the sender of the last message, and the
/// assignee. Other users of teams are left out.
fn brief_participants<'a>(
    row: &'a ConversationRow,
    work: &'a Work,
    participants: &[&'a UserId],
    limits: &PageLimits,
) -> Vec<&'a UserId> {
    let Conversation { created_by, participation, .. } = &row.conversation;
    let is_first =
        |user: &UserId| user == created_by || participation.members.standing(user) != Standing::Unnamed;
    let first = participants.iter().filter(|user| is_first(user)).take(limits.brief_participants);
    let mut shown: Vec<_> = first.copied().collect();
    if !shown.contains(&&row.last_message.sender_id) {
        shown.push(&row.last_message.sender_id);
    }
    shown.extend(work.assignee.as_ref().filter(|user| !shown.contains(user)));
    shown
}

/// The last message, cut after `most` characters if given.
fn last_message(message: &Message, most: Option<usize>) -> LastMessage {
    let end = most.and_then(|most| message.content.char_indices().nth(most)).map(|(end, _)| end);
    LastMessage {
        id: message.id.clone(),
        content: end.map_or_else(|| message.content.clone(), |end| message.content[..end].into()),
        cut: end.map(|_| true),
        sender_id: message.sender_id.clone(),
        sent_at: message.sent_at,
    }
}

/// The first rows that name at most this many participants together, and at least one.
fn naming_few(rows: impl Iterator<Item = ConversationSummary>, most: usize) -> Vec<ConversationSummary> {
    let mut sum = 0;
    let few = rows.enumerate().take_while(|(index, row)| {
        sum += row.participants.len();
        *index == 0 || sum <= most
    });
    few.map(|(_, row)| row).collect()
}

/// The first rows that fit these bytes as JSON, and at least one.
fn fitting(rows: impl Iterator<Item = ConversationSummary>, bytes: usize) -> Vec<ConversationSummary> {
    let mut sum = 0;
    let fitting = rows.enumerate().take_while(|(index, row)| {
        sum += 1 + json_length(row);
        *index == 0 || sum <= bytes
    });
    fitting.map(|(_, row)| row).collect()
}

fn json_length(value: &impl Serialize) -> usize {
    struct Length(usize);

    impl io::Write for Length {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut length = Length(0);
    serde_json::to_writer(&mut length, value).expect("the protocol's types are plain JSON");
    length.0
}

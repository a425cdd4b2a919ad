//! Event 3.

use crate::engine::work::{Desk, Outcome, Step, Stop};
use crate::protocol::{
    ConversationSummary, GetActiveConversations, GetActiveConversationsReply, LastMessage, Reply, Success,
    User,
};
use crate::store::{ConversationPage, ConversationRow, Query};

pub(super) fn step(request: &GetActiveConversations, desk: &mut Desk<'_>) -> Outcome {
    let Some(page) = &desk.known.conversations else { return Err(Stop::Load(query(request, desk))) };
    let conversations: Vec<_> = page.rows.iter().map(|row| summary(row, page, desk)).collect();
    Ok(Step::Reply(Reply::GetActiveConversations(GetActiveConversationsReply {
        success: Success,
        count: conversations.len(),
        conversations,
        timestamp: desk.now.wall,
        epoch: Some(desk.epoch.clone()),
        has_more: page.more.then_some(true),
    })))
}

fn query(request: &GetActiveConversations, desk: &Desk<'_>) -> Query {
    let pages = &desk.limits.pages;
    Query::Conversations {
        user: desk.user.id.clone(),
        since: desk.now.wall.minus(desk.limits.periods.inactive_after),
        skip: request.skip.and_then(|skip| u64::try_from(skip).ok()).unwrap_or(0),
        limit: super::limit(request.limit, pages.conversations, pages.conversations),
        participants: pages.conversation_participants,
    }
}

fn summary(row: &ConversationRow, page: &ConversationPage, desk: &Desk<'_>) -> ConversationSummary {
    let ConversationRow { conversation, last_message, read_up_to, unread_count } = row;
    let known = |id| page.users.get(id).cloned();
    ConversationSummary {
        id: conversation.id.clone(),
        title: conversation.title.clone(),
        status: conversation.status(desk.now.wall, desk.limits.periods.inactive_after),
        created_by: conversation.created_by.clone(),
        last_message_at: conversation.last_message_at,
        participants: conversation
            .participants
            .creator_first(&conversation.created_by)
            .filter_map(known)
            .collect::<Vec<User>>(),
        last_message: LastMessage {
            id: last_message.id.clone(),
            content: last_message.content.clone(),
            sender_id: last_message.sender_id.clone(),
            sent_at: last_message.sent_at,
        },
        room_type: Some(conversation.room_type),
        last_seq: Some(conversation.last_seq),
        read_up_to: Some(*read_up_to),
        unread_count: Some(*unread_count),
    }
}

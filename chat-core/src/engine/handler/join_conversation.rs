//! Handler of event 4, `join_conversation`.

use crate::engine::pending_request::{Blocked, HandlerContext, HandlerResult, Step};
use crate::permission::MayTakePart;
use crate::protocol::{CatchUp, JoinConversation, JoinConversationReply, Message, Reply, json_length};
use crate::store::{MessagePage, Query, Window};

pub(super) fn step(request: &JoinConversation, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_read(&request.conversation_id)?;
    let catch_up = match request.after_seq {
        None => None,
        Some(after) => Some(catch_up(request, &permit, after, cx)?),
    };
    let reply = JoinConversationReply::new(permit.conversation().clone(), catch_up);
    Ok(Step::Reply(Reply::JoinConversation(reply)))
}

/// The messages that a client lacks.
///
/// The engine defers live events from the start of this load until the reply has left. So the
/// reply's `last_seq` covers everything sent before, and everything above `last_seq` comes after
/// the reply.
fn catch_up(
    request: &JoinConversation,
    permit: &MayTakePart,
    after: u64,
    cx: &mut HandlerContext<'_>,
) -> Result<CatchUp, Blocked> {
    let other_epoch = request.epoch.as_ref().is_some_and(|epoch| epoch != cx.epoch);
    let newest = Window::Newest { skip: 0 };
    let Some((window, page)) = &cx.facts.messages else {
        let window = if other_epoch { newest } else { Window::After(after) };
        return Err(Blocked::OnLoad(query(request, window, cx)));
    };
    let reset = *window == newest;
    if !reset && after > page.last_seq {
        *cx.joins_beyond += u64::from(request.epoch.is_some());
        return Err(Blocked::OnLoad(query(request, newest, cx)));
    }
    let id = permit.conversation();
    let MessagePage { messages, last_seq, positions, work, emergency, more } = page;
    let work = work.clone().filter(|_| !id.is_notes());
    let main = cx.conversation(id).filter(|_| !id.is_notes());
    let fitting = fitting(messages, reset, cx.limits.pages.catch_up_bytes);
    Ok(CatchUp {
        messages: fitting.to_vec(),
        last_seq: *last_seq,
        epoch: cx.epoch.clone(),
        complete: reset || (!more && fitting.len() == messages.len()),
        reset: reset.then_some(true),
        positions: cx.seen_positions(positions),
        work: work.map(|work| Box::new(cx.seen_work(work, id))),
        emergency: emergency.clone().map(|found| Box::new(cx.seen_emergency(*found, id))),
        notes_conversation_id: main.and_then(|main| cx.seen_notes(main)),
    })
}

/// The messages that fit into a reply, and at least one: the first of them, or the newest.
///
/// The store counts text in its stored form. The reply is longer where JSON escapes characters.
fn fitting(messages: &[Message], newest: bool, bytes: usize) -> &[Message] {
    let mut sum = 0_usize;
    let mut fits = |message: &Message| {
        let is_first = sum == 0;
        sum = sum.saturating_add(json_length(&message.content).max(1));
        is_first || sum <= bytes
    };
    if newest {
        let count = messages.iter().rev().take_while(|message| fits(message)).count();
        return &messages[messages.len() - count..];
    }
    &messages[..messages.iter().take_while(|message| fits(message)).count()]
}

fn query(request: &JoinConversation, window: Window, cx: &HandlerContext<'_>) -> Query {
    let pages = &cx.limits.pages;
    Query::Messages {
        conversation: request.conversation_id.clone(),
        window,
        limit: pages.catch_up_messages,
        bytes: pages.catch_up_bytes,
        with_positions: true,
    }
}

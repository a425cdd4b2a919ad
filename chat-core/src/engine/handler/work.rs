//! Handler of the additions that change the work on a conversation: `take_conversation`,
//! `release_conversation`, `transfer_conversation`, `resolve_conversation`, `reopen_conversation`.

use crate::engine::pending_request::{Blocked, HandlerContext, HandlerResult, Step};
use crate::protocol::{ErrorCode, Reply, User, Work, WorkAction, WorkReply, WorkRequest};
use crate::store::{AppendEntry, Change, EntryBody, EntryChange, MessageAppended};

/// The entry of the request. The store decides whether the entry fits the work, because only the
/// store knows the newest one.
pub(super) fn step(request: &WorkRequest<'_>, cx: &mut HandlerContext<'_>) -> HandlerResult {
    let permit = cx.may_take_part(request.conversation_id)?;
    let content = content(request, cx)?;
    Ok(Step::Commit(Change::AppendEntry(AppendEntry {
        permit,
        entry: EntryChange::Work {
            action: request.action,
            version: request.version,
            to: request.to.cloned(),
        },
        nonce: cx.ids.nonce(),
        content: content.into(),
        client_message_id: request.client_message_id.cloned(),
        at: cx.now.wall,
    })))
}

/// The text of the entry, which reads well in an app that knows no entries.
fn content(request: &WorkRequest<'_>, cx: &HandlerContext<'_>) -> Result<String, Blocked> {
    let name = cx.account.user().display_name();
    Ok(match request.action {
        WorkAction::Take => format!("{name} has taken this conversation."),
        WorkAction::Release => format!("{name} has handed this conversation back to the team."),
        WorkAction::Transfer => {
            let to = colleague(request, cx)?.display_name();
            format!("{name} has handed this conversation to {to}.")
        }
        WorkAction::Resolve => format!("{name} has resolved this conversation."),
        WorkAction::Reopen => format!("{name} has reopened this conversation."),
    })
}

/// The colleague named by a transfer.
fn colleague<'a>(request: &WorkRequest<'_>, cx: &HandlerContext<'a>) -> Result<&'a User, Blocked> {
    let known = request.to.and_then(|to| cx.directory.account(to));
    let conversation = cx.conversation(request.conversation_id);
    let may_have = |user| conversation.is_some_and(|found| cx.directory.may_have(user, found));
    let known = known.filter(|known| may_have(&known.user().id));
    known.map(|known| known.user()).ok_or_else(|| ErrorCode::UserNotFound.into())
}

pub(super) fn reply(appended: &MessageAppended) -> Option<Reply> {
    let MessageAppended { conversation, message_id, seq, sent_at, work, .. } = appended;
    let work: Work = work.clone()?;
    Some(Reply::Work(WorkReply::new(
        conversation.clone(),
        message_id.clone(),
        *seq,
        *sent_at,
        Box::new(work),
    )))
}

/// Whether a request repeats an entry. The version is not compared: the entry has changed it.
pub(super) fn is_repeat(request: &WorkRequest<'_>, appended: &MessageAppended) -> bool {
    let assignee = appended.work.as_ref().and_then(|work| work.assignee.as_ref());
    appended.conversation == *request.conversation_id
        && appended.entry == Some(EntryBody::Work(request.action))
        && request.to.is_none_or(|to| assignee == Some(to))
}

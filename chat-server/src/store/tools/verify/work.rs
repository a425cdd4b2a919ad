//! Invariants of the work that a message leaves, given the work before it.

use chat_core::protocol::{Work, WorkAction, WorkState};
use chat_core::store::{EntryBody, MessageAppended};

/// The violated invariant, if any. Not by the rules that decided the record.
pub(super) fn wrong(before: &Work, appended: &MessageAppended) -> Option<String> {
    let MessageAppended { conversation, seq, sender, entry, .. } = appended;
    let Some(work) = &appended.work else {
        return entry.as_ref().map(|_| format!("the entry {seq} of {conversation} names no work"));
    };
    let is_new = work.version == *seq;
    let fits = match entry {
        Some(EntryBody::Work(action)) => {
            is_new && follows(*action, before.state, work) && is_by(*action, work, sender.as_str())
        }
        None => is_new || (work.version == before.version && work.since == before.since),
    };
    let is_whole = work.assignee.is_some() || work.state != WorkState::Taken;
    let is_nobodys = work.assignee.is_none() || work.state != WorkState::Waiting;
    (!fits || !is_whole || !is_nobodys)
        .then(|| format!("message {seq} of {conversation} leaves {work:?}, which does not follow {before:?}"))
}

fn follows(action: WorkAction, before: WorkState, after: &Work) -> bool {
    match action {
        WorkAction::Take | WorkAction::Transfer => {
            before != WorkState::Resolved && after.state == WorkState::Taken
        }
        WorkAction::Release => before == WorkState::Taken && after.state == WorkState::Waiting,
        WorkAction::Resolve => before != WorkState::Resolved && after.state == WorkState::Resolved,
        WorkAction::Reopen => before == WorkState::Resolved && after.state != WorkState::Resolved,
    }
}

fn is_by(action: WorkAction, after: &Work, sender: &str) -> bool {
    action != WorkAction::Take || after.assignee.as_ref().is_some_and(|assignee| assignee.as_str() == sender)
}

//! Invariants of the work and the emergency that a message leaves, given those before it.

use chat_core::protocol::{
    Emergency, EmergencyAction, EmergencyReason, EmergencyState, Work, WorkAction, WorkState,
};
use chat_core::store::{EntryBody, MessageAppended};

/// The violated invariant, if any. Not by the rules that decided the record.
pub(super) fn wrong(before: &Work, appended: &MessageAppended) -> Option<String> {
    let MessageAppended { conversation, seq, sender, entry, .. } = appended;
    let Some(work) = &appended.work else {
        return entry
            .as_ref()
            .filter(|entry| matches!(entry, EntryBody::Work(_)))
            .map(|_| format!("the entry {seq} of {conversation} names no work"));
    };
    let is_new = work.version == *seq;
    let fits = match entry {
        Some(EntryBody::Work(action)) => {
            is_new && follows(*action, before.state, work) && is_by(*action, work, sender.as_str())
        }
        Some(EntryBody::Emergency(_) | EntryBody::Order(_)) => false,
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

/// The violated invariant of the emergency, if any.
pub(super) fn wrong_emergency(before: Option<&Emergency>, appended: &MessageAppended) -> Option<String> {
    let MessageAppended { conversation, seq, entry, .. } = appended;
    let action = match entry {
        Some(EntryBody::Emergency(action)) => Some(*action),
        Some(EntryBody::Work(_) | EntryBody::Order(_)) | None => None,
    };
    let Some(after) = &appended.emergency else {
        return action.map(|_| format!("the entry {seq} of {conversation} names no emergency"));
    };
    let fits = before.is_some_and(|before| {
        let is_new = after.version == *seq && after.since == appended.sent_at;
        let is_same_alert = (after.level, after.alerted_at) == (before.level, before.alerted_at);
        let is_ended = after.state == EmergencyState::Ended && after.reason.is_some();
        before.is_live()
            && match action {
                Some(EmergencyAction::Escalate) => {
                    after.state == EmergencyState::Open
                        && after.level == (before.level + 1).min(Emergency::LEVEL_MOST)
                        && after.version == before.version
                }
                Some(EmergencyAction::End) => is_new && is_same_alert && is_ended,
                Some(EmergencyAction::Withdraw) => {
                    is_new && is_same_alert && after.reason == Some(EmergencyReason::Withdrawn)
                }
                None => is_new && is_same_alert && appended.work.is_some(),
            }
    });
    let wrong =
        || format!("message {seq} of {conversation} leaves {after:?}, which does not follow {before:?}");
    (!fits).then(wrong)
}

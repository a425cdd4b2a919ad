//! The model of the work on a conversation. It follows from the stored messages alone.

use super::asked::Asked;
use super::part::takes_part;
use super::reply::Grant;
use super::stored::place;
use super::{Oracle, PromiseError, must};
use serde_json::Value;

use crate::conversation::Conversation;
use crate::export::{Export, ExportedConversation};
use crate::id::UserId;
use crate::protocol::{Message, Role, Work, WorkAction, WorkState};

/// The work on a conversation over time, each with the look that has found it. Bounded by the
/// length of a run.
#[derive(Default)]
pub(super) struct WorkHistory(Vec<(u64, Work)>);

/// The possible roles of a sender: one, unless the commit has changed it.
struct Sender<'a> {
    id: &'a UserId,
    is_control: bool,
    is_admin: bool,
}

impl WorkHistory {
    /// P8: each stored message leaves the work that it must leave, and the store shows the last.
    /// `is_unsure` is whether the commit has changed the rights of a user.
    pub(super) fn note(
        &mut self,
        store: &Export,
        exported: &ExportedConversation,
        before: usize,
        look: u64,
        is_unsure: impl Fn(&str) -> bool,
    ) -> Result<(), PromiseError> {
        if self.0.is_empty() && look == 1 {
            self.0.push((look, exported.conversation.work.clone()));
            return Ok(());
        }
        for message in exported.messages.iter().skip(before) {
            let is_of_emergency = message.emergency.as_ref().is_some_and(|shown| shown.action.is_some());
            if is_of_emergency || message.answer.is_some() {
                must(message.work.is_none(), "P8", || format!("{message:?} changes the work"))?;
                continue;
            }
            let role = store.accounts.get(&message.sender_id).map(|stored| stored.user().role);
            let roles = Role::ALL
                .into_iter()
                .filter(|other| is_unsure(message.sender_id.as_str()) || Some(*other) == role);
            let mut senders = roles.map(|role| Sender {
                id: &message.sender_id,
                is_control: role.is_control(),
                is_admin: role == Role::ControlAdmin,
            });
            let Some((_, last)) = self.0.last() else {
                let shown = message.work.as_ref().map(|shown| &shown.work);
                let mut begun = senders.map(|sender| begun(message, &sender));
                let begun = begun.find(|begun| shown == Some(begun));
                let begun = begun.ok_or_else(|| PromiseError {
                    promise: "P8",
                    what: format!("{message:?} begins a conversation"),
                })?;
                self.0.push((look, begun));
                continue;
            };
            let next = message.work.as_ref().map_or_else(|| last.clone(), |shown| shown.work.clone());
            let befores = seen(last, store, &exported.conversation, &is_unsure);
            // A message that changes nothing leaves the work as stored, not as seen.
            let is_same = message.work.is_none();
            let is_legal = senders.any(|sender| {
                let leaves = |before: &Work| {
                    let after = after(before, &sender, message);
                    after.is_some_and(|after| after == next || is_same && after == *before)
                };
                befores.iter().any(leaves)
            });
            must(is_legal, "P8", || format!("{message:?} leaves {next:?}, after {last:?}"))?;
            self.0.push((look, next));
        }
        let last = self.0.last().map(|(_, work)| work);
        let shown = &exported.conversation.work;
        must(last == Some(shown), "P8", || format!("{last:?} is shown as {shown:?}"))
    }

    /// Whether this was the work at this look or later. An assignee may be left out.
    fn was(&self, told: &Work, since: u64) -> bool {
        let current = self.0.partition_point(|(look, _)| *look <= since).saturating_sub(1);
        let left = |work: &Work| Work { assignee: None, state: without_assignee(work.state), ..work.clone() };
        self.0.iter().skip(current).any(|(_, work)| work == told || left(work) == *told)
    }
}

/// The work behind message 1: field staff waits, or control has started the conversation.
fn begun(first: &Message, sender: &Sender<'_>) -> Work {
    let is_started = sender.is_control;
    Work {
        state: if is_started { WorkState::Taken } else { WorkState::Waiting },
        assignee: is_started.then(|| sender.id.clone()),
        since: first.sent_at,
        waiting_since: (!is_started).then_some(first.sent_at),
        version: u64::from(is_started),
    }
}

fn without_assignee(state: WorkState) -> WorkState {
    if state == WorkState::Resolved { state } else { WorkState::Waiting }
}

/// The work as it may have been seen: an assignee without a part in control counts as nobody.
pub(super) fn seen(
    work: &Work,
    store: &Export,
    conversation: &Conversation,
    is_unsure: impl Fn(&str) -> bool,
) -> Vec<Work> {
    let Some(assignee) = &work.assignee else { return vec![work.clone()] };
    let account = store.accounts.get(assignee).map(|stored| &stored.account);
    let has_part =
        account.is_some_and(|account| account.user.role.is_control() && takes_part(account, conversation));
    let nobody = Work { assignee: None, state: without_assignee(work.state), ..work.clone() };
    match (has_part, is_unsure(assignee.as_str())) {
        (true, false) => vec![work.clone()],
        (false, false) => vec![nobody],
        (_, true) => vec![work.clone(), nobody],
    }
}

/// The work behind a message, or `None` if the message may not stand there.
fn after(before: &Work, sender: &Sender<'_>, message: &Message) -> Option<Work> {
    let action = message.work.as_ref().and_then(|shown| shown.action);
    let to = |state, assignee| Work {
        state,
        assignee,
        since: message.sent_at,
        waiting_since: before.waiting_since,
        version: message.seq.unwrap_or_default(),
    };
    let reopened = || {
        let state = if before.assignee.is_some() { WorkState::Taken } else { WorkState::Waiting };
        to(state, before.assignee.clone())
    };
    let Some(action) = action else {
        let is_untaken = before.state == WorkState::Waiting;
        return Some(if sender.is_control {
            let taken = is_untaken.then(|| to(WorkState::Taken, Some(sender.id.clone())));
            Work { waiting_since: None, ..taken.unwrap_or_else(|| before.clone()) }
        } else {
            let resumed = (before.state == WorkState::Resolved).then(reopened);
            let waiting_since = before.waiting_since.or(Some(message.sent_at));
            Work { waiting_since, ..resumed.unwrap_or_else(|| before.clone()) }
        });
    };
    let is_own = before.state == WorkState::Taken && before.assignee.as_ref() == Some(sender.id);
    let may_change = sender.is_admin || is_own;
    let named = message.work.as_ref().and_then(|shown| shown.work.assignee.clone());
    let is_legal = sender.is_control
        && fits(action, before.state)
        && match action {
            WorkAction::Take => before.state == WorkState::Waiting || sender.is_admin && !is_own,
            WorkAction::Transfer => may_change && named.is_some(),
            WorkAction::Release | WorkAction::Resolve => may_change,
            WorkAction::Reopen => true,
        };
    is_legal.then(|| match action {
        WorkAction::Take => to(WorkState::Taken, Some(sender.id.clone())),
        WorkAction::Transfer => to(WorkState::Taken, named),
        WorkAction::Release => to(WorkState::Waiting, None),
        WorkAction::Resolve => {
            Work { waiting_since: None, ..to(WorkState::Resolved, before.assignee.clone()) }
        }
        WorkAction::Reopen => reopened(),
    })
}

fn fits(action: WorkAction, state: WorkState) -> bool {
    match action {
        WorkAction::Take | WorkAction::Transfer | WorkAction::Resolve => state != WorkState::Resolved,
        WorkAction::Release => state == WorkState::Taken,
        WorkAction::Reopen => state == WorkState::Resolved,
    }
}

impl Oracle {
    /// P1: the entry is stored. P8: it was decided on the version that the request has named.
    pub(super) fn worked(&mut self, grant: Grant<'_>) -> Result<(), PromiseError> {
        let Grant { user, asked, frame, store, .. } = grant;
        let (id, seq) = (asked.conversation().unwrap_or_default(), frame["seq"].as_u64().unwrap_or_default());
        let messages = store.conversations.get(id).map_or(&[][..], |stored| &stored.messages);
        let stored = messages.get(place(seq)).filter(|stored| {
            let work = stored.work.as_ref().map(|shown| &shown.work);
            frame["message_id"] == stored.id.as_str()
                && *user == *stored.sender_id.as_str()
                && stored.is_entry()
                && serde_json::from_value(frame["work"].clone()).ok().as_ref() == work
        });
        must(stored.is_some(), "P1", || format!("{user} is told {frame}, and that is not stored"))?;
        let earlier = messages.iter().take(place(seq)).rev();
        let version =
            earlier.filter_map(|message| message.work.as_ref()).map(|shown| shown.work.version).next();
        let named = asked.data["version"].as_u64();
        must(named == version.or(Some(0)), "P8", || {
            format!("{user} has decided on {named:?}, and {frame} follows {version:?}")
        })?;
        self.checked.worked += 1;
        self.acknowledged(user, asked, frame["message_id"].as_str().unwrap_or_default().to_owned(), frame)
    }

    /// P8: a row shows the work as it was at the request or later.
    pub(super) fn shows_work(&self, row: &Value, asked: &Asked) -> Result<(), PromiseError> {
        let id = row["id"].as_str().unwrap_or_default();
        let shown: Option<Work> = serde_json::from_value(row["work"].clone()).ok();
        let is_it = shown
            .is_some_and(|shown| self.stored.work(id).is_some_and(|known| known.was(&shown, asked.look)));
        must(is_it, "P8", || format!("{row} is shown, and that is not its work"))
    }

    /// P8: a losing user is told the work as it is. This work has another version than the request,
    /// or does not allow the action.
    pub(super) fn lost(&mut self, user: &str, asked: &Asked, told: Option<Work>) -> Result<(), PromiseError> {
        let id = asked.conversation().unwrap_or_default();
        let told = told.filter(|told| self.stored.work(id).is_some_and(|known| known.was(told, asked.look)));
        let told = told.ok_or_else(|| PromiseError {
            promise: "P8",
            what: format!("{user} has lost with {}, and is not told who won", asked.data),
        })?;
        let is_other = asked.data["version"].as_u64() != Some(told.version);
        let is_refused = match asked.kind.and_then(super::reply::action) {
            Some(WorkAction::Take) => told.state != WorkState::Waiting,
            Some(WorkAction::Transfer) => {
                told.state == WorkState::Resolved
                    || told.assignee.as_ref().map(UserId::as_str) == asked.data["to"].as_str()
            }
            Some(action) => !fits(action, told.state),
            None => false,
        };
        must(is_other || is_refused, "P8", || {
            format!("{user} is refused {}, and may do it: {told:?}", asked.data)
        })?;
        self.checked.lost += 1;
        Ok(())
    }
}

//! The events that accepted messages and entries become.

use std::sync::Arc;

use super::change::{AppendEntry, AppendMessage, EntryChange, Rejected};
use super::event::{EntryBody, Event, MessageAppended};
use super::judge::{Head, State};
use super::{Account, UnavailableError};
use crate::id::{MessageId, Nonce, UserId};
use crate::permission::MayTakePart;
use crate::protocol::Work;
use crate::time::Timestamp;
use crate::work::{Moment, WorkRefusal, may_have};

/// The event of a message, with the work that the message leaves.
pub(super) fn message(
    append: AppendMessage,
    head: &Head,
    state: &mut impl State,
) -> Result<Event, UnavailableError> {
    let AppendMessage { permit, nonce, content, client_message_id, at } = append;
    let moment = next(head, at);
    let sender = acting(permit.user(), state)?.user;
    let work = seen_work(head, state)?.after_message(&sender, moment);
    let appended = appended(&permit, nonce, moment, content);
    Ok(Event::MessageAppended(MessageAppended { work, client_message_id, ..appended }))
}

/// The event of an entry, unless the entry does not fit.
pub(super) fn entry(
    append: AppendEntry,
    head: &Head,
    state: &mut impl State,
) -> Result<Result<Event, Rejected>, UnavailableError> {
    let AppendEntry { permit, entry, nonce, content, client_message_id, at } = append;
    let EntryChange::Work { action, version, to } = entry;
    if let Some(to) = &to
        && !is_colleague(to, head, state)?
    {
        return Ok(Err(Rejected::Conflict));
    }
    let (moment, seen) = (next(head, at), seen_work(head, state)?);
    if seen.version != version {
        return Ok(Err(Rejected::Outdated(seen)));
    }
    let actor = acting(permit.user(), state)?.user;
    let work = match seen.after_action(action, &actor, to.as_ref(), moment) {
        Ok(work) => Some(work),
        Err(WorkRefusal::State) => return Ok(Err(Rejected::Outdated(seen))),
        Err(WorkRefusal::Colleague) => return Ok(Err(Rejected::Forbidden)),
    };
    let entry = Some(EntryBody::Work(action));
    let appended = appended(&permit, nonce, moment, content);
    Ok(Ok(Event::MessageAppended(MessageAppended { entry, work, client_message_id, ..appended })))
}

/// The number and the time of the next message or entry.
fn next(head: &Head, at: Timestamp) -> Moment {
    Moment { seq: head.last_seq + 1, at: at.max(head.last_at) }
}

fn appended(permit: &MayTakePart, nonce: Nonce, moment: Moment, content: Arc<str>) -> MessageAppended {
    MessageAppended {
        conversation: permit.conversation().clone(),
        seq: moment.seq,
        message_id: MessageId::compose(nonce, moment.seq),
        sender: permit.user().clone(),
        sent_at: moment.at,
        entry: None,
        work: None,
        client_message_id: None,
        content_hash: None,
        content: content.into(),
    }
}

/// The account of a user with a permitted change.
fn acting(user: &UserId, state: &mut impl State) -> Result<Account, UnavailableError> {
    let known = state.account(user)?;
    known.map(|known| known.account.clone()).ok_or_else(|| UnavailableError::new("an account is gone"))
}

/// The work as shown: an assignee without the right to the conversation counts as nobody.
fn seen_work(head: &Head, state: &mut impl State) -> Result<Work, UnavailableError> {
    let is_there = match &head.work.assignee {
        Some(assignee) => is_colleague(assignee, head, state)?,
        None => true,
    };
    Ok(head.work.clone().seen(|_| is_there))
}

fn is_colleague(user: &UserId, head: &Head, state: &mut impl State) -> Result<bool, UnavailableError> {
    Ok(state.account(user)?.is_some_and(|known| may_have(&known.account, &head.participation)))
}

//! The events that accepted messages and entries become.

use std::sync::Arc;

use super::change::{AppendEntry, AppendMessage, EntryChange, Escalate, Rejected};
use super::entry::EntryBody;
use super::event::{Event, MessageAppended};
use super::judge::{Head, State};
use super::{Account, UnavailableError};
use crate::id::{ConversationId, MessageId, Nonce, UserId};
use crate::protocol::{Emergency, EmergencyAction, EmergencyReason, SERVER, Work, WorkAction};
use crate::time::Timestamp;
use crate::work::{Moment, WorkRefusal, may_have};

/// The event of a message, with the work that the message leaves.
pub(super) fn message(
    append: AppendMessage,
    head: &Head,
    state: &mut impl State,
) -> Result<Event, UnavailableError> {
    let AppendMessage { permit, nonce, content, is_press, client_message_id, at } = append;
    let moment = next(head, at);
    let sender = acting(permit.user(), state)?.user;
    let work = seen_work(head, state)?.after_message(&sender, moment);
    let emergency = emergency_after(work.as_ref(), &sender.id, moment, head, state)?;
    let appended = appended(permit.conversation(), &sender.id, nonce, moment, content);
    Ok(Event::MessageAppended(MessageAppended { work, emergency, is_press, client_message_id, ..appended }))
}

/// The event of an entry, unless the entry does not fit.
pub(super) fn entry(
    append: AppendEntry,
    head: &Head,
    state: &mut impl State,
) -> Result<Result<Event, Rejected>, UnavailableError> {
    let AppendEntry { permit, entry, nonce, content, client_message_id, at } = append;
    let moment = next(head, at);
    let changed = match &entry {
        EntryChange::Work { action, version, to } => {
            work_entry(permit.user(), (*action, *version, to.as_ref()), moment, head, state)?
        }
        EntryChange::EndEmergency { reason, version } => {
            end(permit.user(), (*reason, *version), moment, head, state)?
        }
    };
    let (work, emergency) = match changed {
        Ok(changed) => changed,
        Err(rejected) => return Ok(Err(rejected)),
    };
    let body = Some(entry.body());
    let appended = appended(permit.conversation(), permit.user(), nonce, moment, content);
    let appended = MessageAppended { entry: body, work, emergency, client_message_id, ..appended };
    Ok(Ok(Event::MessageAppended(appended)))
}

/// The work and the emergency that an entry leaves. `None` is unchanged.
type Changed = (Option<Work>, Option<Box<Emergency>>);

/// The effect of an entry about the work.
fn work_entry(
    user: &UserId,
    (action, version, to): (WorkAction, u64, Option<&UserId>),
    moment: Moment,
    head: &Head,
    state: &mut impl State,
) -> Result<Result<Changed, Rejected>, UnavailableError> {
    if let Some(to) = to
        && !is_colleague(to, head, state)?
    {
        return Ok(Err(Rejected::Conflict));
    }
    let seen = seen_work(head, state)?;
    if seen.version != version {
        return Ok(Err(Rejected::Outdated(seen)));
    }
    let actor = acting(user, state)?.user;
    match seen.after_action(action, &actor, to, moment) {
        Ok(work) => {
            let emergency = emergency_after(Some(&work), user, moment, head, state)?;
            Ok(Ok((Some(work), emergency)))
        }
        Err(WorkRefusal::State) => Ok(Err(Rejected::Outdated(seen))),
        Err(WorkRefusal::Colleague) => Ok(Err(Rejected::Forbidden)),
    }
}

/// The effect of the end of an emergency. Control ends it, and its creator withdraws it.
fn end(
    user: &UserId,
    (reason, version): (EmergencyReason, u64),
    moment: Moment,
    head: &Head,
    state: &mut impl State,
) -> Result<Result<Changed, Rejected>, UnavailableError> {
    let Some(seen) = seen_emergency(head, state)? else { return Ok(Err(Rejected::Forbidden)) };
    let is_withdrawal = reason == EmergencyReason::Withdrawn;
    let may =
        if is_withdrawal { head.created_by == *user } else { acting(user, state)?.user.role.is_control() };
    let ended = if is_withdrawal { seen.withdrawn(user, moment) } else { seen.ended(reason, user, moment) };
    Ok(match ended.filter(|_| seen.version == version) {
        _ if !may => Err(Rejected::Forbidden),
        Some(ended) => Ok((None, Some(Box::new(ended)))),
        None => Err(Rejected::OutdatedEmergency(Box::new(seen))),
    })
}

/// The entry of an alert, or `None` if the emergency needs no alert of this level.
pub(super) fn alert(escalate: Escalate, state: &mut impl State) -> Result<Option<Event>, UnavailableError> {
    let Escalate { conversation, level, nonce, content, at } = escalate;
    let Some(head) = state.head(&conversation)? else { return Ok(None) };
    let moment = next(&head, at);
    let seen = seen_emergency(&head, state)?;
    let escalated = seen.and_then(|seen| seen.escalated(level, moment.at));
    Ok(escalated.map(|emergency| {
        let entry = Some(EntryBody::Emergency(EmergencyAction::Escalate));
        let emergency = Some(Box::new(emergency));
        let appended = appended(&conversation, &UserId::from(SERVER), nonce, moment, content);
        Event::MessageAppended(MessageAppended { entry, emergency, ..appended })
    }))
}

/// The number and the time of the next message or entry.
fn next(head: &Head, at: Timestamp) -> Moment {
    Moment { seq: head.last_seq + 1, at: at.max(head.last_at) }
}

fn appended(
    conversation: &ConversationId,
    sender: &UserId,
    nonce: Nonce,
    moment: Moment,
    content: Arc<str>,
) -> MessageAppended {
    MessageAppended {
        conversation: conversation.clone(),
        seq: moment.seq,
        message_id: MessageId::compose(nonce, moment.seq),
        sender: sender.clone(),
        sent_at: moment.at,
        entry: None,
        work: None,
        emergency: None,
        is_press: false,
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

/// The emergency as shown: taken by a user without the right to the conversation, it is open.
fn seen_emergency(head: &Head, state: &mut impl State) -> Result<Option<Emergency>, UnavailableError> {
    let Some(emergency) = &head.emergency else { return Ok(None) };
    let is_there = match &emergency.by {
        Some(by) => is_colleague(by, head, state)?,
        None => true,
    };
    Ok(Some((**emergency).clone().seen(|_| is_there)))
}

/// The emergency after a change of the work, or `None` if nothing changes.
fn emergency_after(
    work: Option<&Work>,
    actor: &UserId,
    moment: Moment,
    head: &Head,
    state: &mut impl State,
) -> Result<Option<Box<Emergency>>, UnavailableError> {
    let (Some(work), true) = (work, head.emergency.is_some()) else { return Ok(None) };
    let seen = seen_emergency(head, state)?;
    Ok(seen.and_then(|seen| seen.after_work(work, actor, moment)).map(Box::new))
}

fn is_colleague(user: &UserId, head: &Head, state: &mut impl State) -> Result<bool, UnavailableError> {
    Ok(state.account(user)?.is_some_and(|known| may_have(&known.account, &head.participation)))
}

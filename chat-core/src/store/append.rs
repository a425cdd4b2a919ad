//! The events that accepted messages and entries become.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::change::{
    AppendEntry, AppendMessage, EntryChange, Escalate, ExpireOrder, GivenOrder, Rejected, RejectedOrder,
};
use super::entry::EntryBody;
use super::event::{ConversationCreated, Event, MessageAppended};
use super::judge::{Head, State};
use super::{Account, UnavailableError};
use crate::conversation::Standing;
use crate::id::{ConversationId, MessageId, Nonce, UserId};
use crate::order::{ASKED_MOST, OPEN_MOST, OrderRefusal};
use crate::permission::{MayTakePart, takes_part};
use crate::protocol::{
    Emergency, EmergencyAction, EmergencyReason, Order, OrderAction, RoomType, SERVER, User, Work, WorkAction,
};
use crate::time::Timestamp;
use crate::work::{Moment, WorkRefusal, may_have};

/// The event of a message, with the work that the message leaves, unless its order is refused.
pub(super) fn message(
    append: AppendMessage,
    head: &Head,
    state: &mut impl State,
) -> Result<Result<Event, Rejected>, UnavailableError> {
    let AppendMessage { permit, nonce, content, is_press, order, client_message_id, at } = append;
    let moment = next(head, at);
    let sender = acting(permit.user(), state)?.user;
    let order = match order {
        Some(order) => match given(order, &sender, (nonce, moment), head, state)? {
            Ok(order) => Some(Box::new(order)),
            Err(rejected) => return Ok(Err(Rejected::Order(rejected))),
        },
        None => None,
    };
    let work = seen_work(head, state)?.after_message(&sender, moment);
    let emergency = emergency_after(work.as_ref(), &sender.id, moment, head, state)?;
    let appended = appended(permit.conversation(), &sender.id, nonce, moment, content);
    Ok(Ok(Event::MessageAppended(MessageAppended {
        work,
        emergency,
        is_press,
        order,
        client_message_id,
        ..appended
    })))
}

/// The event of a note. The first one creates the conversation of the notes.
///
/// That conversation is stored without participants, so that no list has it: see
/// [`may_see_notes`](crate::permission::may_see_notes).
pub(super) fn note(
    append: AppendMessage,
    head: &Head,
    state: &mut impl State,
) -> Result<Event, UnavailableError> {
    let AppendMessage { permit, nonce, content, client_message_id, at, .. } = append;
    let moment = next(head, at);
    if head.last_seq > 0 {
        let appended = appended(permit.conversation(), permit.user(), nonce, moment, content);
        return Ok(Event::MessageAppended(MessageAppended { client_message_id, ..appended }));
    }
    let creator = acting(permit.user(), state)?.user;
    Ok(Event::ConversationCreated(Box::new(ConversationCreated {
        id: permit.conversation().clone(),
        title: "Notes".into(),
        room_type: RoomType::GeneralSupport,
        created_by: creator.id.clone(),
        creator: Some(creator),
        participants: BTreeSet::new(),
        control_members: BTreeSet::new(),
        teams: Some(Vec::new()),
        work: Some(Work::none(moment.at)),
        emergency: None,
        message_id: MessageId::compose(nonce, moment.seq),
        sent_at: moment.at,
        client_message_id,
        content_hash: None,
        content: content.into(),
    })))
}

/// The order of a message: for the members by name in the field, or for control.
fn given(
    order: GivenOrder,
    sender: &User,
    (nonce, moment): (Nonce, Moment),
    head: &Head,
    state: &mut impl State,
) -> Result<Result<Order, RejectedOrder>, UnavailableError> {
    if head.open_orders.len() >= OPEN_MOST {
        return Ok(Err(RejectedOrder::TooMany));
    }
    let people = if sender.role.is_control() { Some(asked(head, state)?) } else { None };
    if people.as_ref().is_some_and(|people| !(1..=ASKED_MOST).contains(&people.len())) {
        return Ok(Err(RejectedOrder::NotPossible));
    }
    let (id, due) = (MessageId::compose(nonce, moment.seq), moment.at.plus(order.within));
    Ok(Ok(Order::given(id, sender.id.clone(), order.choices, due, people, moment.seq)))
}

/// The members by name in the field, by id. One more than an order may ask is enough.
fn asked(head: &Head, state: &mut impl State) -> Result<Vec<UserId>, UnavailableError> {
    let mut asked = Vec::new();
    for (user, standing) in head.participation.members.iter() {
        if standing == Standing::Member && asked.len() <= ASKED_MOST && is_in_field(user, head, state)? {
            asked.push(user.clone());
        }
    }
    Ok(asked)
}

fn is_in_field(user: &UserId, head: &Head, state: &mut impl State) -> Result<bool, UnavailableError> {
    let known = state.account(user)?;
    Ok(known.is_some_and(|known| {
        !known.account.user.role.is_control() && takes_part(&known.account, &head.participation)
    }))
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
        EntryChange::Answer { seq, .. } | EntryChange::WithdrawOrder { seq } => {
            order_entry(&permit, (&entry, *seq), moment, state)?
        }
    };
    let Changed { work, emergency, order } = match changed {
        Ok(changed) => changed,
        Err(rejected) => return Ok(Err(rejected)),
    };
    let body = Some(entry.body());
    let appended = appended(permit.conversation(), permit.user(), nonce, moment, content);
    let appended = MessageAppended { entry: body, work, emergency, order, client_message_id, ..appended };
    Ok(Ok(Event::MessageAppended(appended)))
}

/// The state that an entry leaves. `None` is unchanged.
#[derive(Default)]
struct Changed {
    work: Option<Work>,
    emergency: Option<Box<Emergency>>,
    order: Option<Box<Order>>,
}

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
            Ok(Ok(Changed { work: Some(work), emergency, order: None }))
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
        Some(ended) => Ok(Changed { emergency: Some(Box::new(ended)), ..Changed::default() }),
        None => Err(Rejected::OutdatedEmergency(Box::new(seen))),
    })
}

/// The effect of an answer, or of the withdrawal of an order.
fn order_entry(
    permit: &MayTakePart,
    (entry, seq): (&EntryChange, u64),
    moment: Moment,
    state: &mut impl State,
) -> Result<Result<Changed, Rejected>, UnavailableError> {
    let Some(order) = state.order(permit.conversation(), seq)? else { return Ok(Err(Rejected::Forbidden)) };
    let changed = match entry {
        EntryChange::Answer { answer, .. } => {
            order.answered(&acting(permit.user(), state)?.user, *answer, moment)
        }
        _ => order.withdrawn(permit.user(), moment),
    };
    Ok(match changed {
        Ok(changed) => Ok(Changed { order: Some(Box::new(changed)), ..Changed::default() }),
        Err(OrderRefusal::Forbidden | OrderRefusal::NoChoice) => Err(Rejected::Forbidden),
        Err(OrderRefusal::Answered) => Err(Rejected::Order(RejectedOrder::Answered(Box::new(order)))),
        Err(OrderRefusal::Over) => Err(Rejected::Order(RejectedOrder::Over(Box::new(order)))),
    })
}

/// The entry of an order that is overdue or has lost people, or `None` if nothing ends.
pub(super) fn expiry(expire: ExpireOrder, state: &mut impl State) -> Result<Option<Event>, UnavailableError> {
    let ExpireOrder { conversation, seq, nonce, content, at } = expire;
    let Some(head) = state.head(&conversation)? else { return Ok(None) };
    let Some(order) = state.order(&conversation, seq)?.filter(Order::is_open) else { return Ok(None) };
    let mut here = Vec::new();
    for user in order.pending().flatten() {
        let known = state.account(user)?;
        here.extend(known.filter(|known| takes_part(&known.account, &head.participation)).map(|_| user));
    }
    let moment = next(&head, at);
    let expired = order.expired(|user| here.contains(&user), moment);
    Ok(expired.map(|order| {
        let (entry, order) = (Some(EntryBody::Order(OrderAction::Expire)), Some(Box::new(order)));
        let appended = appended(&conversation, &UserId::from(SERVER), nonce, moment, content);
        Event::MessageAppended(MessageAppended { entry, order, ..appended })
    }))
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
        order: None,
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

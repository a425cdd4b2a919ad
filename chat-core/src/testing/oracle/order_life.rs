//! The model of the life of orders. It follows from the stored messages alone.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::asked::Asked;
use super::emergency_life::Look;
use super::part::takes_part;
use super::reply::Grant;
use super::stored::place;
use super::{Oracle, PromiseError, must};
use crate::conversation::Standing;
use crate::export::{Export, ExportedConversation};
use crate::id::UserId;
use crate::protocol::{EventType, Message, MessageAnswer, Order, OrderAction, OrderPart, OrderState, SERVER};
use crate::time::Monotonic;

/// The limits of an order, stated once more.
const ASKED_MOST: usize = 20;
const OPEN_MOST: usize = 20;

/// The time that an end may be late: a load that failed, a commit that was slow, a clock that is
/// wrong, and a few repeats.
const LATE_MOST: Duration = Duration::from_secs(15);

/// The orders of a conversation over time, by number. Each state has the look that has found it.
/// Bounded by the length of a run.
#[derive(Default)]
pub(super) struct OrderHistory(BTreeMap<u64, OrderOverTime>);

struct OrderOverTime {
    /// The time of the look that has found the order.
    found_at: Monotonic,
    /// The time to answer.
    within: Duration,
    states: Vec<(u64, Order)>,
}

impl OrderOverTime {
    fn last(&self) -> Option<&Order> {
        self.states.last().map(|(_, order)| order)
    }

    /// Whether this was the order at this look or later.
    fn was(&self, told: &Order, since: u64) -> bool {
        let current = self.states.partition_point(|(look, _)| *look <= since).saturating_sub(1);
        self.states.iter().skip(current).any(|(_, order)| order == told)
    }
}

/// The conversation, and whether the commit has changed the rights of a user.
#[derive(Clone, Copy)]
struct Situation<'a> {
    store: &'a Export,
    exported: &'a ExportedConversation,
    is_unsure: &'a dyn Fn(&str) -> bool,
}

impl Situation<'_> {
    /// Whether this may hold of the user's role and part. Unsure, either may.
    fn may(&self, user: &UserId, holds: impl Fn(bool, bool) -> bool) -> bool {
        let account = self.store.accounts.get(user).map(|stored| &stored.account);
        let is_control = account.is_some_and(|account| account.user.role.is_control());
        let has_part = account.is_some_and(|account| takes_part(account, &self.exported.conversation));
        (self.is_unsure)(user.as_str()) || holds(is_control, has_part)
    }
}

impl OrderHistory {
    /// P8: each stored message leaves the orders that it must leave, and the store shows the last.
    /// `is_unsure` is whether the commit has changed the rights of a user.
    pub(super) fn note(
        &mut self,
        store: &Export,
        exported: &ExportedConversation,
        before: usize,
        look: Look,
        is_unsure: &dyn Fn(&str) -> bool,
    ) -> Result<(), PromiseError> {
        let situation = Situation { store, exported, is_unsure };
        for message in exported.messages.iter().skip(before) {
            let (seq, order) = match (&message.order, &message.answer) {
                (None, None) => continue,
                // The first look takes the store as it is.
                (Some(shown), None) if look.number == 1 => (shown.order.seq, shown.order.clone()),
                (None, Some(_)) if look.number == 1 => continue,
                (Some(shown), None) => {
                    let open = self.0.values().filter_map(OrderOverTime::last).filter(|last| is_open(last));
                    must(open.count() < OPEN_MOST, "P8", || format!("{message:?} is one order too many"))?;
                    must(may_be_given(&shown.order, message, situation), "P8", || {
                        format!("{message:?} asks other people than it must")
                    })?;
                    (shown.order.seq, as_given(&shown.order))
                }
                (_, Some(answer)) => {
                    let seq = answer.order.seq;
                    let last = self.0.get(&seq).and_then(OrderOverTime::last);
                    let is_legal = last.is_some_and(|last| follows(last, answer, message, situation));
                    must(is_legal, "P8", || format!("{message:?} follows {last:?}"))?;
                    (seq, answer.order.clone())
                }
            };
            let within = order.due.since(message.sent_at);
            let known = OrderOverTime { found_at: look.at, within, states: Vec::new() };
            self.0.entry(seq).or_insert(known).states.push((look.number, order));
        }
        self.is_shown(exported)
    }

    /// P8: the store shows each order as its last entry has left it, and knows the open ones.
    fn is_shown(&self, exported: &ExportedConversation) -> Result<(), PromiseError> {
        for (seq, known) in &self.0 {
            let shown = exported.messages.get(place(*seq)).and_then(|message| message.order.as_ref());
            must(shown.map(|shown| &shown.order) == known.last(), "P8", || {
                format!("{:?} is shown as {shown:?}", known.last())
            })?;
        }
        let open = self.0.iter().filter(|(_, known)| known.last().is_some_and(is_open));
        let open: Vec<_> = open.map(|(seq, _)| *seq).collect();
        let shown = &exported.conversation.open_orders;
        must(open == *shown, "P8", || format!("the open orders {open:?} are shown as {shown:?}"))
    }

    /// P8: an order does not stay open once its time is over.
    pub(super) fn are_ended(
        &self,
        id: &str,
        now: Monotonic,
        clock_error: Duration,
    ) -> Result<(), PromiseError> {
        for known in self.0.values().filter(|known| known.last().is_some_and(is_open)) {
            // One clock may have set the end, and another may await it.
            let most = known.within + LATE_MOST + clock_error * 2;
            let is_late = now.since(known.found_at) > most;
            must(!is_late, "P8", || format!("an order of {id} is still open: {:?}", known.last()))?;
        }
        Ok(())
    }

    /// The orders that were open at this look and are open now.
    fn open_since(&self, look: u64) -> impl Iterator<Item = &Order> {
        let found = self.0.values().filter(move |known| {
            known.states.first().is_some_and(|(found, _)| *found < look) && known.last().is_some_and(is_open)
        });
        found.filter_map(OrderOverTime::last)
    }
}

fn is_open(order: &Order) -> bool {
    order.people.iter().any(|part| part.state == OrderState::Pending)
}

/// The order at its message.
fn as_given(order: &Order) -> Order {
    let people = order.people.iter().map(|part| OrderPart {
        user_id: part.user_id.clone(),
        state: OrderState::Pending,
        ended_at: None,
        answer: None,
    });
    Order { people: people.collect(), version: order.seq, ..order.clone() }
}

/// Whether a message may have given this order: to all members in the field by name, or to
/// control.
fn may_be_given(order: &Order, message: &Message, situation: Situation<'_>) -> bool {
    let within = order.due.since(message.sent_at);
    let asked: Vec<_> = order.people.iter().map(|part| &part.user_id).collect();
    let names = asked.iter().filter_map(|user| user.as_ref());
    let is_of_control = !asked.contains(&&None);
    let members = || situation.exported.conversation.participation.members.iter();
    let are_asked = members().filter(|(_, standing)| *standing == Standing::Member).all(|(user, _)| {
        let is_named = asked.iter().any(|asked| asked.as_ref() == Some(user));
        situation.may(user, |is_control, has_part| is_named == (has_part && !is_control))
    });
    let are_right = if is_of_control {
        (1..=ASKED_MOST).contains(&asked.len()) && are_asked && names.is_sorted_by(|one, next| one < next)
    } else {
        asked.len() == 1
    };
    are_right
        && situation.may(&message.sender_id, |is_control, _| is_control == is_of_control)
        && order.sender_id == message.sender_id
        && order.message_id == message.id
        && Some(order.seq) == message.seq
        && (10..=86_400).contains(&within.as_secs())
}

/// Whether an entry may have left this order: a part ends once, and nothing else changes.
fn follows(last: &Order, answer: &MessageAnswer, message: &Message, situation: Situation<'_>) -> bool {
    let next = &answer.order;
    let frame = |order: &Order| Order { people: Vec::new(), version: 0, ..order.clone() };
    let is_same = frame(last) == frame(next) && last.people.len() == next.people.len();
    let changed = last.people.iter().zip(&next.people).filter(|(was, is)| was != is);
    let ends = |state| {
        move |part: &OrderPart| {
            let is_other = part.state == OrderState::Pending;
            is_other.then(|| OrderPart { state, ended_at: Some(message.sent_at), ..part.clone() })
        }
    };
    let is_due = last.due <= message.sent_at;
    let fits = match answer.action {
        OrderAction::Answer => answered(last, answer, message, situation),
        OrderAction::Expire => {
            message.sender_id.as_str() == SERVER
                && last.people.iter().zip(&next.people).all(|(was, is)| {
                    if was.state != OrderState::Pending {
                        return was == is;
                    }
                    let may_stay = |stays: bool| {
                        was.user_id.as_ref().is_none_or(|user| situation.may(user, |_, part| part == stays))
                            && (stays || was.user_id.is_some())
                    };
                    match is.state {
                        OrderState::Pending => was == is && !is_due && may_stay(true),
                        OrderState::Overdue => {
                            ends(OrderState::Overdue)(was).as_ref() == Some(is) && is_due && may_stay(true)
                        }
                        OrderState::Withdrawn => {
                            ends(OrderState::Withdrawn)(was).as_ref() == Some(is) && may_stay(false)
                        }
                        OrderState::Answered => false,
                    }
                })
        }
        OrderAction::Withdraw => {
            message.sender_id == last.sender_id
                && last
                    .people
                    .iter()
                    .zip(&next.people)
                    .all(|(was, is)| ends(OrderState::Withdrawn)(was).map_or(was == is, |ended| ended == *is))
        }
    };
    is_same && fits && changed.count() > 0 && Some(next.version) == message.seq
}

/// Whether an answer of the sender is the one change.
fn answered(last: &Order, answer: &MessageAnswer, message: &Message, situation: Situation<'_>) -> bool {
    let sender = &message.sender_id;
    let mut parts = last.people.iter().zip(&answer.order.people).filter(|(was, is)| was != is);
    let (Some((was, is)), None) = (parts.next(), parts.next()) else { return false };
    let is_asked = match &was.user_id {
        Some(user) => user == sender,
        None => situation.may(sender, |is_control, _| is_control),
    };
    let in_time = was.state == OrderState::Pending && message.sent_at < last.due;
    let is_ended = if in_time {
        (is.state, is.ended_at) == (OrderState::Answered, Some(message.sent_at))
    } else {
        (is.state, is.ended_at) == (was.state, was.ended_at)
    };
    is_asked
        && is_ended
        && was.answer.is_none()
        && answer.late != in_time
        && is.answer.as_ref().is_some_and(|given| {
            given.by == *sender
                && given.at == message.sent_at
                && given.late == answer.late
                && given.answer < last.choices
                && Some(given.answer) == answer.answer
        })
}

impl Oracle {
    /// P1: the entry of an answer or a withdrawal is stored. P8: it is about the order that the
    /// request has named.
    pub(super) fn changed_order(&mut self, grant: Grant<'_>) -> Result<(), PromiseError> {
        let Grant { user, asked, frame, store, .. } = grant;
        let (id, seq) = (asked.conversation().unwrap_or_default(), frame["seq"].as_u64().unwrap_or_default());
        let messages = store.conversations.get(id).map_or(&[][..], |stored| &stored.messages);
        let action = if asked.kind == Some(EventType::AnswerMessage) {
            OrderAction::Answer
        } else {
            OrderAction::Withdraw
        };
        let is_stored = messages.get(place(seq)).is_some_and(|stored| {
            frame["message_id"] == stored.id.as_str()
                && *user == *stored.sender_id.as_str()
                && stored.answer.as_ref().is_some_and(|shown| {
                    serde_json::from_value(frame["order"].clone()).ok().as_ref() == Some(&shown.order)
                        && shown.action == action
                        && asked.data["message_id"] == shown.order.message_id.as_str()
                        && asked.data["answer"].as_u64() == shown.answer.map(u64::from)
                })
        });
        must(is_stored, "P1", || format!("{user} is told {frame}, and that is not stored"))?;
        self.checked.order_changes += 1;
        self.acknowledged(user, asked, frame["message_id"].as_str().unwrap_or_default().to_owned(), frame)
    }

    /// P8: a refused user is told the order as it is, which has an answer or is over.
    pub(super) fn lost_order(
        &mut self,
        user: &str,
        asked: &Asked,
        frame: &Value,
    ) -> Result<(), PromiseError> {
        let told: Option<Order> = serde_json::from_value(frame["order"].clone()).ok();
        let known = asked.conversation().and_then(|id| self.stored.orders(id));
        let told = told.filter(|told| {
            let known = known.and_then(|known| known.0.get(&told.seq));
            known.is_some_and(|known| known.was(told, asked.look))
                && asked.data["message_id"] == told.message_id.as_str()
        });
        let is_right = told.is_some_and(|told| {
            if frame["code"] == "conflict" {
                !is_open(&told)
            } else {
                let by_control = told.people.first().is_some_and(|part| part.user_id.is_none());
                let mut answers = told.people.iter().filter_map(|part| part.answer.as_ref());
                answers.any(|answer| by_control || answer.by.as_str() == user)
            }
        });
        must(is_right, "P8", || format!("{user} is refused {} by {frame}", asked.data))?;
        self.checked.orders_lost += 1;
        Ok(())
    }

    /// P1 and P8: a list shows orders as they were at the request or later. P5: each belongs to a
    /// conversation of the user. P8: a whole list has all orders that wait for the user.
    pub(super) fn listed_orders(&mut self, grant: Grant<'_>) -> Result<(), PromiseError> {
        let Grant { conn, user, asked, frame, store } = grant;
        let is_control = self.is_control(conn);
        let rows = || frame["orders"].as_array().into_iter().flatten();
        for row in rows() {
            let (id, seq) = (row["conversation_id"].as_str().unwrap_or_default(), row["seq"].as_u64());
            must(self.stored.was_in_since(id, user, asked.look), "P5", || {
                format!("{user} is shown an order of {id}")
            })?;
            super::stored::is_stored(store, id, seq.unwrap_or_default(), row)?;
            let shown: Option<Order> = serde_json::from_value(row["order"].clone()).ok();
            let shown = shown.filter(|shown| is_open(shown) && (is_control || waits_for(shown, user)));
            let known = self.stored.orders(id).and_then(|known| known.0.get(&seq.unwrap_or_default()));
            let is_it = shown.zip(known).is_some_and(|(shown, known)| known.was(&shown, asked.look));
            must(is_it, "P8", || format!("{user} is shown {row}, and that is not its order"))?;
        }
        if frame["next_cursor"].is_null() && asked.data["cursor"].is_null() {
            let has = |order: &Order| rows().any(|row| row["id"] == order.message_id.as_str());
            for (id, orders) in self.stored.all_orders() {
                let is_in = self.stored.is_in_since(id, user, asked.look);
                let mut due = orders.open_since(asked.look).filter(|order| is_in && waits_for(order, user));
                let missing = due.find(|order| !has(order));
                must(missing.is_none(), "P8", || format!("{user} is not shown {missing:?} of {id}"))?;
            }
            self.checked.order_lists += 1;
        }
        Ok(())
    }

    /// Checks that no order stays open beyond its time. For a run at rest, with clocks of servers
    /// that are wrong by at most this.
    ///
    /// # Errors
    ///
    /// P8.
    pub fn orders_are_ended(&self, now: Monotonic, clock_error: Duration) -> Result<(), PromiseError> {
        self.stored.all_orders().try_for_each(|(id, orders)| orders.are_ended(id, now, clock_error))
    }
}

/// Whether an order waits for the answer of this user in the field.
fn waits_for(order: &Order, user: &str) -> bool {
    let mut pending = order.people.iter().filter(|part| part.state == OrderState::Pending);
    pending.any(|part| part.user_id.as_ref().is_some_and(|asked| asked.as_str() == user))
}

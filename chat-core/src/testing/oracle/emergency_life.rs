//! The model of the life of an emergency. It follows from the stored messages alone.

use std::time::Duration;

use serde_json::Value;

use super::asked::Asked;
use super::part::takes_part;
use super::reply::Grant;
use super::stored::place;
use super::{Oracle, PromiseError, must};
use crate::export::{Export, ExportedConversation};
use crate::protocol::{
    Emergency, EmergencyAction, EmergencyReason, EmergencyState, EventType, Message, MessageEmergency,
    RoomType, SERVER, WorkState,
};
use crate::time::Monotonic;

/// The time that an alert may be late: a load that failed, a commit that was slow, and a few
/// repeats.
const LATE_MOST: Duration = Duration::from_secs(15);

/// An emergency over time, each state with the look that has found it and its time. Bounded by the
/// length of a run.
#[derive(Default)]
pub(super) struct EmergencyHistory(Vec<(u64, Monotonic, Emergency)>);

/// The look at the store in which something was found.
#[derive(Clone, Copy)]
pub(super) struct Look {
    pub(super) number: u64,
    pub(super) at: Monotonic,
}

impl EmergencyHistory {
    /// P8: each stored message leaves the emergency that it must leave, and the store shows the
    /// last. `is_unsure` is whether the commit has changed the rights of a user.
    pub(super) fn note(
        &mut self,
        store: &Export,
        exported: &ExportedConversation,
        before: usize,
        look: Look,
        is_unsure: impl Fn(&str) -> bool,
    ) -> Result<(), PromiseError> {
        if look.number == 1 {
            self.0.extend(
                exported.conversation.emergency.iter().map(|one| (look.number, look.at, (**one).clone())),
            );
            return Ok(());
        }
        for message in exported.messages.iter().skip(before) {
            let wrong = || PromiseError {
                promise: "P8",
                what: format!("{message:?} does not fit the emergency {:?}", self.last()),
            };
            let next = match self.last() {
                None if message.seq == Some(1) => begun(exported, message).ok_or_else(wrong)?,
                None if message.emergency.is_none() => None,
                None => return Err(wrong()),
                Some(last) => {
                    let may_be_left = may_be_left(last, store, exported, &is_unsure);
                    after(last, may_be_left, exported, message).ok_or_else(wrong)?
                }
            };
            self.0.extend(next.map(|next| (look.number, look.at, next)));
        }
        let shown = exported.conversation.emergency.as_deref();
        must(self.last() == shown, "P8", || format!("{:?} is shown as {shown:?}", self.last()))
    }

    pub(super) fn last(&self) -> Option<&Emergency> {
        self.0.last().map(|(.., emergency)| emergency)
    }

    /// Whether the last state is from before this look, and the emergency not over.
    pub(super) fn is_live_since_before(&self, look: u64) -> bool {
        self.0.last().is_some_and(|(found, _, last)| *found < look && last.state != EmergencyState::Ended)
    }

    /// Whether this was the emergency at this look or later. One who has it may be left out.
    fn was(&self, told: &Emergency, since: u64) -> bool {
        let current = self.0.partition_point(|(look, ..)| *look <= since).saturating_sub(1);
        self.0.iter().skip(current).any(|(.., emergency)| emergency == told || left(emergency) == *told)
    }

    /// P8: an emergency that nobody has was alerted in time.
    pub(super) fn is_alerted(&self, id: &str, now: Monotonic) -> Result<(), PromiseError> {
        let Some((_, found, last)) = self.0.last() else { return Ok(()) };
        let pause = match last.level {
            0 => 30,
            1..5 => 60,
            _ => 600,
        };
        let silent = now.since(*found);
        let is_late = last.state == EmergencyState::Open && silent > Duration::from_secs(pause) + LATE_MOST;
        must(!is_late, "P8", || {
            format!("the emergency {id} is open, and was silent for {silent:?}: {last:?}")
        })
    }
}

fn left(emergency: &Emergency) -> Emergency {
    let is_taken = emergency.state == EmergencyState::Taken;
    let state = if is_taken { EmergencyState::Open } else { emergency.state };
    Emergency { state, by: emergency.by.clone().filter(|_| !is_taken), ..emergency.clone() }
}

/// Whether the user who has the emergency may count as nobody.
fn may_be_left(
    last: &Emergency,
    store: &Export,
    exported: &ExportedConversation,
    is_unsure: impl Fn(&str) -> bool,
) -> bool {
    last.by.as_ref().is_some_and(|by| {
        let account = store.accounts.get(by).map(|stored| &stored.account);
        let has_part = account
            .is_some_and(|known| known.user.role.is_control() && takes_part(known, &exported.conversation));
        !has_part || is_unsure(by.as_str())
    })
}

/// The emergency at message 1, or `None` if the message shows another one.
fn begun(exported: &ExportedConversation, first: &Message) -> Option<Option<Emergency>> {
    let is_emergency = exported.conversation.room_type == RoomType::EmergencySupport;
    let expected = is_emergency.then_some(Emergency {
        state: EmergencyState::Open,
        level: 0,
        by: None,
        since: first.sent_at,
        reason: None,
        version: 1,
        alerted_at: first.sent_at,
    });
    let shown = first.emergency.as_ref().map(|shown| shown.emergency.clone());
    (shown == expected).then_some(expected)
}

/// The emergency behind a message, or `None` if the message may not stand there. The inner `None`
/// is unchanged.
fn after(
    last: &Emergency,
    may_be_left: bool,
    exported: &ExportedConversation,
    message: &Message,
) -> Option<Option<Emergency>> {
    let to = |state, by, reason| Emergency {
        state,
        by,
        since: message.sent_at,
        reason,
        version: message.seq.unwrap_or_default(),
        ..last.clone()
    };
    let is_live = last.state != EmergencyState::Ended;
    let may_be_open = last.state == EmergencyState::Open || may_be_left;
    let by_work = message.work.as_ref().filter(|_| is_live).map(|shown| match shown.work.state {
        WorkState::Waiting => to(EmergencyState::Open, None, None),
        WorkState::Taken => to(EmergencyState::Taken, shown.work.assignee.clone(), None),
        WorkState::Resolved => {
            to(EmergencyState::Ended, Some(message.sender_id.clone()), Some(EmergencyReason::Solved))
        }
    });
    let Some(MessageEmergency { action, emergency }) = message.emergency.as_deref() else {
        let is_same = by_work.is_none_or(|work| {
            (work.state, &work.by) == (last.state, &last.by)
                || may_be_left && work.state == EmergencyState::Open
        });
        return is_same.then_some(None);
    };
    let expected = match action {
        None => by_work?,
        Some(EmergencyAction::Escalate) if may_be_open && message.sender_id.as_str() == SERVER => Emergency {
            state: EmergencyState::Open,
            by: None,
            level: (last.level + 1).min(5),
            alerted_at: message.sent_at,
            ..last.clone()
        },
        Some(EmergencyAction::Withdraw) if may_be_open => {
            let creator = exported.conversation.created_by.clone();
            to(EmergencyState::Ended, Some(creator), Some(EmergencyReason::Withdrawn))
        }
        Some(EmergencyAction::End) if is_live && emergency.reason != Some(EmergencyReason::Withdrawn) => {
            to(EmergencyState::Ended, Some(message.sender_id.clone()), Some(emergency.reason?))
        }
        Some(_) => return None,
    };
    let is_signed =
        *action != Some(EmergencyAction::Withdraw) || expected.by.as_ref() == Some(&message.sender_id);
    (*emergency == expected && is_signed).then_some(Some(expected))
}

impl Oracle {
    /// P1: the entry is stored. P8: it was decided on the version that the request has named.
    pub(super) fn ended_emergency(&mut self, grant: Grant<'_>) -> Result<(), PromiseError> {
        let Grant { user, asked, frame, store, .. } = grant;
        let (id, seq) = (asked.conversation().unwrap_or_default(), frame["seq"].as_u64().unwrap_or_default());
        let messages = store.conversations.get(id).map_or(&[][..], |stored| &stored.messages);
        let stored = messages.get(place(seq)).filter(|stored| {
            let emergency = stored.emergency.as_ref().map(|shown| &shown.emergency);
            frame["message_id"] == stored.id.as_str()
                && *user == *stored.sender_id.as_str()
                && stored.is_entry()
                && serde_json::from_value(frame["emergency"].clone()).ok().as_ref() == emergency
        });
        must(stored.is_some(), "P1", || format!("{user} is told {frame}, and that is not stored"))?;
        let mut earlier = messages.iter().take(place(seq)).rev();
        let version =
            earlier.find_map(|message| message.emergency.as_ref()).map(|shown| shown.emergency.version);
        let named = asked.data["version"].as_u64();
        must(named == version, "P8", || {
            format!("{user} has decided on {named:?}, and {frame} follows {version:?}")
        })?;
        self.checked.emergencies_ended += 1;
        self.acknowledged(user, asked, frame["message_id"].as_str().unwrap_or_default().to_owned(), frame)
    }

    /// P8: a losing user is told the emergency as it is. This emergency has another version than
    /// the request, or does not allow the end.
    pub(super) fn lost_emergency(
        &self,
        user: &str,
        asked: &Asked,
        told: Option<Emergency>,
    ) -> Result<(), PromiseError> {
        let known = asked.conversation().and_then(|id| self.stored.emergency(id));
        let told = told.filter(|told| known.is_some_and(|known| known.was(told, asked.look)));
        let told = told.ok_or_else(|| PromiseError {
            promise: "P8",
            what: format!("{user} has lost with {}, and is not told how", asked.data),
        })?;
        let is_withdrawal = asked.kind == Some(EventType::WithdrawEmergency);
        let is_too_late =
            told.state == EmergencyState::Ended || is_withdrawal && told.state == EmergencyState::Taken;
        must(asked.data["version"].as_u64() != Some(told.version) || is_too_late, "P8", || {
            format!("{user} is refused {}, and may do it: {told:?}", asked.data)
        })
    }

    /// P8: a row shows the emergency as it was at the request or later.
    pub(super) fn shows_emergency(&self, row: &Value, asked: &Asked) -> Result<(), PromiseError> {
        let id = row["id"].as_str().unwrap_or_default();
        let known = self.stored.emergency(id).filter(|known| known.last().is_some());
        let shown: Option<Emergency> = serde_json::from_value(row["emergency"].clone()).ok();
        let is_it = match (&shown, known) {
            (Some(shown), Some(known)) => known.was(shown, asked.look),
            (shown, known) => shown.is_none() && known.is_none(),
        };
        must(is_it, "P8", || format!("{row} is shown, and that is not its emergency"))
    }

    /// P8: a press became a message of an earlier emergency of its user, which was not over.
    pub(super) fn pressed_again(&mut self, grant: Grant<'_>) -> Result<(), PromiseError> {
        let Grant { user, asked, frame, store, .. } = grant;
        let id = frame["conversation_id"].as_str().unwrap_or_default();
        let stored =
            store.conversations.get(id).filter(|stored| *stored.conversation.created_by.as_str() == *user);
        let messages = stored.map_or(&[][..], |stored| &stored.messages);
        let is_it = |message: &Message| {
            message.sender_id.as_str() == user
                && asked.data["content"] == *message.content
                && frame["timestamp"] == message.sent_at.to_string()
        };
        let place = messages.iter().position(is_it).filter(|place| *place > 0);
        let mut earlier = messages.iter().take(place.unwrap_or_default()).rev();
        let before = earlier.find_map(|message| message.emergency.as_ref());
        let was_live = before.is_some_and(|shown| shown.emergency.state != EmergencyState::Ended);
        must(place.is_some() && was_live, "P8", || {
            format!("{user} has pressed again, and is told {frame} after {before:?}")
        })?;
        let message = messages.get(place.unwrap_or_default()).map(|message| message.id.to_string());
        self.checked.pressed_again += 1;
        self.names_participants(user, asked, frame, store)?;
        self.acknowledged(user, asked, message.unwrap_or_default(), frame)
    }

    /// Checks that every emergency that nobody has was alerted in time. For a run at rest.
    ///
    /// # Errors
    ///
    /// P8.
    pub fn alerts_are_timely(&self, now: Monotonic) -> Result<(), PromiseError> {
        self.stored.alerts_are_timely(now)
    }
}

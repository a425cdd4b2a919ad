//! Refusals because a user's daily budget is used up, or because the storage is almost full.

use std::collections::BTreeMap;

use serde_json::Value;

use super::asked::Asked;
use super::{PromiseError, must};
use crate::limits::{DailyBudget, Limits, RateSetting};
use crate::protocol::EventType;

/// Bytes that are charged for each record beside its texts and ids.
const RECORD: u64 = 512;

/// More than the ids of a conversation's participants and the prefix of its title take, or the text
/// of an entry.
const IDS: u64 = 2_048;

/// How much room the storage has left.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Room {
    /// Enough for everybody.
    #[default]
    Ample,
    /// Enough for control and for emergencies.
    Reserved,
    /// Nothing that a client asks for is written.
    Exhausted,
}

/// An upper bound of the bytes that a server has charged to a user.
#[derive(Clone, Copy, Default)]
struct Charged {
    all: u64,
    /// Of the user's own emergencies.
    emergencies: u64,
}

/// The possible charges of each user. Bounded by the users of a run.
#[derive(Default)]
pub(super) struct ChargedBytes(BTreeMap<String, Charged>);

impl ChargedBytes {
    pub(super) fn asked(&mut self, user: &str, asked: &Asked) {
        let ids = match asked.kind {
            Some(EventType::SendChatMessage | EventType::AddNote | EventType::MarkMessageRead) => 0,
            Some(
                EventType::CreateSupportConversation
                | EventType::StartConversation
                | EventType::TakeConversation
                | EventType::ReleaseConversation
                | EventType::TransferConversation
                | EventType::ResolveConversation
                | EventType::ReopenConversation
                | EventType::EndEmergency
                | EventType::WithdrawEmergency
                | EventType::AnswerMessage
                | EventType::WithdrawOrder,
            ) => IDS,
            Some(
                EventType::GetActiveConversations
                | EventType::GetOpenOrders
                | EventType::GetPeople
                | EventType::GetPhrases
                | EventType::JoinConversation
                | EventType::JoinSupportRoom
                | EventType::TypingIndicator
                | EventType::GetConversationMessages
                | EventType::RefreshToken,
            )
            | None => return,
        };
        let texts = [asked.content(), asked.data["title"].as_str()];
        let texts: usize = texts.into_iter().flatten().map(str::len).sum();
        let answers = asked.data["answers"].as_array().into_iter().flatten();
        let answers: usize = answers.filter_map(Value::as_str).map(|answer| 1 + answer.len()).sum();
        let bytes = RECORD + ids + (texts + answers) as u64;
        let charged = self.0.entry(user.to_owned()).or_default();
        charged.all += bytes;
        charged.emergencies += if asked.is_own_emergency { bytes } else { 0 };
    }

    /// P7: a budget refuses only requests beyond its limit, and an emergency only if the emergency
    /// budget is used up too.
    pub(super) fn refused(&self, user: &str, asked: &Asked, limits: &Limits) -> Result<(), PromiseError> {
        let Charged { all, emergencies } = self.0.get(user).copied().unwrap_or_default();
        let daily = match &limits.rates {
            RateSetting::Limited(rates) => rates.daily,
            RateSetting::Lifted => None,
        };
        let is_legal = daily.is_some_and(|DailyBudget { bytes, emergency_bytes }| {
            all > bytes && (!asked.is_own_emergency || emergencies > emergency_bytes)
        });
        must(is_legal, "P7", || {
            format!(
                "{user} is over its budget after {all} bytes, {emergencies} in emergencies: {}",
                asked.data
            )
        })
    }
}

/// P7: a refusal because of low storage is legal at the least room since the request.
pub(super) fn refused(user: &str, asked: &Asked, is_control: bool) -> Result<(), PromiseError> {
    let is_preferred = is_control || asked.is_own_emergency;
    let least = if is_preferred { Room::Exhausted } else { Room::Reserved };
    must(asked.least_room >= least, "P7", || {
        format!("{} of {user} is refused, and the room was {:?}", asked.what(), asked.least_room)
    })
}

/// P7: a request granted during low storage was entitled to the reserve at the most room since the
/// request.
pub(super) fn granted(user: &str, asked: &Asked, is_control: bool) -> Result<(), PromiseError> {
    let is_preferred = is_control || asked.is_own_emergency;
    let most = if is_preferred { Room::Reserved } else { Room::Ample };
    must(asked.most_room <= most, "P7", || {
        format!("{} of {user} is granted, and the room was {:?}", asked.what(), asked.most_room)
    })
}

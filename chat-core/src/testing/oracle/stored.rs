//! The durable state, as far as the store has shown it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde_json::Value;

use super::emergency_life::{EmergencyHistory, Look};
use super::order_life::OrderHistory;
use super::part::{NOTES, Parts, Rights, with_participants};
use super::reply::has_answers;
use super::work::WorkHistory;
use super::{PromiseError, must};
use crate::export::{Export, ExportedConversation};
use crate::protocol::{EmergencyAction, Message, OrderAction, RoomType, SERVER};
use crate::time::Monotonic;

/// A message that is stored.
struct KnownMessage {
    id: String,
    /// The look that has found the message.
    look: u64,
    /// Whether the server knows that the message is stored.
    is_told: bool,
}

#[derive(Default)]
struct KnownConversation {
    messages: Vec<KnownMessage>,
    version: u64,
    /// Whether the last commit has changed members.
    version_changed: bool,
    parts: Parts,
    work: WorkHistory,
    emergency: EmergencyHistory,
    orders: OrderHistory,
    /// The creator, if it is an emergency.
    emergency_of: Option<String>,
}

/// The numbers of new entries of the server.
#[derive(Clone, Copy, Default)]
pub(super) struct ByServer {
    pub(super) alerts: u64,
    pub(super) expiries: u64,
}

/// Everything known about the store. Only conversations with news are examined.
#[derive(Default)]
pub(super) struct Stored {
    conversations: BTreeMap<String, KnownConversation>,
    ids: BTreeSet<String>,
    /// How often each text is stored, by user.
    said: BTreeMap<(String, String), usize>,
    rights: Rights,
    /// The number of looks at the store.
    looks: u64,
    /// The position of the store at each look.
    positions: Vec<u64>,
}

impl Stored {
    /// Takes up a store that exists already. Nobody is expected to have heard its messages.
    pub(super) fn of(store: &Export) -> Self {
        Self::at(store, Monotonic::default())
    }

    /// The same at this time.
    pub(super) fn at(store: &Export, now: Monotonic) -> Self {
        let mut stored = Self::default();
        let _what_is_there_is_taken_as_it_is = stored.note(store, false, now);
        for (id, exported) in &store.conversations {
            if let Some(known) = stored.conversations.get_mut(id.as_str()) {
                known.parts.had(exported.messages.iter().map(|message| message.sender_id.as_str()));
            }
        }
        stored.server_began();
        stored
    }

    /// A new server reads everything.
    pub(super) fn server_began(&mut self) {
        self.rights.began();
    }

    /// Takes in new messages, and returns the sender and text of each, and the numbers of entries
    /// of the server.
    pub(super) fn note(
        &mut self,
        store: &Export,
        is_told: bool,
        now: Monotonic,
    ) -> Result<(Vec<(String, String)>, ByServer), PromiseError> {
        let (mut new, mut by_server) = (Vec::new(), ByServer::default());
        self.looks += 1;
        self.positions.push(store.position.0);
        self.rights.note(store, self.looks, is_told);
        for (id, exported) in &store.conversations {
            let known = match self.conversations.get_mut(id.as_str()) {
                Some(known) => known,
                None => self.conversations.entry(id.to_string()).or_default(),
            };
            let before = known.messages.len();
            let conversation = with_participants(store, &exported.conversation);
            let is_same = known.version == conversation.version && before == exported.messages.len();
            if is_same && self.rights.changed.is_empty() {
                continue;
            }
            known.parts.note(store, &conversation, before == 0, &self.rights);
            known.version_changed = known.version != conversation.version;
            known.version = conversation.version;
            known.grow(exported, is_told, self.looks)?;
            let changed = &self.rights.changed;
            let is_moved = known.version_changed;
            let is_unsure = |user: &str| changed.contains(user) || is_moved;
            if id.as_str().starts_with(NOTES) {
                are_plain(&exported.messages[before..])?;
            } else {
                known.work.note(store, exported, before, self.looks, is_unsure)?;
                let look = Look { number: self.looks, at: now };
                known.emergency.note(store, exported, before, look, is_unsure)?;
                known.orders.note(store, exported, before, look, &is_unsure)?;
            }
            for message in exported.messages.iter().skip(before) {
                by_server.alerts += u64::from(is_alert(message));
                by_server.expiries += u64::from(is_expiry(message));
            }
            for message in exported.messages.iter().skip(before) {
                // The first look takes the store as it is.
                let is_in = known.parts.audience().contains(message.sender_id.as_str());
                let may = is_in || self.looks == 1 || is_alert(message) || is_expiry(message);
                must(may, "P5", || {
                    format!("{} takes no part in {id}, and says {message:?}", message.sender_id)
                })?;
                self.ids.insert(message.id.to_string());
                if message.is_entry() {
                    continue;
                }
                let said = (message.sender_id.to_string(), message.content.to_string());
                *self.said.entry(said.clone()).or_default() += 1;
                new.push(said);
            }
        }
        self.only_one_emergency(store)?;
        Ok((new, by_server))
    }

    /// P1: everything stored before is still stored.
    pub(super) fn verify(&self, store: &Export) -> Result<(), PromiseError> {
        for (id, known) in &self.conversations {
            let exported = store.conversations.get(id.as_str());
            let stored = exported.into_iter().flat_map(|exported| &exported.messages);
            let is_there =
                stored.map(|message| message.id.as_str()).eq(known.messages.iter().map(|m| m.id.as_str()));
            must(is_there, "P1", || format!("{id} is not what it was"))?;
        }
        Ok(())
    }

    /// Whether a message or a conversation with this id is stored.
    pub(super) fn holds(&self, id: &str) -> bool {
        self.ids.contains(id) || self.conversations.contains_key(id)
    }

    pub(super) fn said(&self, user: &str, content: &str) -> usize {
        self.said.get(&(user.to_owned(), content.to_owned())).copied().unwrap_or_default()
    }

    pub(super) fn last(&self, id: &str) -> u64 {
        self.conversations.get(id).map_or(0, |known| known.messages.len() as u64)
    }

    pub(super) fn last_numbers(&self) -> BTreeMap<String, u64> {
        self.conversations.iter().map(|(id, known)| (id.clone(), known.messages.len() as u64)).collect()
    }

    /// The work on a conversation over time.
    pub(super) fn work(&self, id: &str) -> Option<&WorkHistory> {
        self.conversations.get(id).map(|known| &known.work)
    }

    /// The emergency of a conversation over time.
    pub(super) fn emergency(&self, id: &str) -> Option<&EmergencyHistory> {
        self.conversations.get(id).map(|known| &known.emergency)
    }

    /// The orders of a conversation over time.
    pub(super) fn orders(&self, id: &str) -> Option<&OrderHistory> {
        self.conversations.get(id).map(|known| &known.orders)
    }

    /// The orders of all conversations over time.
    pub(super) fn all_orders(&self) -> impl Iterator<Item = (&str, &OrderHistory)> {
        self.conversations.iter().map(|(id, known)| (&**id, &known.orders))
    }

    pub(super) fn alerts_are_timely(&self, now: Monotonic) -> Result<(), PromiseError> {
        self.conversations.iter().try_for_each(|(id, known)| known.emergency.is_alerted(id, now))
    }

    /// P8: nobody raises an emergency while an earlier one is not over, in which the user takes
    /// part.
    fn only_one_emergency(&self, store: &Export) -> Result<(), PromiseError> {
        let is_new =
            |known: &&KnownConversation| known.messages.first().is_some_and(|m| m.look == self.looks);
        let raised =
            self.conversations.values().filter(is_new).filter_map(|known| known.emergency_of.as_ref());
        for user in raised.filter(|user| self.looks > 1 && !self.rights.changed.contains(*user)) {
            let earlier = self.conversations.iter().find(|(id, known)| {
                known.emergency_of.as_ref() == Some(user)
                    && known.emergency.is_live_since_before(self.looks)
                    && !known.version_changed
                    && known.parts.audience().contains(user)
                    && store.conversations.contains_key(id.as_str())
            });
            let earlier = earlier.map(|(id, _)| id);
            must(earlier.is_none(), "P8", || format!("{user} has another emergency beside {earlier:?}"))?;
        }
        Ok(())
    }

    /// Whether the conversation is an emergency created by this user.
    pub(super) fn is_emergency_of(&self, id: &str, user: &str) -> bool {
        self.conversations.get(id).is_some_and(|known| known.emergency_of.as_deref() == Some(user))
    }

    /// The look that has found this message.
    pub(super) fn found_at(&self, id: &str, seq: u64) -> Option<u64> {
        let message = self.conversations.get(id)?.messages.get(place(seq));
        message.map(|message| message.look)
    }

    /// The last look that has found nothing behind this position.
    pub(super) fn look_at(&self, position: u64) -> u64 {
        self.positions.partition_point(|at| *at <= position) as u64
    }

    /// The number of looks at the store so far.
    pub(super) fn looks(&self) -> u64 {
        self.looks
    }

    /// Whether the server has known the rights of all users, as they are now, since this look.
    pub(super) fn rights_are_known_since(&self, look: u64) -> bool {
        self.rights.are_known_since(look)
    }

    fn parts(&self, id: &str) -> Option<&Parts> {
        self.conversations.get(id).map(|known| &known.parts)
    }

    /// Whether the user has taken part at any time.
    pub(super) fn was_ever(&self, id: &str, user: &str) -> bool {
        self.parts(id).is_some_and(|parts| parts.was_ever(user))
    }

    /// Whether the user takes part, or did when the server knew nothing newer than this look.
    pub(super) fn was_in_since(&self, id: &str, user: &str, look: u64) -> bool {
        self.parts(id).is_some_and(|parts| parts.was_in_since(user, look))
    }

    /// Whether the user has taken part since before this look, as the server has known then.
    pub(super) fn is_in_since(&self, id: &str, user: &str, look: u64) -> bool {
        self.parts(id).is_some_and(|parts| parts.is_in_since(user, look))
    }

    /// Whether the user's standing by name has changed since the conversation was created.
    pub(super) fn has_moved(&self, id: &str, user: &str) -> bool {
        self.parts(id).is_some_and(|parts| parts.has_moved(user))
    }

    /// Whether the user may hear this message: a participant at its commit or later. A connection
    /// that is being admitted hears it once admitted, although its user has been withdrawn since.
    pub(super) fn is_for(&self, id: &str, seq: u64, user: &str) -> bool {
        let Some(known) = self.conversations.get(id) else { return false };
        let message = known.messages.get(place(seq));
        message.is_some_and(|message| known.parts.was_in_since(user, message.look))
    }

    /// The first of these numbers that a connection of this user had to hear.
    pub(super) fn missed(&self, id: &str, user: &str, seqs: Range<u64>) -> Option<u64> {
        let known = self.conversations.get(id)?;
        let due = known.parts.due_from(user)?;
        let is_told = |seq: &u64| known.messages.get(place(*seq)).is_some_and(|known| known.is_told);
        (seqs.start.max(due)..seqs.end).find(is_told)
    }
}

impl KnownConversation {
    /// P3: numbers without holes, and times that never fall.
    fn grow(
        &mut self,
        exported: &ExportedConversation,
        is_told: bool,
        look: u64,
    ) -> Result<(), PromiseError> {
        let before = self.messages.len();
        let id = &exported.conversation.id;
        let numbers = exported.messages.iter().skip(before).map(|message| message.seq);
        let last = exported.messages.len();
        let follow = numbers.eq((before as u64 + 1..=last as u64).map(Some)) && last >= before;
        must(follow, "P3", || format!("holes in {id} between {before} and {last}"))?;
        let times = exported.messages.iter().skip(before.saturating_sub(1)).map(|message| message.sent_at);
        must(times.is_sorted(), "P3", || format!("time falls in {id} between {before} and {last}"))?;
        let conversation = &exported.conversation;
        let is_emergency = conversation.room_type == RoomType::EmergencySupport;
        self.emergency_of = is_emergency.then(|| conversation.created_by.to_string());
        self.messages.extend(exported.messages.iter().skip(before).map(|message| KnownMessage {
            id: message.id.to_string(),
            look,
            is_told,
        }));
        Ok(())
    }
}

/// P8: notes have no work, no emergency and no orders.
fn are_plain(notes: &[Message]) -> Result<(), PromiseError> {
    notes.iter().try_for_each(|note| {
        let is_plain =
            note.work.is_none() && note.emergency.is_none() && note.order.is_none() && !note.is_entry();
        must(is_plain, "P8", || format!("{note:?} is more than a note"))
    })
}

/// P1: the store holds the message under this number.
pub(super) fn is_stored(store: &Export, id: &str, seq: u64, message: &Value) -> Result<(), PromiseError> {
    let stored = store.conversations.get(id).and_then(|stored| stored.messages.get(place(seq)));
    let is_it = stored.is_some_and(|stored| {
        message["id"] == stored.id.as_str()
            && message["content"] == *stored.content
            && message["sender_id"] == stored.sender_id.as_str()
            && serde_json::from_value(message["work"].clone()).ok() == Some(stored.work.clone())
            && serde_json::from_value(message["emergency"].clone()).ok() == Some(stored.emergency.clone())
            && serde_json::from_value(message["answer"].clone()).ok() == Some(stored.answer.clone())
            && has_answers(stored, &message["order"]["answers"])
    });
    must(is_it, "P1", || format!("{message} is not stored as {id} {seq}"))
}

fn is_alert(message: &Message) -> bool {
    let action = message.emergency.as_ref().and_then(|shown| shown.action);
    action == Some(EmergencyAction::Escalate) && message.sender_id.as_str() == SERVER
}

fn is_expiry(message: &Message) -> bool {
    let action = message.answer.as_ref().map(|shown| shown.action);
    action == Some(OrderAction::Expire) && message.sender_id.as_str() == SERVER
}

/// The index of message `seq`.
pub(super) fn place(seq: u64) -> usize {
    usize::try_from(seq).unwrap_or_default().wrapping_sub(1)
}

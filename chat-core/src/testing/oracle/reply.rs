//! Checks of replies.

use std::collections::BTreeSet;

use serde_json::Value;

use super::asked::Asked;
use super::part::{NOTES, named};
use super::stored::{is_stored, place};
use super::{FirstReply, Oracle, PromiseError, must, room};
use crate::export::Export;
use crate::limits::Limits;
use crate::protocol::{EventType, Message, WorkAction};

/// A reply that grants a request.
#[derive(Clone, Copy)]
pub(super) struct Grant<'a> {
    pub(super) conn: u64,
    pub(super) user: &'a str,
    pub(super) asked: &'a Asked,
    pub(super) frame: &'a Value,
    /// The content of the store when the reply was sent.
    pub(super) store: &'a Export,
}

impl Oracle {
    /// P6: one reply to each request, in order. Then checks the reply's content.
    pub(super) fn replied(&mut self, conn: u64, frame: &Value, store: &Export) -> Result<(), PromiseError> {
        let Some(link) = self.links.get_mut(&conn) else { return Ok(()) };
        let user = link.user.clone();
        let asked = link.pending.pop_front();
        let asked = asked.ok_or_else(|| PromiseError {
            promise: "P6",
            what: format!("connection {conn} of {user} has asked nothing, and is answered {frame}"),
        })?;
        let echoed = &frame["request_id"];
        let is_its = *echoed == asked.request_id || (echoed.is_null() && frame["success"] == false);
        must(is_its, "P6", || {
            format!("connection {conn} is answered {frame}, and it is the turn of {}", asked.request_id)
        })?;
        self.checked.replies += 1;
        if frame["success"] == true {
            self.granted(Grant { conn, user: &user, asked: &asked, frame, store })
        } else {
            self.refused(conn, &user, &asked, frame)
        }
    }

    /// P5: only a participant gets a grant. P1: the content of the reply is durable. P2, P4, P6,
    /// P7: by the kind of request.
    fn granted(&mut self, grant: Grant<'_>) -> Result<(), PromiseError> {
        let Grant { conn, user, asked, frame, store } = grant;
        if let Some(id) = asked.conversation() {
            // A repeat of an accepted message is granted to a user who has left since.
            let may_repeat = asked.kind.is_some_and(|kind| kind.rules().once) && asked.name().is_some();
            let since = if may_repeat { 0 } else { asked.look };
            must(self.stored.was_in_since(id, user, since), "P5", || {
                format!("{user} was granted {} in {id}", asked.what())
            })?;
        }
        let is_first = !self.asks.is_repeated(user, asked.content().unwrap_or_default());
        if is_first && asked.content().is_some() && asked.kind.is_some_and(|kind| kind.rules().once) {
            room::granted(user, asked, self.is_control(conn))?;
        }
        match asked.kind {
            Some(EventType::SendChatMessage) => self.sent(grant, "conversation_id"),
            Some(EventType::AddNote) => self.sent(grant, "notes_conversation_id"),
            Some(EventType::CreateSupportConversation) if frame["repeated"] == true => {
                self.pressed_again(grant)
            }
            Some(EventType::CreateSupportConversation) => self.created(user, asked, frame, store),
            Some(EventType::StartConversation) => self.started(user, asked, frame, store),
            Some(EventType::GetPeople) => people(asked, frame, store, &self.limits),
            Some(EventType::GetPhrases) => phrases(frame),
            Some(EventType::MarkMessageRead) => self.read(user, asked, store),
            Some(EventType::JoinConversation) => self.joined(conn, asked, frame, store),
            Some(EventType::GetConversationMessages) => self.history(conn, asked, frame, store),
            Some(EventType::GetActiveConversations) => self.listed(grant),
            Some(
                EventType::TakeConversation
                | EventType::ReleaseConversation
                | EventType::TransferConversation
                | EventType::ResolveConversation
                | EventType::ReopenConversation,
            ) => self.worked(grant),
            Some(EventType::EndEmergency | EventType::WithdrawEmergency) => self.ended_emergency(grant),
            Some(EventType::AnswerMessage | EventType::WithdrawOrder) => self.changed_order(grant),
            Some(EventType::GetOpenOrders) => self.listed_orders(grant),
            Some(EventType::JoinSupportRoom | EventType::TypingIndicator | EventType::RefreshToken) => Ok(()),
            None => must(false, "P6", || format!("{user} is told {frame}, and has asked nothing")),
        }
    }

    /// P5: unknown and forbidden conversations get the same refusal. P2: an acknowledged request is
    /// never refused later.
    fn refused(&mut self, conn: u64, user: &str, asked: &Asked, frame: &Value) -> Result<(), PromiseError> {
        let code = frame["code"].as_str().unwrap_or_default();
        must(!code.is_empty() && frame["error"].is_string(), "P6", || {
            format!("an error without a name: {frame}")
        })?;
        match code {
            "rate_limited" => self.checked.rate_limited += 1,
            "budget_exceeded" => {
                let server = self.links.get(&conn).and_then(|link| self.servers.get(&link.server));
                server.map_or(Ok(()), |server| server.charged.refused(user, asked, &self.limits))?;
                self.checked.over_budget += 1;
            }
            "storage_low" => {
                room::refused(user, asked, self.is_control(conn))?;
                self.checked.storage_low += 1;
            }
            "already_answered" => self.lost_order(user, asked, frame)?,
            "conflict" if asked.kind == Some(EventType::WithdrawOrder) => {
                self.lost_order(user, asked, frame)?;
            }
            "conflict" if asked.is_end() => {
                self.lost_emergency(user, asked, serde_json::from_value(frame["emergency"].clone()).ok())?;
            }
            "conflict" => self.lost(user, asked, serde_json::from_value(frame["work"].clone()).ok())?,
            _ => {}
        }
        if let Some(name) = asked.name()
            && let Some(kept) = self.kept.get(&(user.to_owned(), name.to_owned()))
        {
            let is_other = code == "rate_limited" && asked.data != kept.data;
            // Outside of control nobody is told anything about notes.
            let is_hidden = asked.kind == Some(EventType::AddNote) && code == "forbidden";
            let may_be = is_other || is_hidden || matches!(code, "unavailable" | "client_message_id_reused");
            must(may_be, "P2", || format!("{name} of {user} was acknowledged, and is refused as {code}"))?;
        }
        if code == "conversation_not_found" {
            self.checked.refused += 1;
            let id = asked.conversation().unwrap_or_default();
            let is_there = asked.reads() || !id.starts_with(NOTES);
            must(!is_there || !self.stored.is_in_since(id, user, asked.look), "P4", || {
                format!("{user} takes part in {id}, and {} is refused", asked.what())
            })?;
            let refusal = without_request_id(frame);
            let first = self.refusals.entry(asked.what()).or_insert_with(|| refusal.clone());
            must(*first == refusal, "P5", || {
                format!("{} is refused as {first} and as {refusal}", asked.what())
            })?;
        }
        Ok(())
    }

    /// P1: the message is stored in the conversation named by this field. P3: it follows those
    /// acknowledged before.
    fn sent(&mut self, grant: Grant<'_>, field: &str) -> Result<(), PromiseError> {
        let Grant { conn, user, asked, frame, store } = grant;
        let (id, seq) = (string(&frame[field]), frame["seq"].as_u64().unwrap_or_default());
        let is_asked = asked.conversation() == Some(id.strip_prefix(NOTES).unwrap_or(&id));
        must(is_asked, "P1", || format!("{user} is told {frame}, and has asked for {}", asked.data))?;
        let stored = store.conversations.get(id.as_str()).and_then(|stored| stored.messages.get(place(seq)));
        let is_it = stored.is_some_and(|stored| {
            frame["message_id"] == stored.id.as_str()
                && frame["timestamp"] == stored.sent_at.to_string()
                && asked.data["content"] == *stored.content
                && *user == *stored.sender_id.as_str()
                && has_answers(stored, &asked.data["answers"])
        });
        must(is_it, "P1", || format!("{user} is told {frame}, and that is not stored"))?;
        let is_first = !self.asks.is_repeated(user, asked.content().unwrap_or_default());
        if let Some(link) = self.links.get_mut(&conn) {
            let place = link.place_mut(&id);
            must(!is_first || seq > place.written, "P3", || {
                format!("{user} is told {frame}, and {} was acknowledged before it", place.written)
            })?;
            place.written = place.written.max(seq);
        }
        self.acknowledged(user, asked, string(&frame["message_id"]), frame)
    }

    fn created(
        &mut self,
        user: &str,
        asked: &Asked,
        frame: &Value,
        store: &Export,
    ) -> Result<(), PromiseError> {
        let id = string(&frame["conversation_id"]);
        let first = store.conversations.get(id.as_str()).and_then(|stored| stored.messages.first());
        let is_it = first.is_some_and(|first| asked.data["content"] == *first.content);
        must(is_it, "P1", || format!("{user} is told {frame}, and that is not stored"))?;
        self.names_participants(user, asked, frame, store)?;
        self.acknowledged(user, asked, id, frame)
    }

    /// P8: a conversation belongs to the user in control who has started it. Then as for a request.
    fn started(
        &mut self,
        user: &str,
        asked: &Asked,
        frame: &Value,
        store: &Export,
    ) -> Result<(), PromiseError> {
        let (state, assignee) = (&frame["work"]["state"], &frame["work"]["assignee"]);
        must(*state == "TAKEN" && *assignee == user && frame["work"]["version"] == 1, "P8", || {
            format!("{user} has started a conversation, and is told {frame}")
        })?;
        let id = frame["conversation_id"].as_str().unwrap_or_default();
        let members = store.conversations.get(id).map(|stored| &stored.conversation.participation.members);
        let named = asked.data["to"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let mut missing = named.filter(|to| members.is_none_or(|members| !members.names(to)));
        let missing = missing.next();
        must(missing.is_none(), "P1", || format!("{missing:?} has no part in {frame}"))?;
        self.created(user, asked, frame, store)
    }

    /// P5: the reply to a creation names the participants of now, or the creator alone. Members by
    /// name are among them even if they have been deactivated all the time.
    pub(super) fn names_participants(
        &self,
        user: &str,
        asked: &Asked,
        frame: &Value,
        store: &Export,
    ) -> Result<(), PromiseError> {
        let id = frame["conversation_id"].as_str().unwrap_or_default();
        let names = frame["participants"].as_array().into_iter().flatten();
        let names: Vec<_> = names.filter_map(Value::as_str).collect();
        let is_known = self.stored.rights_are_known_since(asked.look);
        let was_in = |name: &str| self.stored.was_ever(id, name) || self.stored.has_moved(id, name);
        let were_in = names.iter().all(|name| was_in(name));
        must((were_in || !is_known) && names.first() == Some(&user), "P5", || {
            format!("{user} is told of other participants: {frame}")
        })?;
        let is_out = !self.stored.was_in_since(id, user, asked.look);
        let expected = match store.conversations.get(id).map(|exported| &exported.conversation) {
            _ if is_out => BTreeSet::from([user.into()]),
            Some(same) if same.version == 1 && is_known => named(store, same),
            _ => return Ok(()),
        };
        let are_all = names.len() == expected.len() && names.iter().all(|name| expected.contains(*name));
        must(are_all, "P4", || format!("{user} is told of {names:?}, and not of {expected:?}"))
    }

    /// P2: one `client_message_id` has one result and one reply, except for the participants.
    pub(super) fn acknowledged(
        &mut self,
        user: &str,
        asked: &Asked,
        id: String,
        frame: &Value,
    ) -> Result<(), PromiseError> {
        self.checked.acknowledged += 1;
        let Some(name) = asked.name() else { return Ok(()) };
        let mut reply = without_request_id(frame);
        if let Some(fields) = reply.as_object_mut() {
            fields.remove("participants");
        }
        let key = (user.to_owned(), name.to_owned());
        let Some(first) = self.kept.get(&key) else {
            self.kept.insert(key, FirstReply { id, data: asked.data.clone(), reply });
            return Ok(());
        };
        self.checked.repeats += 1;
        must(first.reply == reply, "P2", || {
            format!("{name} of {user} was acknowledged as {}, and is as {reply}", first.reply)
        })
    }

    /// P1: the position is stored.
    fn read(&mut self, user: &str, asked: &Asked, store: &Export) -> Result<(), PromiseError> {
        let id = asked.conversation().unwrap_or_default();
        let stored = store.conversations.get(id);
        let message = stored.and_then(|stored| {
            stored.messages.iter().rfind(|message| asked.data["message_id"] == message.id.as_str())
        });
        let seq = message.and_then(|message| message.seq);
        let up_to = stored.and_then(|stored| stored.read_up_to.get(user)).copied();
        must(seq.is_some() && up_to >= seq, "P1", || {
            format!("{user} read {id} {seq:?}, and {up_to:?} is stored")
        })?;
        let read = self.read.entry((id.to_owned(), user.to_owned())).or_default();
        *read = seq.unwrap_or_default().max(*read);
        self.checked.acknowledged += 1;
        Ok(())
    }

    /// P4: a catch-up continues the client's copy, fits the live messages heard and matches the
    /// store. P7: a catch-up is at most one page.
    fn joined(
        &mut self,
        conn: u64,
        asked: &Asked,
        frame: &Value,
        store: &Export,
    ) -> Result<(), PromiseError> {
        let Some(after) = asked.data["after_seq"].as_u64() else { return Ok(()) };
        let Some(link) = self.links.get_mut(&conn) else { return Ok(()) };
        let id = asked.conversation().unwrap_or_default();
        let place = link.place_mut(id);
        let last = frame["last_seq"].as_u64().unwrap_or_default();
        must(last >= place.heard, "P4", || {
            format!("{id} is said to end at {last}, and {} was heard", place.heard)
        })?;
        let is_other = asked.data["epoch"].as_str().is_some_and(|epoch| epoch != store.epoch.as_str());
        let is_reset = frame["reset"] == true;
        let (may, has_to) = (is_other || after > asked.last, is_other || after > last);
        must(is_reset && may || !is_reset && !has_to, "P4", || {
            format!("{frame} is the reply to {}", asked.data)
        })?;
        let numbers: Vec<_> = numbers(frame).collect();
        let first = if is_reset { numbers.first().map_or(last, |first| first - 1) } else { after };
        let end = if frame["complete"] == false && !is_reset { first + numbers.len() as u64 } else { last };
        let follow = numbers.iter().copied().eq(first + 1..=end) && (end == last || !numbers.is_empty());
        must(follow, "P4", || format!("{id} up to {last}, after {first} comes {numbers:?}"))?;
        place.holds = place.holds.max(last);
        must(numbers.len() <= self.limits.pages.catch_up_messages as usize, "P7", || {
            format!("{} in one catch-up", numbers.len())
        })?;
        self.checked.catch_ups += 1;
        self.shows_positions(conn, id, frame, store)?;
        page(id, frame, store)
    }

    /// P6: history shows every message acknowledged before, because requests are carried out in
    /// order. P7: history is at most one page.
    fn history(&self, conn: u64, asked: &Asked, frame: &Value, store: &Export) -> Result<(), PromiseError> {
        let id = asked.conversation().unwrap_or_default();
        let shown = numbers(frame).max().unwrap_or_default();
        let written = self.links.get(&conn).map_or(0, |link| link.place(id).written);
        let is_newest = ["skip", "before_seq", "after_seq"].iter().all(|field| asked.data[field].is_null());
        must(!is_newest || shown >= written, "P6", || {
            format!("history of {id} up to {shown} after {written} was acknowledged")
        })?;
        let count = numbers(frame).count();
        must(count <= self.limits.pages.messages_most as usize, "P7", || {
            format!("{count} in one page of {id}")
        })?;
        page(id, frame, store)
    }
}

/// The action that a request asks for.
pub(super) fn action(kind: EventType) -> Option<WorkAction> {
    match kind {
        EventType::TakeConversation => Some(WorkAction::Take),
        EventType::ReleaseConversation => Some(WorkAction::Release),
        EventType::TransferConversation => Some(WorkAction::Transfer),
        EventType::ResolveConversation => Some(WorkAction::Resolve),
        EventType::ReopenConversation => Some(WorkAction::Reopen),
        EventType::SendChatMessage
        | EventType::AddNote
        | EventType::CreateSupportConversation
        | EventType::StartConversation
        | EventType::GetPeople
        | EventType::GetPhrases
        | EventType::GetActiveConversations
        | EventType::JoinConversation
        | EventType::JoinSupportRoom
        | EventType::TypingIndicator
        | EventType::GetConversationMessages
        | EventType::MarkMessageRead
        | EventType::EndEmergency
        | EventType::WithdrawEmergency
        | EventType::AnswerMessage
        | EventType::WithdrawOrder
        | EventType::GetOpenOrders
        | EventType::RefreshToken => None,
    }
}

/// P1: a page of people shows users that the store has, by id. P7: it is bounded.
fn people(asked: &Asked, frame: &Value, store: &Export, limits: &Limits) -> Result<(), PromiseError> {
    let people = frame["people"].as_array().into_iter().flatten();
    let ids: Vec<_> = people.filter_map(|person| person["id"].as_str()).collect();
    let most = limits.pages.people_most as usize;
    must(ids.len() <= most, "P7", || format!("{} people in one page", ids.len()))?;
    let after = asked.data["cursor"].as_str().and_then(|cursor| cursor.strip_prefix('u')).unwrap_or("");
    let is_in_order = ids.is_sorted_by(|one, next| one < next) && ids.first().is_none_or(|id| *id > after);
    let are_known = ids.iter().all(|id| store.accounts.contains_key(*id));
    must(is_in_order && are_known, "P1", || format!("{frame} is the reply to {}", asked.data))
}

/// P7: the phrases are bounded.
fn phrases(frame: &Value) -> Result<(), PromiseError> {
    let count = frame["phrases"].as_array().map_or(usize::MAX, Vec::len);
    must(count <= 200 && frame["version"].is_string(), "P7", || format!("{count} phrases in one reply"))
}

/// P1: each message of a page is stored.
fn page(id: &str, frame: &Value, store: &Export) -> Result<(), PromiseError> {
    let mut messages = messages(frame);
    messages
        .try_for_each(|message| is_stored(store, id, message["seq"].as_u64().unwrap_or_default(), message))
}

/// Whether a message is an order with these answers, or none without.
pub(super) fn has_answers(message: &Message, answers: &Value) -> bool {
    let shown = message.order.as_ref().map(|shown| &shown.answers);
    serde_json::from_value(answers.clone()).ok().as_ref() == Some(&shown.cloned())
}

fn messages(frame: &Value) -> impl Iterator<Item = &Value> {
    frame["messages"].as_array().into_iter().flatten()
}

fn numbers(frame: &Value) -> impl Iterator<Item = u64> {
    messages(frame).map(|message| message["seq"].as_u64().unwrap_or_default())
}

fn without_request_id(frame: &Value) -> Value {
    let mut reply = frame.clone();
    if let Some(fields) = reply.as_object_mut() {
        fields.remove("request_id");
    }
    reply
}

fn string(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

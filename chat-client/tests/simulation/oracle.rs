//! What must hold in the end, seen from outside: what the apps show, what they were told of their drafts, and what is
//! on the server's disk.

use std::collections::BTreeMap;

use chat_client::{Acknowledged, ConnectionState};
use chat_core::id::{ConversationId, MessageId, UserId};
use chat_core::protocol::Message;
use chat_core::store::{Export, ExportedConversation};
use chat_core::testing::simulation::Simulation;

use crate::app::App;
use crate::device::Device;
use crate::drafts::{Outcome, Written};

/// Unread messages are counted up to this number (protocol, event 3).
const MOST_UNREAD: usize = 100;

/// What every check can see.
struct View<'a> {
    simulation: &'a Simulation<Device>,
    export: Export,
    /// Where each text stands in the history, as often as it stands there.
    places: BTreeMap<String, Vec<(ConversationId, u64)>>,
}

/// Checks everything. What does not hold is the error.
pub(crate) fn check(simulation: &Simulation<Device>) -> Result<(), String> {
    let export = simulation.export();
    let mut places = BTreeMap::<String, Vec<_>>::new();
    for message in export.conversations.values().flat_map(|exported| &exported.messages) {
        let place = (message.conversation_id.clone(), message.seq.unwrap_or_default());
        places.entry(message.content.to_string()).or_default().push(place);
    }
    let view = View { simulation, export, places };
    for device in simulation.clients() {
        let whose = format!("device {} of {}", device.profile.number, device.profile.user.id);
        view.device(device).map_err(|wrong| format!("{whose}: {wrong}"))?;
    }
    Ok(())
}

fn must(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl View<'_> {
    fn device(&self, device: &Device) -> Result<(), String> {
        let app = device.life.as_ref().map(|life| &life.app).ok_or("it is not running")?;
        must(device.state() == Some(&ConnectionState::Live), || format!("it is {:?}", device.state()))?;
        app.wrong.clone().map_or(Ok(()), Err)?;
        self.conversations(app, &device.profile.user.id)?;
        for written in &device.drafts.written {
            self.draft(written).map_err(|wrong| format!("{}: {wrong}", written.content))?;
        }
        self.order(device)
    }

    /// The app knows all conversations of its user, and no others; each is shown as it is.
    fn conversations(&self, app: &App, user: &UserId) -> Result<(), String> {
        let mine = |exported: &&ExportedConversation| exported.conversation.participants.contains(user);
        let mine: Vec<_> = self.export.conversations.values().filter(mine).collect();
        let ids: Vec<_> = mine.iter().map(|exported| &exported.conversation.id).collect();
        must(app.known.iter().eq(ids.iter().copied()), || format!("knows {:?} of {ids:?}", app.known))?;
        for view in app.views.values() {
            must(ids.contains(&&view.conversation), || format!("shows {}", view.conversation))?;
        }
        mine.into_iter().try_for_each(|exported| conversation(app, user, exported))
    }

    /// A draft ended as its author was told: once in the history, or at most once, or not at all.
    fn draft(&self, written: &Written) -> Result<(), String> {
        let places = self.places.get(&written.content).map(Vec::as_slice).unwrap_or_default();
        must(places.len() <= 1, || format!("stands at {places:?}"))?;
        must(!written.is_gone || places.is_empty(), || format!("was never kept, and is at {places:?}"))?;
        must(written.is_gone || !written.outcomes.is_empty(), || "has not ended".to_owned())?;
        let mut is_acknowledged = false;
        for outcome in &written.outcomes {
            if let Outcome::Acknowledged(acknowledged) = outcome {
                is_acknowledged = true;
                self.acknowledged(written, acknowledged, places)?;
            }
        }
        let is_not_sent = |outcome: &Outcome| matches!(outcome, Outcome::NotSent { maybe_sent: false });
        let is_refuted = !is_acknowledged && written.outcomes.iter().any(is_not_sent) && !places.is_empty();
        must(!is_refuted, || format!("was handed back, and stands at {places:?}"))
    }

    /// Where it was said to be, unless a backup was restored that did not hold it.
    fn acknowledged(
        &self,
        written: &Written,
        acknowledged: &Acknowledged,
        places: &[(ConversationId, u64)],
    ) -> Result<(), String> {
        let unsaved = self.simulation.unsaved();
        let (id, seq, is_unsaved) = match acknowledged {
            Acknowledged::Message(reply) => {
                let is_unsaved = unsaved.contains(&MessageId::from(reply.message_id.as_str()));
                (&reply.conversation_id, reply.seq, is_unsaved)
            }
            // Its message is not named: it may be gone if the conversation is.
            Acknowledged::Conversation(reply) => {
                let is_gone = !self.export.conversations.contains_key(&reply.conversation_id);
                (&reply.conversation_id, Some(1), is_gone && !unsaved.is_empty())
            }
        };
        let is_there = places.iter().any(|(place, number)| place == id && Some(*number) == seq);
        must(is_there || is_unsaved, || {
            format!("{:?} is acknowledged, and at {places:?}", written.conversation)
        })
    }

    /// What was written first stands first.
    fn order(&self, device: &Device) -> Result<(), String> {
        let mut last = BTreeMap::<&ConversationId, u64>::new();
        for written in &device.drafts.written {
            let is_acknowledged = |outcome: &Outcome| matches!(outcome, Outcome::Acknowledged(_));
            let places = self.places.get(&written.content).filter(|_| written.conversation.is_some());
            let Some((id, seq)) = places.and_then(|places| places.first()) else { continue };
            if written.outcomes.iter().any(is_acknowledged)
                && let Some(before) = last.insert(id, *seq)
            {
                must(before < *seq, || format!("{} stands at {seq}, after {before}", written.content))?;
            }
        }
        Ok(())
    }
}

fn conversation(app: &App, user: &UserId, exported: &ExportedConversation) -> Result<(), String> {
    let id = &exported.conversation.id;
    let mut views = app.views.values().filter(|view| view.conversation == *id).peekable();
    must(views.peek().is_some(), || format!("does not show {id}"))?;
    for view in views {
        must(view.messages == exported.messages, || {
            format!("shows {id} as {:?}, and it is {:?}", brief(&view.messages), brief(&exported.messages))
        })?;
    }
    let last = exported.conversation.last_seq;
    let heard = app.heard.get(id).copied().unwrap_or(last);
    must(heard == last, || format!("heard {id} up to {heard} of {last}"))?;
    let read_up_to = exported.read_up_to.get(user).copied().unwrap_or(0);
    let unread =
        exported.messages.iter().filter(|m| m.seq > Some(read_up_to) && m.sender_id != *user).count();
    let unread = u32::try_from(unread.min(MOST_UNREAD)).unwrap_or_default();
    let told = app.unread.get(id).copied().unwrap_or_default();
    must(told == (read_up_to, unread), || {
        format!("told (read up to, unread) of {id} as {told:?}, and it is {:?}", (read_up_to, unread))
    })
}

fn brief(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| format!("{} {}", message.seq.unwrap_or_default(), message.content))
        .collect()
}

//! The checks at the end of a run, seen from outside: the screens of the apps, the outcomes of
//! their drafts, and the server's disk. A failure names the number of the broken promise.

use std::collections::{BTreeMap, BTreeSet};

use chat_client::{Acknowledged, ConnectionState, StopReason};
use chat_core::conversation::{Participation, Standing};
use chat_core::export::{Account, Export, ExportedConversation};
use chat_core::id::{ConversationId, Epoch, MessageId, UserId};
use chat_core::protocol::{CONTROL, CloseCode, Emergency, Message};
use chat_core::testing::simulation::Simulation;

use crate::app::App;
use crate::device::Device;
use crate::drafts::{Outcome, Written};

/// Unread messages are counted up to this number (protocol, event 3).
const MOST_UNREAD: usize = 100;

/// The facts that every check can see.
struct View {
    export: Export,
    lost_answers: u64,
    /// The users who have changed sides.
    crossed: BTreeSet<UserId>,
    /// Texts that were stored once and are not in the backup that took the store's place.
    unsaved: BTreeSet<String>,
    /// The messages that were ever stored in each epoch.
    ids: Vec<(Epoch, BTreeSet<MessageId>)>,
    /// Where each text stands in the history, as often as it stands there.
    places: BTreeMap<String, Vec<(ConversationId, u64)>>,
}

/// Checks everything. The error names the broken promise.
pub(crate) fn check(simulation: &Simulation<Device>) -> Result<(), String> {
    let export = simulation.export().clone();
    let mut places = BTreeMap::<String, Vec<_>>::new();
    for message in messages(&export) {
        let place = (message.conversation_id.clone(), message.seq.unwrap_or_default());
        places.entry(message.content.to_string()).or_default().push(place);
    }
    let held = ids(&export).1;
    let stays = |message: &&Message| held.contains(&message.id);
    let unsaved = simulation.past().iter().flat_map(messages).filter(|message| !stays(message));
    let ids = simulation.past().iter().chain([&export]).map(ids).collect();
    let unsaved = unsaved.map(|message| message.content.to_string()).collect();
    let lost_answers = simulation.counters().lost_answers;
    let crossed = simulation.clients().iter().filter(|device| device.has_crossed());
    let crossed = crossed.map(|device| device.profile.user.id.clone()).collect();
    let view = View { export, lost_answers, crossed, unsaved, ids, places };
    for device in simulation.clients() {
        let whose = format!("device {} of {}", device.profile.number, device.profile.user.id);
        view.device(device).map_err(|wrong| format!("{whose}: {wrong}"))?;
    }
    Ok(())
}

fn must(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

impl View {
    fn device(&self, device: &Device) -> Result<(), String> {
        let app = device.life.as_ref().map(|life| &life.app).ok_or("it is not running")?;
        if !self.account(&device.profile.user.id)?.active {
            return self.kept_out(device, app);
        }
        must(device.state() == Some(&ConnectionState::Live), || format!("it is {:?}", device.state()))?;
        app.wrong.clone().map_or(Ok(()), Err)?;
        must(device.profile.failing_writes > 0 || device.outbox().is_empty(), || "keeps drafts".to_owned())?;
        self.epochs(app)?;
        self.conversations(app, &device.profile.user.id)?;
        for written in &device.drafts.written {
            must(written.is_gone || !written.outcomes.is_empty(), || {
                format!("{}: has not ended", written.content)
            })?;
        }
        self.drafts(device)
    }

    fn account(&self, user: &UserId) -> Result<&Account, String> {
        self.export
            .accounts
            .get(user)
            .map(|stored| &stored.account)
            .ok_or_else(|| "it has no account".to_owned())
    }

    /// A device of a deactivated user has stopped. Drafts may wait in its outbox.
    fn kept_out(&self, device: &Device, app: &App) -> Result<(), String> {
        let is_out = |state: &ConnectionState| match state {
            ConnectionState::Stopped(StopReason::Refused { code, .. }) => *code == CloseCode::Deactivated,
            _ => false,
        };
        must(device.state().is_some_and(is_out), || {
            format!("its user is deactivated, and it is {:?}", device.state())
        })?;
        app.wrong.clone().map_or(Ok(()), Err)?;
        self.epochs(app)?;
        self.drafts(device)
    }

    fn drafts(&self, device: &Device) -> Result<(), String> {
        for written in &device.drafts.written {
            self.draft(written).map_err(|wrong| format!("{}: {wrong}", written.content))?;
        }
        self.order(device)
    }

    /// The app knows all conversations of its user, and no others; each is shown as it is. An app
    /// hears of a change of members only by the next list or message, so conversations in which its
    /// user may have been added or withdrawn by name do not count.
    fn conversations(&self, app: &App, user: &UserId) -> Result<(), String> {
        let account = self.account(user)?;
        let mine = |exported: &&ExportedConversation| takes_part(account, exported);
        let mine: Vec<_> = self.export.conversations.values().filter(mine).collect();
        let mine: Vec<_> = mine.into_iter().filter(|exported| !has_moved(exported, user)).collect();
        let ids: Vec<_> = mine.iter().map(|exported| &exported.conversation.id).collect();
        let counts = |id: &ConversationId| {
            !self.export.conversations.get(id).is_some_and(|exported| has_moved(exported, user))
        };
        let known = app.known.iter().filter(|id| counts(id));
        must(known.eq(ids.iter().copied()), || format!("P4: knows {:?} of {ids:?}", app.known))?;
        for view in app.views.values().filter(|view| counts(&view.conversation)) {
            must(ids.contains(&&view.conversation), || format!("P5: shows {}", view.conversation))?;
        }
        mine.iter().try_for_each(|exported| conversation(app, account, exported))?;
        // The server tells nobody of a change whose answer its store has lost. The next change
        // reveals such a change.
        // A user who has left a team and returned may know it from an unfinished list, and one who
        // has joined a team hears its conversations from then on.
        let is_settled = account.decided_at.is_none() && !self.crossed.contains(user);
        let all_told = self.lost_answers == 0 && is_settled;
        mine.into_iter().filter(|_| all_told).try_for_each(|exported| {
            beginning(app, user, exported)?;
            self.readings(app, account, exported)
        })
    }

    /// Each view shows how far the others have read, whatever was missed in between.
    fn readings(&self, app: &App, account: &Account, exported: &ExportedConversation) -> Result<(), String> {
        let stored = exported.conversation.participation.readers().into_iter().filter(|reader| {
            let is_own_side = reader.as_str() == CONTROL && account.user.role.is_control();
            let role = self.export.accounts.get(reader).map(|known| known.user().role);
            let has_one_side = role.is_none_or(|role| !role.is_control()) && !self.crossed.contains(reader);
            *reader != account.user.id && !is_own_side && has_one_side
        });
        let id = &exported.conversation.id;
        for reader in stored {
            let read = exported.read_up_to.get(&reader).copied().unwrap_or_default();
            for view in app.views.values().filter(|view| view.conversation == *id) {
                let shown = view.readings.get(&reader).copied().unwrap_or_default();
                must(shown == read, || format!("P4: shows {id} read by {reader} to {shown} of {read}"))?;
            }
        }
        Ok(())
    }

    /// Each message that a view has shown belongs to the epoch of the view.
    fn epochs(&self, app: &App) -> Result<(), String> {
        app.shown.iter().try_for_each(|(epoch, id)| {
            let ids = self.ids.iter().find(|(held, _)| held == epoch).map(|(_, ids)| ids);
            must(ids.is_some_and(|ids| ids.contains(id)), || format!("P3: shows {id} in {epoch:?}"))
        })
    }

    /// A draft ended as its author was told: once in the history, or at most once, or not at all.
    fn draft(&self, written: &Written) -> Result<(), String> {
        let places = self.places.get(&written.content).map(Vec::as_slice).unwrap_or_default();
        must(places.len() <= 1, || format!("P2: stands at {places:?}"))?;
        must(!written.is_gone || places.is_empty(), || format!("was never kept, and is at {places:?}"))?;
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

    /// Checks the acknowledged place, unless a restored backup did not have the message.
    fn acknowledged(
        &self,
        written: &Written,
        acknowledged: &Acknowledged,
        places: &[(ConversationId, u64)],
    ) -> Result<(), String> {
        let (id, seq, was_there) = match acknowledged {
            Acknowledged::Message(reply) => {
                let was_there = self.past().any(|(_, ids)| ids.contains(&reply.message_id));
                (&reply.conversation_id, reply.seq, was_there)
            }
            // Its message is not named: it may be gone if the conversation is. A press may have
            // gone into an earlier emergency, and be gone alone.
            Acknowledged::Conversation(reply) => {
                let is_press = reply.repeated == Some(true);
                let is_gone = is_press || !self.export.conversations.contains_key(&reply.conversation_id);
                let seq = (!is_press).then_some(1);
                (&reply.conversation_id, seq, is_gone && self.past().next().is_some())
            }
        };
        let is_it = |number: u64| seq.map_or(number > 1, |seq| seq == number);
        let is_there = places.iter().any(|(place, number)| place == id && is_it(*number));
        must(is_there || was_there, || {
            format!("P1: {:?} is acknowledged, and at {places:?}", written.conversation)
        })
    }

    /// The epochs before this one.
    fn past(&self) -> impl Iterator<Item = &(Epoch, BTreeSet<MessageId>)> {
        self.ids.iter().rev().skip(1)
    }

    /// Messages stand in the order in which they were written, unless a backup lost them and they
    /// were sent again.
    fn order(&self, device: &Device) -> Result<(), String> {
        let mut last = BTreeMap::<&ConversationId, u64>::new();
        for written in device.drafts.written.iter().filter(|written| !self.unsaved.contains(&written.content))
        {
            let is_acknowledged = |outcome: &Outcome| matches!(outcome, Outcome::Acknowledged(_));
            let places = self.places.get(&written.content).filter(|_| written.conversation.is_some());
            let Some((id, seq)) = places.and_then(|places| places.first()) else { continue };
            if written.outcomes.iter().any(is_acknowledged)
                && let Some(before) = last.insert(id, *seq)
            {
                must(before < *seq, || format!("P3: {} stands at {seq}, after {before}", written.content))?;
            }
        }
        Ok(())
    }
}

/// Whether the user may have been added or withdrawn by name. The creator never is in these runs.
fn has_moved(exported: &ExportedConversation, user: &UserId) -> bool {
    exported.conversation.version > 1 && exported.conversation.created_by != *user
}

/// The app hears a conversation that was not in the first list from its first message on.
fn beginning(app: &App, user: &UserId, exported: &ExportedConversation) -> Result<(), String> {
    let id = &exported.conversation.id;
    let is_new = app.first_list.as_ref().is_some_and(|list| !list.contains(id));
    let was_read = exported.read_up_to.contains_key(user);
    let first = app.first_heard.get(id).copied();
    must(!is_new || was_read || first == Some(1), || {
        format!("P4: {id} is new, and was heard from {first:?} on")
    })
}

/// Whether the user of an account takes part in a conversation, by name or by team.
fn takes_part(account: &Account, exported: &ExportedConversation) -> bool {
    let Participation { teams, members } = &exported.conversation.participation;
    let by_team = teams.iter().any(|team| account.teams.contains(team));
    let may = match members.standing(&account.user.id) {
        Standing::Withdrawn => false,
        Standing::Member => true,
        Standing::ControlMember => by_team || account.user.role.is_control(),
        Standing::Unnamed => by_team,
    };
    may && account.active
}

fn conversation(app: &App, account: &Account, exported: &ExportedConversation) -> Result<(), String> {
    let (id, user) = (&exported.conversation.id, &account.user.id);
    let mut views = app.views.values().filter(|view| view.conversation == *id).peekable();
    must(views.peek().is_some(), || format!("P4: does not show {id}"))?;
    for view in views {
        must(view.messages == exported.messages, || {
            format!(
                "P4: shows {id} as {:?}, and it is {:?}",
                brief(&view.messages),
                brief(&exported.messages)
            )
        })?;
    }
    let last = exported.conversation.last_seq;
    let heard = app.heard.get(id).copied().unwrap_or(last);
    must(heard == last, || format!("P4: heard {id} up to {heard} of {last}"))?;
    let read_up_to = exported.read_up_to.get(user).copied().unwrap_or(0);
    let Participation { teams, members } = &exported.conversation.participation;
    let is_by_team = members.standing(user) == Standing::Unnamed;
    let joined_at = account.joined_at(teams).filter(|_| is_by_team);
    let counted = exported.messages.iter().filter(|m| joined_at.is_none_or(|at| m.sent_at >= at));
    let others = counted.filter(|m| m.sender_id != *user && !m.is_entry());
    let unread = others.filter(|m| m.seq > Some(read_up_to)).count();
    let unread = u32::try_from(unread.min(MOST_UNREAD)).unwrap_or_default();
    let told = app.unread.get(id).copied().unwrap_or_default();
    must(told == (read_up_to, unread), || {
        format!("told (read up to, unread) of {id} as {told:?}, and it is {:?}", (read_up_to, unread))
    })?;
    shows_work(app, exported)
}

/// The app knows the work and the emergency as they are. No event tells that an assignee counts as
/// nobody by now.
fn shows_work(app: &App, exported: &ExportedConversation) -> Result<(), String> {
    let (id, work) = (&exported.conversation.id, &exported.conversation.work);
    let told = app.work.get(id).map(|told| (told.version, told.waiting_since));
    must(told == Some((work.version, work.waiting_since)), || {
        format!("P8: told the work on {id} as {:?}, and it is {work:?}", app.work.get(id))
    })?;
    let emergency = exported.conversation.emergency.as_deref();
    let told = app.emergencies.get(id);
    let state = |one: &Emergency| (one.version, one.level, one.alerted_at, one.reason);
    must(told.map(state) == emergency.map(state), || {
        format!("P8: told the emergency {id} as {told:?}, and it is {emergency:?}")
    })
}

fn messages(export: &Export) -> impl Iterator<Item = &Message> {
    export.conversations.values().flat_map(|exported| &exported.messages)
}

fn ids(export: &Export) -> (Epoch, BTreeSet<MessageId>) {
    (export.epoch.clone(), messages(export).map(|message| message.id.clone()).collect())
}

fn brief(messages: &[Message]) -> Vec<String> {
    messages
        .iter()
        .map(|message| format!("{} {}", message.seq.unwrap_or_default(), message.content))
        .collect()
}

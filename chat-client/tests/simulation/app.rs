//! The screen of an app, which believes every event and mends nothing.

use std::collections::{BTreeMap, BTreeSet};

use chat_client::machine::{Call, CallId, ViewId};
use chat_client::{Event, Snapshot, Update};
use chat_core::id::{ConversationId, Epoch, MessageId, UserId};
use chat_core::protocol::{
    CONTROL, ConversationSummary, Emergency, ErrorCode, GetConversationMessages, Message, MessageRead,
    NewMessage, Reading, Reply, Work,
};

/// An open conversation.
pub(crate) struct View {
    pub(crate) conversation: ConversationId,
    /// The messages on the screen, from top to bottom.
    pub(crate) messages: Vec<Message>,
    /// How far others have read.
    pub(crate) readings: BTreeMap<UserId, u64>,
    /// Of the last snapshot, if one has come.
    epoch: Option<Epoch>,
    /// The question for older messages that is under way.
    asked: Option<CallId>,
}

impl View {
    fn message_read(&mut self, read: &MessageRead) {
        let user_id = if read.by_control.is_some() { CONTROL.into() } else { read.user_id.clone() };
        self.positions(read.read_up_to.map(|read_up_to| Reading { user_id, read_up_to }));
    }

    fn positions(&mut self, positions: impl IntoIterator<Item = Reading>) {
        for Reading { user_id, read_up_to } in positions {
            let known = self.readings.entry(user_id).or_default();
            *known = read_up_to.max(*known);
        }
    }
}

/// One life of an app.
#[derive(Default)]
pub(crate) struct App {
    pub(crate) known: BTreeSet<ConversationId>,
    pub(crate) views: BTreeMap<ViewId, View>,
    /// Position and count, as they were told last.
    pub(crate) unread: BTreeMap<ConversationId, (u64, u32)>,
    /// The work, as it was told last.
    pub(crate) work: BTreeMap<ConversationId, Work>,
    /// The emergencies, as they were told last.
    pub(crate) emergencies: BTreeMap<ConversationId, Emergency>,
    /// The last number of each conversation that came as an event.
    pub(crate) heard: BTreeMap<ConversationId, u64>,
    /// The first number of each, since the last change of the epoch.
    pub(crate) first_heard: BTreeMap<ConversationId, u64>,
    /// The conversations whose views the server has refused since then.
    left: BTreeSet<ConversationId>,
    /// The conversations of the first list since then, if it has come, and those known before.
    pub(crate) first_list: Option<BTreeSet<ConversationId>>,
    /// The messages shown, each with the epoch of its view.
    pub(crate) shown: Vec<(Epoch, MessageId)>,
    /// The first impossible event or update.
    pub(crate) wrong: Option<String>,
}

impl App {
    pub(crate) fn wrong(&mut self, what: String) {
        self.wrong.get_or_insert(what);
    }

    fn listed(&mut self, summary: &ConversationSummary) {
        self.known.insert(summary.id.clone());
        let told = (summary.read_up_to.unwrap_or(0), summary.unread_count.unwrap_or(0));
        self.unread.insert(summary.id.clone(), told);
        self.work.extend(summary.work.clone().map(|work| (summary.id.clone(), work)));
        let emergency = summary.emergency.clone().map(|found| (summary.id.clone(), *found));
        self.emergencies.extend(emergency);
    }

    /// Drops the conversations that the user no longer takes part in. An open view is told by
    /// itself, and messages go on where they stopped if the user takes part again.
    fn drop_unlisted(&mut self, listed: &BTreeSet<&ConversationId>) {
        self.known.retain(|id| listed.contains(id));
        self.unread.retain(|id, _| listed.contains(id));
    }

    pub(crate) fn event(&mut self, event: &Event) {
        match event {
            Event::Conversations(list) => {
                let listed = list.iter().map(|summary| &summary.id);
                let ids = || listed.chain(&self.known).chain(&self.left).cloned().collect();
                self.first_list.get_or_insert_with(ids);
                list.iter().for_each(|summary| self.listed(summary));
                let ids = list.iter().map(|summary| &summary.id).collect::<BTreeSet<_>>();
                if ids.len() < list.len() {
                    self.wrong("P3: a conversation is in the list twice".to_owned());
                }
                self.drop_unlisted(&ids);
            }
            Event::NewestConversations(list) => list.iter().for_each(|summary| self.listed(summary)),
            Event::Conversation(summary) => self.listed(summary),
            Event::NewMessage(message) => self.new_message(message),
            Event::NewSupportConversation(event) => drop(self.known.insert(event.conversation_id.clone())),
            Event::OrderOverdue(_) => {}
            Event::Unread(unread) => {
                let told = (unread.read_up_to, unread.unread_count);
                self.unread.insert(unread.conversation_id.clone(), told);
            }
            Event::EpochChanged(_) => {
                self.known.clear();
                self.unread.clear();
                self.work.clear();
                self.emergencies.clear();
                self.heard.clear();
                self.first_heard.clear();
                self.left.clear();
                self.first_list = None;
            }
            Event::ConversationReset(id) => drop(self.heard.remove(id)),
            Event::Connection(_)
            | Event::TypingStatus(_)
            | Event::MessageRead(_)
            | Event::ReadPosition(_)
            | Event::Outbox { .. }
            | Event::Lagged(_) => {}
        }
    }

    /// Each comes once, in its order, and none is left out.
    fn new_message(&mut self, event: &NewMessage) {
        let (id, seq) = (event.conversation_id.clone(), event.message.seq.unwrap_or_default());
        if let Some(last) = self.heard.insert(id.clone(), seq)
            && seq != last + 1
        {
            self.wrong(format!("{}: the event of {id} {seq} came after that of {last}", broken(seq, last)));
        }
        self.first_heard.entry(id.clone()).or_insert(seq);
        self.work.extend(event.message.work.clone().map(|shown| (id.clone(), shown.work)));
        let emergency = event.message.emergency.clone().map(|shown| (id.clone(), shown.emergency));
        self.emergencies.extend(emergency);
        self.known.insert(id);
    }

    pub(crate) fn update(&mut self, view: ViewId, update: Update) {
        let Some(shown) = self.views.get_mut(&view) else {
            return self.wrong(format!("{view:?} is not open, and was told something"));
        };
        match update {
            Update::Snapshot(snapshot) => self.snapshot(view, snapshot),
            Update::Message(message) => {
                let last = shown.messages.last().and_then(|last| last.seq);
                let (id, seq) = (shown.conversation.clone(), message.seq);
                self.shown.extend(shown.epoch.clone().map(|epoch| (epoch, message.id.clone())));
                shown.messages.push(message);
                if shown.epoch.is_none() || seq != last.map(|last| last + 1) {
                    self.wrong(format!(
                        "{}: {view:?} of {id} was told {seq:?} after {last:?}",
                        broken(seq, last)
                    ));
                }
            }
            Update::Refused(refusal) => {
                let gone = self.views.remove(&view);
                if refusal.code == Some(ErrorCode::ConversationNotFound)
                    && let Some(gone) = gone
                {
                    self.known.remove(&gone.conversation);
                    self.left.insert(gone.conversation);
                }
            }
            Update::MessageRead(read) => shown.message_read(&read),
            Update::Positions(positions) => shown.positions(positions),
            Update::TypingStatus(_) | Update::ReadPosition(_) => {}
        }
    }

    fn snapshot(&mut self, view: ViewId, snapshot: Snapshot) {
        let Some(shown) = self.views.get_mut(&view) else { return };
        let last = snapshot.messages.last().and_then(|last| last.seq);
        shown.messages = snapshot.messages;
        shown.readings.clear();
        shown.positions(snapshot.positions);
        shown.epoch = Some(snapshot.epoch);
        shown.asked = None;
        if last != Some(snapshot.last_seq) {
            self.wrong(format!("P4: a snapshot ends at {last:?}, and says {}", snapshot.last_seq));
        }
    }

    pub(crate) fn open(&mut self, view: ViewId, conversation: ConversationId) {
        let (messages, readings) = (Vec::new(), BTreeMap::new());
        let shown = View { conversation, messages, readings, epoch: None, asked: None };
        self.views.insert(view, shown);
    }

    pub(crate) fn shows(&self, id: &ConversationId) -> bool {
        self.views.values().any(|view| view.conversation == *id)
    }

    /// The views with older messages to request.
    pub(crate) fn incomplete(&self) -> Vec<ViewId> {
        let asks =
            |view: &View| view.asked.is_none() && view.messages.first().is_some_and(|m| m.seq > Some(1));
        self.views.iter().filter(|(_, view)| asks(view)).map(|(id, _)| *id).collect()
    }

    /// Requests the messages before the first message on the screen.
    pub(crate) fn scroll_back(&mut self, view: ViewId, id: CallId, limit: i64) -> Option<Call> {
        let shown = self.views.get_mut(&view).filter(|view| view.asked.is_none())?;
        let first = shown.messages.first()?.seq.filter(|first| *first > 1)?;
        shown.asked = Some(id);
        Some(Call::GetConversationMessages(GetConversationMessages {
            conversation_id: shown.conversation.clone(),
            limit: Some(limit),
            skip: None,
            before_seq: i64::try_from(first).ok(),
            after_seq: None,
        }))
    }

    /// Puts older messages before the shown ones, unless the screen has changed since the request.
    /// Returns the view that must ask again, if there was no answer.
    pub(crate) fn scrolled(
        &mut self,
        id: CallId,
        result: Result<Reply, chat_client::Error>,
    ) -> Option<ViewId> {
        let (view, shown) = self.views.iter_mut().find(|(_, view)| view.asked == Some(id))?;
        match result {
            Ok(Reply::GetConversationMessages(page)) if !page.messages.is_empty() => {
                shown.asked = None;
                shown.messages.splice(0..0, page.messages);
                None
            }
            // The user was withdrawn: a new snapshot is due if the user returns.
            Err(chat_client::Error::Refused(refusal))
                if refusal.code == Some(ErrorCode::ConversationNotFound) =>
            {
                None
            }
            // It is asked again later: until then nothing else must ask.
            _ => Some(*view),
        }
    }

    pub(crate) fn ask_again(&mut self, view: ViewId) {
        if let Some(shown) = self.views.get_mut(&view) {
            shown.asked = None;
        }
    }

    /// The newest message on the screen that somebody else wrote, of any open conversation.
    pub(crate) fn newest(&self, place: u64, me: &UserId) -> Option<&Message> {
        let others = |view: &'_ View| view.messages.iter().rposition(|message| message.sender_id != *me);
        let newest: Vec<_> =
            self.views.values().filter_map(|view| Some(&view.messages[others(view)?])).collect();
        newest.get(usize::try_from(place).ok()? % newest.len().max(1)).copied()
    }
}

/// The promise that a number breaks which does not follow on the last.
fn broken<T: PartialOrd>(seq: T, last: T) -> &'static str {
    if seq > last { "P4" } else { "P3" }
}

//! An app in this process, with a fast user. The app believes everything: repeated or disordered
//! messages stay so, for the oracle to find.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use chat_client::outbox::Draft;
use chat_client::{
    Acknowledged, ChatClient, ConnectionState, Event, Events, NotSentError, TypingGuard, Update,
};
use chat_core::id::{ConversationId, MessageId};
use chat_core::protocol::{
    ConversationSummary, GetActiveConversations, GetConversationMessages, GetConversationMessagesReply,
    Message, User,
};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use crate::history::Line;
use crate::random::Random;
use crate::settings;

/// Conversations that one app creates at most: all lists are to fit one page.
const CREATIONS: usize = 5;

/// The outcome of a text written by the user.
pub struct Written {
    pub content: String,
    /// The conversation, if known.
    pub conversation: Option<String>,
    pub outcome: Result<Acknowledged, NotSentError>,
}

/// A conversation on the screen.
pub struct Shown {
    stream: chat_client::Conversation,
    pub lines: Vec<Line>,
}

/// The end of an action of the user.
enum Done {
    Written(Written),
    /// An older page of a conversation, or nothing to show.
    Page(Option<GetConversationMessagesReply>),
}

/// An app and its user.
pub struct App {
    pub name: String,
    pub user: User,
    client: ChatClient,
    events: Events,
    random: Random,
    wrote: usize,
    created: usize,
    typing: Option<TypingGuard>,
    under_way: FuturesUnordered<BoxFuture<'static, Done>>,
    /// All that was written and has ended.
    pub written: Vec<Written>,
    /// The newest number of each conversation of the first list.
    pub first_list: Option<BTreeMap<String, u64>>,
    /// All messages of the events, in order.
    pub heard: BTreeMap<String, Vec<Line>>,
    /// Up to where the user has read, and how many messages are unread.
    pub badges: BTreeMap<String, (u64, u64)>,
    /// The open conversations.
    pub shown: BTreeMap<String, Shown>,
    /// Events that no app of these tests may get.
    pub surprises: Vec<String>,
}

impl App {
    /// One of a user's devices, connected by this address.
    pub async fn start(name: &str, user: &User, url: &str, random: Random) -> Self {
        let (client, events) = settings::start(url, user).await;
        Self {
            name: name.to_owned(),
            user: user.clone(),
            client,
            events,
            random,
            wrote: 0,
            created: 0,
            typing: None,
            under_way: FuturesUnordered::new(),
            written: Vec::new(),
            first_list: None,
            heard: BTreeMap::new(),
            badges: BTreeMap::new(),
            shown: BTreeMap::new(),
            surprises: Vec::new(),
        }
    }

    /// The client under it.
    pub fn client(&self) -> &ChatClient {
        &self.client
    }

    /// Acts as a user until told to stop, and then waits until every request has ended.
    pub async fn live(&mut self, mut stop: watch::Receiver<bool>) {
        let mut act_at = Instant::now();
        while !*stop.borrow() {
            tokio::select! {
                () = self.listen() => {}
                _ = stop.changed() => {}
                () = sleep_until(act_at) => {
                    self.act();
                    act_at = Instant::now() + self.random.millis(5..60);
                }
            }
        }
        self.typing = None;
        self.finish().await;
    }

    /// Waits until all that the user did has ended.
    pub async fn finish(&mut self) {
        self.listen_until("what was begun", |app| app.under_way.is_empty()).await;
    }

    /// Takes in whatever comes next.
    async fn listen(&mut self) {
        tokio::select! {
            event = self.events.next() => self.hear(event.expect("nobody closes the client")),
            (id, update) = next_update(&mut self.shown) => self.show(&id, update),
            Some(done) = self.under_way.next() => self.done(done),
        }
    }

    /// Listens until this holds.
    pub async fn listen_until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waiting = timeout(settings::PATIENCE, async {
            while !holds(self) {
                self.listen().await;
            }
        });
        let is_over = waiting.await.is_ok();
        assert!(is_over, "{} waits for {what} without end: {:?}", self.name, self.client);
    }

    /// Takes in all events up to the answer of a request: events from before an answer are told
    /// before the answer.
    pub async fn listen_to_the_end(&mut self) {
        let answer = self.client.get_active_conversations(GetActiveConversations::default());
        let answer = timeout(settings::PATIENCE, answer).await.expect("an answer");
        answer.unwrap();
        while timeout(Duration::ZERO, self.listen()).await.is_ok() {}
    }

    fn listed(&mut self, row: &ConversationSummary) {
        let badge = (row.read_up_to.unwrap(), u64::from(row.unread_count.unwrap()));
        self.badges.insert(row.id.to_string(), badge);
    }

    fn hear(&mut self, event: Event) {
        match event {
            Event::NewMessage(event) => {
                let id = event.conversation_id.to_string();
                self.heard.entry(id).or_default().push(Line::from(&Message::from(event)));
            }
            Event::NewestConversations(list) => list.iter().for_each(|row| self.listed(row)),
            Event::Conversation(row) => self.listed(&row),
            Event::Conversations(list) => {
                list.iter().for_each(|row| self.listed(row));
                self.first_list.get_or_insert_with(|| {
                    list.iter().map(|row| (row.id.to_string(), row.last_seq.unwrap())).collect()
                });
            }
            Event::Unread(unread) => {
                let badge = (unread.read_up_to, u64::from(unread.unread_count));
                self.badges.insert(unread.conversation_id.to_string(), badge);
            }
            Event::Connection(state @ (ConnectionState::Stopped(_) | ConnectionState::Closed)) => {
                self.surprises.push(format!("{state:?}"));
            }
            Event::EpochChanged(_) | Event::ConversationReset(_) | Event::Lagged(_) => {
                self.surprises.push(format!("{event:?}"));
            }
            _ => {}
        }
    }

    fn show(&mut self, id: &str, update: Update) {
        let shown = self.shown.get_mut(id).unwrap();
        match update {
            Update::Snapshot(snapshot) => shown.lines = snapshot.messages.iter().map(Line::from).collect(),
            Update::Message(message) => shown.lines.push(Line::from(&message)),
            Update::Refused(refusal) => self.surprises.push(format!("{id} refused: {refusal}")),
            Update::TypingStatus(_) | Update::MessageRead(_) | Update::ReadPosition(_) => {}
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Written(written) => self.written.push(written),
            Done::Page(Some(page)) => self.show_older(&page),
            Done::Page(None) => {}
        }
    }

    /// Puts an older page before the shown messages, if the page fits: another page may have come
    /// meanwhile.
    fn show_older(&mut self, page: &GetConversationMessagesReply) {
        let Some(shown) = self.shown.get_mut(page.conversation_id.as_str()) else { return };
        let fits = match (page.messages.last(), shown.lines.first()) {
            (Some(last), Some(first)) => last.seq.unwrap() + 1 == first.seq,
            _ => false,
        };
        if fits {
            shown.lines.splice(0..0, page.messages.iter().map(Line::from));
        }
    }

    /// Does one thing that users do.
    fn act(&mut self) {
        match self.random.below(20) {
            0..10 => self.write(),
            10 => self.create(),
            11 | 12 => self.open_one(),
            13 => self.shut_one(),
            14 | 15 => self.scroll_back(),
            16 | 17 => self.mark_read(),
            18 => self.begin_or_end_typing(),
            _ => self.client.network_is_back(),
        }
    }

    fn write(&mut self) {
        let known = self.badges.keys().chain(self.heard.keys()).cloned();
        if let Some(id) = self.random.one_of(known) {
            self.write_to(&id);
        }
    }

    /// Writes a message.
    pub fn write_to(&mut self, id: &str) {
        let content = self.next_content();
        let draft = Draft::SendChatMessage { conversation_id: id.into(), content: content.as_str().into() };
        self.post(draft, content, Some(id.to_owned()));
    }

    fn create(&mut self) {
        if !self.user.role.is_control() && self.created < CREATIONS {
            self.created += 1;
            let content = self.next_content();
            let (title, text) = ("Road closed".into(), content.as_str().into());
            let draft = Draft::CreateSupportConversation { title, content: text, room_type: None };
            self.post(draft, content, None);
        }
    }

    /// The next content: the user, and the number among this app's messages.
    fn next_content(&mut self) -> String {
        self.wrote += 1;
        format!("{} {:05}", self.name, self.wrote)
    }

    fn post(&mut self, draft: Draft, content: String, conversation: Option<String>) {
        let posted = self.client.post(draft, None);
        self.under_way.push(Box::pin(async move {
            Done::Written(Written { content, conversation, outcome: posted.await })
        }));
    }

    fn open_one(&mut self) {
        let closed = self.badges.keys().filter(|id| !self.shown.contains_key(*id)).cloned();
        if let Some(id) = self.random.one_of(closed) {
            self.open(&id);
        }
    }

    /// Shows a conversation.
    pub fn open(&mut self, id: &str) {
        let stream = self.client.conversation(id);
        self.shown.insert(id.to_owned(), Shown { stream, lines: Vec::new() });
    }

    fn shut_one(&mut self) {
        if let Some(id) = self.random.one_of(self.shown.keys().cloned()) {
            self.shown.remove(&id);
        }
    }

    fn scroll_back(&mut self) {
        if let Some(id) = self.random.one_of(self.shown.keys().cloned()) {
            let limit = self.random.within(1..30);
            self.fetch_older(&id, limit);
        }
    }

    /// Asks for at most `limit` messages before the shown ones. Returns whether any are left to ask
    /// for.
    pub fn fetch_older(&mut self, id: &str, limit: usize) -> bool {
        let Some(first) = self.shown[id].lines.first().filter(|first| first.seq > 1) else { return false };
        let request = GetConversationMessages {
            conversation_id: id.into(),
            limit: i64::try_from(limit).ok(),
            skip: None,
            before_seq: i64::try_from(first.seq).ok(),
            after_seq: None,
        };
        let client = self.client.clone();
        self.under_way
            .push(Box::pin(async move { Done::Page(client.get_conversation_messages(request).await.ok()) }));
        true
    }

    fn mark_read(&mut self) {
        let Some(id) = self.random.one_of(self.shown.keys().cloned()) else { return };
        let Some(line) = self.random.one_of(&self.shown[&id].lines) else { return };
        let (client, message) = (self.client.clone(), MessageId::from(line.id.as_str()));
        self.under_way.push(Box::pin(async move {
            client.mark_message_read(ConversationId::from(id), message).await.expect("a message can be read");
            Done::Page(None)
        }));
    }

    fn begin_or_end_typing(&mut self) {
        self.typing = match self.typing.take() {
            Some(_) => None,
            None => self.random.one_of(self.shown.keys()).map(|id| self.client.typing(id.as_str())),
        };
    }
}

/// The next update of any conversation that is shown.
async fn next_update(shown: &mut BTreeMap<String, Shown>) -> (String, Update) {
    poll_fn(|cx| {
        for (id, shown) in shown.iter_mut() {
            if let Poll::Ready(Some(update)) = shown.stream.poll_next_unpin(cx) {
                return Poll::Ready((id.clone(), update));
            }
        }
        Poll::Pending
    })
    .await
}

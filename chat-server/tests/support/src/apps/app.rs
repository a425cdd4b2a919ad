//! An app in this process, with a fast user. The app believes everything: repeated or disordered
//! messages stay so, for the oracle to find.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::Range;
use std::task::Poll;
use std::time::Duration;

use chat_client::{
    Acknowledged, ChatClient, ConnectionState, Event, Events, NotSentError, TypingGuard, Update,
};
use chat_core::protocol::{
    ConversationSummary, GetActiveConversations, GetConversationMessagesReply, Message, User,
};
use futures::StreamExt as _;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::history::Line;
use super::random::Random;
use super::recovery::Recoveries;
use super::settings;

/// The outcome of a text written by the user.
pub struct Written {
    pub content: String,
    /// The conversation, if known.
    pub conversation: Option<String>,
    pub outcome: Result<Acknowledged, NotSentError>,
    /// The time of the outcome.
    pub at: Instant,
}

/// A conversation on the screen.
pub struct Shown {
    pub(super) stream: chat_client::Conversation,
    pub lines: Vec<Line>,
}

/// The end of an action of the user.
pub(super) enum Done {
    Written(Written),
    /// An older page of a conversation, or nothing to show.
    Page(Option<GetConversationMessagesReply>),
}

/// An app and its user.
pub struct App {
    pub name: String,
    pub user: User,
    pub(super) client: ChatClient,
    events: Events,
    pub(super) random: Random,
    pub(super) wrote: usize,
    pub(super) created: usize,
    /// Milliseconds between two actions of the user.
    pub pace: Range<usize>,
    pub(super) typing: Option<TypingGuard>,
    pub(super) under_way: FuturesUnordered<BoxFuture<'static, Done>>,
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
    /// The time after each lost connection.
    pub recoveries: Recoveries,
    /// Events that no app of these tests may get.
    pub surprises: Vec<String>,
}

impl App {
    /// One of a user's devices, connected by this address.
    pub async fn start(name: &str, user: &User, url: &str, random: Random) -> Self {
        Self::with(name, user, settings::start(url, user).await, random)
    }

    /// The same with a client that runs already.
    pub fn with(name: &str, user: &User, (client, events): (ChatClient, Events), random: Random) -> Self {
        Self {
            name: name.to_owned(),
            user: user.clone(),
            client,
            events,
            random,
            wrote: 0,
            created: 0,
            pace: 5..60,
            typing: None,
            under_way: FuturesUnordered::new(),
            written: Vec::new(),
            first_list: None,
            heard: BTreeMap::new(),
            badges: BTreeMap::new(),
            shown: BTreeMap::new(),
            recoveries: Recoveries::default(),
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
                    act_at = Instant::now() + self.random.millis(self.pace.clone());
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

    /// Notes which messages of a list are still to be heard. Those of the first list never are.
    fn missing(&mut self, list: &[ConversationSummary]) {
        let (heard, first, badges) = (&self.heard, &self.first_list, &self.badges);
        self.recoveries.listed(list, |id| {
            let heard = heard.get(id).and_then(|lines| lines.last()).map_or(0, |line| line.seq);
            let listed = first.as_ref().map_or(u64::MAX, |first| first.get(id).copied().unwrap_or_default());
            let read = badges.get(id).map_or(0, |badge| badge.0);
            heard.max(listed).max(read)
        });
    }

    fn hear(&mut self, event: Event) {
        if let Event::Connection(state) = &event {
            self.recoveries.connection(state);
        }
        match event {
            Event::NewMessage(event) => {
                let id = event.conversation_id.to_string();
                self.recoveries.heard(&id, event.message.seq.unwrap());
                self.heard.entry(id).or_default().push(Line::from(&Message::from(event)));
            }
            Event::NewestConversations(list) => list.iter().for_each(|row| self.listed(row)),
            Event::Conversation(row) => self.listed(&row),
            Event::Conversations(list) => {
                list.iter().for_each(|row| self.listed(row));
                self.missing(&list);
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
            Update::TypingStatus(_)
            | Update::MessageRead(_)
            | Update::Positions(_)
            | Update::ReadPosition(_) => {}
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

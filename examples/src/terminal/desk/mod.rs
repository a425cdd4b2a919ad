//! The terminal: prints events, and carries out typed commands.

mod events;

use chat_client::{ChatClient, Error, Events, TypingGuard, Update};
use chat_core::id::{ConversationId, MessageId};
use chat_core::protocol::{
    Done, GetActiveConversations, GetActiveConversationsReply, GetConversationMessagesReply, NewMessage, User,
};
use futures::future::BoxFuture;
use futures::stream::{BoxStream, FuturesUnordered};
use futures::{FutureExt, StreamExt};

use super::board::Board;
use super::command::{Command, Usage, help, parse};
use super::lines::lines;
use super::news;
use super::shown::Shown;
use super::words::{plain, say};

/// A person's terminal in the chat.
///
/// No method waits for the network. Answers arrive later, and meanwhile the person goes on.
pub struct Desk {
    chat: ChatClient,
    me: User,
    /// The commands of this program alone.
    own: &'static [Usage],
    typed: BoxStream<'static, String>,
    events: Events,
    board: Board,
    open: Option<Shown>,
    typing: Option<TypingGuard>,
    /// Pending requests. Bounded by the client, which refuses one too many.
    answers: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// The user's own new conversation, until the list holds it.
    created: Option<ConversationId>,
    /// The last line about the connection.
    connection: String,
    /// Whether the list has arrived.
    listed: bool,
}

/// The answer to a request.
enum Answer {
    /// The row of a conversation, requested for a message with an unknown title or name.
    Heard(NewMessage, Result<GetActiveConversationsReply, Error>),
    /// The row of a new conversation of the user's own.
    Created(ConversationId, Result<GetActiveConversationsReply, Error>),
    Older(ConversationId, Result<GetConversationMessagesReply, Error>),
    Read(ConversationId, Result<Done, Error>),
    Line(String),
}

impl Desk {
    /// Creates a desk for this client, which must not run yet, in order to miss nothing.
    pub fn new(chat: &ChatClient, me: User, own: &'static [Usage]) -> Self {
        say(format_args!("{} ({}). /help lists the commands", plain(&me.display_name()), me.role.as_str()));
        for entry in chat.outbox() {
            say(format_args!("… waits from last time: {}", news::draft(&entry.draft)));
        }
        say("-- connecting");
        Self {
            chat: chat.clone(),
            own,
            typed: lines(),
            events: chat.events(),
            board: Board::new(&me),
            me,
            open: None,
            typing: None,
            answers: FuturesUnordered::new(),
            created: None,
            connection: String::new(),
            listed: false,
        }
    }

    /// Runs until a command of this program alone is typed, and returns the command and its
    /// arguments. `None` is the end.
    pub async fn next(&mut self) -> Option<(&'static str, String)> {
        loop {
            let line = tokio::select! {
                // Events come before typed lines: a command refers to the screen as the person sees
                // it.
                biased;
                Some(event) = self.events.next() => {
                    self.happened(event);
                    continue;
                }
                Some(update) = next_update(&mut self.open) => {
                    self.updated(update);
                    continue;
                }
                Some(answer) = self.answers.next() => {
                    self.answered(answer);
                    continue;
                }
                line = self.typed.next() => line?,
            };
            match parse(&line, self.own) {
                Ok(Command::Own(word, rest)) => return Some((word, rest)),
                Ok(Command::Quit) => return None,
                Ok(command) => self.obey(command),
                Err(answer) => say(answer),
            }
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::List => self.list(),
            Command::Open(number) => match self.board.numbered(number).cloned() {
                Some(id) => self.open(id),
                None => say(format_args!("there is no conversation {number}: see /list")),
            },
            Command::Older => self.older(),
            Command::Typing => match self.open_one() {
                Some(id) => self.typing = Some(self.chat.typing(id)),
                None => say("no conversation is open: /list, then /open N"),
            },
            Command::Help => help(self.own).for_each(say),
            Command::Text(text) => match self.open_one() {
                Some(id) => {
                    // The client's events report the result.
                    drop(self.chat.send_message(id, text));
                    self.typing = None;
                }
                None => say("no conversation is open, so nothing was sent: /open one, /help says more"),
            },
            Command::Nothing | Command::Quit | Command::Own(..) => {}
        }
    }

    /// Prints a line when the future resolves.
    pub fn say_later(&mut self, line: impl Future<Output = String> + Send + 'static) {
        self.answers.push(line.map(Answer::Line).boxed());
    }

    /// The open conversation, with the version of its work that the person has seen.
    pub fn open_work(&self) -> Option<(ConversationId, u64)> {
        let id = self.open_one()?;
        let version = self.board.work_version(&id);
        Some((id, version))
    }

    /// The open conversation, with the version of its emergency that the person has seen.
    pub fn open_emergency(&self) -> Option<(ConversationId, u64)> {
        let id = self.open_one()?;
        let version = self.board.emergency_version(&id);
        Some((id, version))
    }

    /// The open conversation, with the newest message in it that must be answered.
    pub fn open_order(&self) -> Option<(ConversationId, MessageId)> {
        let shown = self.open.as_ref()?;
        Some((shown.id.clone(), shown.order.clone()?))
    }

    /// The open conversation.
    pub fn open_conversation(&self) -> Option<ConversationId> {
        self.open_one()
    }

    /// Leaves the open conversation, if there is one.
    pub fn leave(&mut self) {
        self.typing = None;
        self.open = None;
    }

    /// Closes the client, and prints the drafts that were not sent.
    pub async fn close(mut self) {
        self.leave();
        self.chat.close().await;
        while let Some(event) = self.events.next().await {
            self.happened(event);
        }
        say("-- bye");
    }

    fn list(&self) {
        let lines = self.board.lines();
        if lines.is_empty() {
            let seen = self.listed;
            say(if seen { "   there is no conversation yet" } else { "   the list has not come yet" });
        }
        lines.iter().for_each(say);
        for entry in self.chat.outbox() {
            say(format_args!("… waits to be sent: {}", news::draft(&entry.draft)));
        }
    }

    fn open(&mut self, id: ConversationId) {
        self.leave();
        self.open = Some(Shown::open(&self.chat, &self.me.id, id));
    }

    fn open_one(&self) -> Option<ConversationId> {
        self.open.as_ref().map(|shown| shown.id.clone())
    }

    fn is_open(&self, id: &ConversationId) -> bool {
        self.open.as_ref().is_some_and(|shown| shown.id == *id)
    }

    fn older(&mut self) {
        match self.open.as_ref().map(Shown::older) {
            None => say("no conversation is open: /list, then /open N"),
            Some(None) => say("-- there is nothing older"),
            Some(Some(request)) => {
                let (chat, id) = (self.chat.clone(), request.conversation_id.clone());
                let page = async move { Answer::Older(id, chat.get_conversation_messages(request).await) };
                self.answers.push(page.boxed());
            }
        }
    }

    fn updated(&mut self, update: Update) {
        let Some(shown) = &mut self.open else { return };
        let is_end = matches!(update, Update::Refused(_));
        shown.show(update, &mut self.board);
        if is_end {
            self.leave();
        } else {
            self.mark();
        }
    }

    fn mark(&mut self) {
        let Some(shown) = &mut self.open else { return };
        let id = shown.id.clone();
        if let Some(marked) = shown.mark(&self.chat) {
            self.answers.push(marked.map(|done| Answer::Read(id, done)).boxed());
        }
    }

    fn answered(&mut self, answer: Answer) {
        match answer {
            Answer::Heard(event, reply) => {
                self.learn(reply);
                self.notice(&event);
            }
            Answer::Created(id, reply) => {
                self.learn(reply);
                self.created = None;
                say(format_args!("✓ created {}", self.board.title(&id)));
                if self.open.is_none() {
                    self.open(id);
                }
            }
            Answer::Older(id, page) if self.is_open(&id) => match (page, &mut self.open) {
                (Ok(page), Some(shown)) => shown.show_older(&page, &mut self.board),
                (Err(error), _) => say(format_args!("-- nothing older can be shown: {error}")),
                (Ok(_), None) => {}
            },
            Answer::Read(id, done) if self.is_open(&id) => {
                if let Err(error) = done {
                    say(format_args!("-- the message can't be marked as read: {error}"));
                }
                self.open.as_mut().into_iter().for_each(Shown::marked);
                self.mark();
            }
            Answer::Older(..) | Answer::Read(..) => {}
            Answer::Line(line) => say(line),
        }
    }

    /// Takes title and names from a row. Without the row, ids are shown.
    fn learn(&mut self, reply: Result<GetActiveConversationsReply, Error>) {
        if let Ok(reply) = reply {
            self.board.listed(reply.conversations, false);
        }
    }

    /// Asks for one conversation, with all names.
    fn ask_row(
        &self,
        id: ConversationId,
        answer: impl FnOnce(Result<GetActiveConversationsReply, Error>) -> Answer + Send + 'static,
    ) {
        let chat = self.chat.clone();
        let request = GetActiveConversations { conversation_id: Some(id), ..Default::default() };
        let row = async move { chat.get_active_conversations(request).await };
        self.answers.push(row.map(answer).boxed());
    }
}

async fn next_update(open: &mut Option<Shown>) -> Option<Update> {
    open.as_mut()?.next().await
}

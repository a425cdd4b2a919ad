//! The client as a state machine: a synchronous value without I/O, clock or randomness.
//!
//! # The contract
//!
//! - Give every [`Input`] to [`Machine::handle`] with the current time. `now.monotonic` must not
//!   decrease.
//! - After one or more inputs, call [`Machine::poll`] until `None`, and carry out each [`Output`]
//!   in order.
//! - The first input is [`Input::Restored`], with the content of the outbox.
//! - The same seed and the same inputs always give the same outputs.
//!
//! [`ChatClient`](crate::ChatClient) does all this over any transport. By hand, the loop is:
//!
//! ```
//! use chat_client::machine::{Input, Machine, Output, Settings};
//! use chat_client::outbox::{Draft, Entry};
//! use chat_core::time::Now;
//!
//! let mut machine = Machine::new(Settings::default(), [7; 32]);
//! let (conversation_id, content) = ("conv_1".into(), "Road closed".into());
//! let draft = Draft::SendChatMessage { conversation_id, content };
//! let post = Entry { client_message_id: "a-1".into(), draft, not_after: None };
//!
//! let mut sent = Vec::new();
//! let mut inputs = vec![Input::Post(post), Input::Restored(Vec::new())];
//! while let Some(input) = inputs.pop() {
//!     machine.handle(Now::default(), input);
//!     while let Some(output) = machine.poll() {
//!         match output {
//!             Output::GetToken => inputs.push(Input::Token(Ok("secret".into()))),
//!             Output::Connect { link, .. } => inputs.push(Input::Opened { link }),
//!             Output::PersistOutbox(_) => inputs.push(Input::OutboxPersisted(Ok(()))),
//!             Output::Send { frame, .. } => sent.push(frame),
//!             _ => {}
//!         }
//!     }
//! }
//! assert!(sent[0].starts_with(br#"{"type":"get_active_conversations""#));
//! assert!(sent[1].starts_with(br#"{"type":"send_chat_message""#));
//! ```
//!
//! # How no message is lost, doubled or reordered
//!
//! - **Sending**: a draft stays in the outbox until the server has answered, and is sent again
//!   after each reconnect under the same `client_message_id`. Only the oldest draft of each
//!   conversation is on the wire.
//! - **Receiving**: a message is reported only if its `seq` is the next one. A known message is
//!   dropped. A message after a gap starts a catch-up, and is reported after the catch-up has
//!   filled the gap. After each reconnect, the list of conversations shows which have moved on.
//! - **Showing**: an open conversation begins with a snapshot of the newest page. Any later message
//!   with a greater number follows, no matter how the client got the message.
//! - **Numbers** belong to an epoch. On a new connection, no live number counts as the next one
//!   until the server has named its epoch.

mod backoff;
mod calls;
mod catch_up;
mod connection;
mod conversations;
mod deadlines;
mod incoming;
mod io;
mod limits;
mod list;
mod listing;
mod outgoing;
mod pauses;
mod rooms;
mod rows;
mod sending;
mod tokens;
mod turn;
mod typing;
mod unread;
mod views;
mod wire;

use std::collections::VecDeque;

use chat_core::id::ConversationId;
use chat_core::time::{Monotonic, Now};

use backoff::Backoff;
use calls::Calls;
use connection::Connection;
use conversations::Conversations;
pub use io::{Call, CallId, Counters, Input, LinkId, Output, ViewId};
pub use limits::{Limits, Periods, Settings};
use list::List;
use pauses::TokenTrouble;
use rooms::Rooms;
use rows::Rows;
use sending::Sending;
use tokens::Tokens;
use typing::Typing;
use views::Views;
use wire::Wire;

use crate::error::{Error, Refusal};
use crate::event::{ConnectionState, Update};
use crate::outbox::{Draft, Entry};

/// The client as a state machine. See the [module](self) for the contract.
pub struct Machine {
    settings: Settings,
    now: Now,
    connection: Connection,
    /// The state of the connection as last reported to the app.
    state: ConnectionState,
    /// Number of attempts to connect so far.
    links: u64,
    in_background: bool,
    /// `in_background` at the start of the current connection or attempt.
    link_in_background: bool,
    /// Whether the network came back during the current attempt. If the attempt fails, the next one
    /// follows at once.
    network_came: bool,
    /// The reason why the server wants another token, until the server has accepted one.
    token_trouble: Option<TokenTrouble>,
    /// Whether to send a probe to the server.
    probe: bool,
    /// The error that the server has sent on this connection, soon to be followed by a close.
    told_error: Option<Refusal>,
    backoff: Backoff,
    tokens: Tokens,
    wire: Wire,
    list: List,
    rows: Rows,
    rooms: Rooms,
    typing: Typing,
    sending: Sending,
    calls: Calls,
    conversations: Conversations,
    views: Views,
    counters: Counters,
    outputs: VecDeque<Output>,
    /// The last [`Output::WakeAt`].
    announced: Option<Monotonic>,
}

impl Machine {
    /// Creates a client in its initial state. The `seed` drives the random pauses. Production needs
    /// fresh random bytes, or all clients of a server come back at the same time.
    pub fn new(settings: Settings, seed: [u8; 32]) -> Self {
        Self {
            tokens: Tokens::of(settings.outbox_owner.clone()),
            settings,
            now: Now::default(),
            connection: Connection::AwaitingOutbox,
            state: ConnectionState::Connecting,
            links: 0,
            in_background: false,
            link_in_background: false,
            network_came: false,
            token_trouble: None,
            probe: false,
            told_error: None,
            backoff: Backoff::new(seed),
            wire: Wire::default(),
            list: List::default(),
            rows: Rows::default(),
            rooms: Rooms::default(),
            typing: Typing::default(),
            sending: Sending::default(),
            calls: Calls::default(),
            conversations: Conversations::default(),
            views: Views::default(),
            counters: Counters::default(),
            outputs: VecDeque::new(),
            announced: None,
        }
    }

    /// Handles an input. [`poll`](Self::poll) returns the resulting outputs.
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = Now { monotonic: now.monotonic.max(self.now.monotonic), wall: now.wall };
        // A draft that has expired while the app was off is handed back upon the second input: at
        // the first one, nobody has a handle to hear of it.
        let is_started = !matches!(input, Input::Restored(_));
        match input {
            Input::Restored(entries) => self.restored(entries),
            Input::Opened { link } => self.opened(link),
            Input::Progress { link } => self.progress(link),
            Input::Frame { link, frame } => self.frame(link, &frame),
            Input::Lost { link, error } => self.lost(link, &error),
            Input::Token(result) => self.token(result),
            Input::OutboxPersisted(result) => self.sending.persisted(&result, &mut self.outputs),
            Input::Call { id, call } => self.call(id, call),
            Input::Post(entry) => self.post(entry),
            Input::Typing { conversation_id, is_typing } => self.is_typing(conversation_id, is_typing),
            Input::OpenView { view, conversation_id } => self.open_view(view, conversation_id),
            Input::ReloadView(view) => self.views.reload(view),
            Input::CloseView(view) => self.views.close(view),
            Input::NetworkIsBack => self.network_is_back(),
            Input::Background(in_background) => self.background(in_background),
            Input::Resume => self.resume(),
            Input::Close => self.close(),
            Input::Tick => self.announced = None,
        }
        self.due();
        if is_started {
            self.sending.expire(self.now.wall, &mut self.outputs);
        }
        self.outputs.extend(self.sending.persist());
        self.send();
    }

    /// Returns the next output, or `None` until there is another input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front().or_else(|| {
            let next = self.deadline();
            (next != self.announced).then(|| {
                self.announced = next;
                Output::WakeAt(next)
            })
        })
    }

    /// The state of the connection as last reported to the app.
    pub fn state(&self) -> &ConnectionState {
        &self.state
    }

    /// Returns counts of the machine's life so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// Returns the accepted drafts that are not acknowledged yet, oldest first.
    pub fn outbox(&self) -> impl Iterator<Item = &Entry> {
        self.sending.entries()
    }

    /// Returns whether the client is closed and the outbox fully written.
    pub fn is_closed(&self) -> bool {
        matches!(self.connection, Connection::Closed) && self.sending.is_at_rest()
    }

    fn restored(&mut self, entries: Vec<Entry>) {
        if let Connection::AwaitingOutbox = self.connection {
            self.sending.restore(entries, &mut self.outputs);
            self.connect();
        }
    }

    fn call(&mut self, id: CallId, call: Call) {
        let error = match &self.connection {
            Connection::Closed => Error::Closed,
            Connection::Stopped(reason) => Error::Stopped(reason.clone()),
            Connection::Open { .. } => {
                return self.calls.add(id, call, self.settings.limits.calls, &mut self.outputs);
            }
            _ if !call.waits() => Error::Offline,
            _ => return self.calls.add(id, call, self.settings.limits.calls, &mut self.outputs),
        };
        self.outputs.push_back(Output::Answer { id, result: Err(error) });
    }

    fn post(&mut self, entry: Entry) {
        if let Draft::SendChatMessage { conversation_id, .. } = &entry.draft {
            self.typing.message_written(conversation_id);
        }
        self.sending.post(entry, &self.settings.limits, &mut self.outputs);
    }

    fn is_typing(&mut self, id: ConversationId, is_typing: bool) {
        if is_typing {
            self.typing.begin(id, self.settings.limits.typing);
        } else {
            self.typing.end(&id);
        }
    }

    fn open_view(&mut self, view: ViewId, id: ConversationId) {
        if self.views.len() < self.settings.limits.views {
            return self.views.open(view, id);
        }
        let text = "too many conversations are open".to_owned();
        let update = Update::Refused(Refusal::of_client(text));
        self.outputs.push_back(Output::Update { view, update });
    }

    fn deadline(&self) -> Option<Monotonic> {
        let sending = self.sending.deadline(self.now.monotonic, self.now.wall);
        self.connection_deadline().into_iter().chain(sending).min()
    }
}

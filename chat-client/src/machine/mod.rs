//! The client as a state machine: one plain synchronous value, without I/O, clock or randomness.
//!
//! # The contract
//!
//! - Give every [`Input`] to [`Machine::handle`] with the time at which it is given. `now.monotonic` must not fall.
//! - After one or more inputs, call [`Machine::poll`] until it gives `None`, and do each [`Output`] in that order.
//! - The first input is [`Input::Restored`], with what the outbox holds.
//! - The same seed and the same inputs give the same outputs, always.
//!
//! [`ChatClient`](crate::ChatClient) does all this over any transport. By hand, it is this loop:
//!
//! ```
//! use chat_client::machine::{Input, Machine, Output, Settings};
//! use chat_client::outbox::{Draft, Entry};
//! use chat_core::time::Now;
//!
//! let mut machine = Machine::new(Settings::default(), [7; 32]);
//! let draft = Draft::SendChatMessage { conversation_id: "conv_1".into(), content: "Road closed".into() };
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
//! # How nothing is lost, doubled or reordered
//!
//! - **What is sent** stays in the outbox until the server has answered, and goes out again after each reconnect under
//!   the same `client_message_id`. Of each conversation only the oldest draft is on the wire.
//! - **What is heard** is told only if its `seq` is the next one. One that was told already is dropped; one after a gap
//!   starts a catch-up, and is told when that has filled the gap. After each reconnect the list of conversations says
//!   which have moved on.
//! - **What is shown** begins with a snapshot of the newest page. Whatever comes for the conversation, by whichever way,
//!   is told after it if its number is greater.
//! - **Numbers** belong to an epoch. Until the server of a new connection has named its own, no live number is taken
//!   for the next one.

mod backoff;
mod calls;
mod catch_up;
mod connection;
mod conversations;
mod incoming;
mod io;
mod limits;
mod list;
mod listing;
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
use chat_core::protocol::{GetActiveConversations, ParticipantList, Request};
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
use wire::{InFlight, Purpose, Wire};

use crate::error::{Error, Refusal};
use crate::event::{ConnectionState, Update};
use crate::outbox::{Draft, Entry};

/// The client as a state machine. See the [module](self) for its contract.
pub struct Machine {
    settings: Settings,
    now: Now,
    connection: Connection,
    /// What the app was told of the connection last.
    state: ConnectionState,
    /// Attempts to connect so far.
    links: u64,
    in_background: bool,
    /// The same when the connection that stands, or is being opened, was begun.
    link_in_background: bool,
    /// The network has come back during the attempt that is under way: if it fails, the next one follows at once.
    network_came: bool,
    /// Why the server wants another token, until it has taken one.
    token_trouble: Option<TokenTrouble>,
    /// Whether the server is to be asked for a sign of life.
    probe: bool,
    /// The error that the server has said on this connection: its close will follow.
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
    /// The wake-up that was asked for last.
    announced: Option<Monotonic>,
}

impl Machine {
    /// A client that has done nothing yet. `seed` makes its pauses: in production it must be fresh random bytes, or all
    /// clients of a server come back at the same time.
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

    /// Takes in what has happened. What it leads to is given by [`poll`](Self::poll).
    pub fn handle(&mut self, now: Now, input: Input) {
        self.now = Now { monotonic: now.monotonic.max(self.now.monotonic), wall: now.wall };
        // Who starts the client has no handle yet to hear by what has waited too long: that is for the next input.
        let is_started = !matches!(input, Input::Restored(_));
        match input {
            Input::Restored(entries) => self.restored(entries),
            Input::Opened { link } => self.opened(link),
            Input::Progress { link } => self.progress(link),
            Input::Frame { link, frame } => self.frame(link, &frame),
            Input::Lost { link, error } => self.lost(link, &error),
            Input::Token(result) => self.token(result),
            Input::OutboxPersisted(result) => self.sending.kept(&result, &mut self.outputs),
            Input::Call { id, call } => self.call(id, call),
            Input::Post(entry) => self.post(entry),
            Input::Typing { conversation_id, is_typing } => self.is_typing(conversation_id, is_typing),
            Input::OpenView { view, conversation_id } => self.open_view(view, conversation_id),
            Input::ReloadView(view) => self.views.reload(view),
            Input::CloseView(view) => self.views.shut(view),
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
        self.outputs.extend(self.sending.keep());
        self.send();
    }

    /// The next thing to do, or `None` until there is another input.
    pub fn poll(&mut self) -> Option<Output> {
        self.outputs.pop_front().or_else(|| {
            let next = self.deadline();
            (next != self.announced).then(|| {
                self.announced = next;
                Output::WakeAt(next)
            })
        })
    }

    /// What the app was told of the connection last.
    pub fn state(&self) -> &ConnectionState {
        &self.state
    }

    /// What the machine has been through.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// The drafts in the outbox: accepted, and not acknowledged yet, oldest first.
    pub fn outbox(&self) -> impl Iterator<Item = &Entry> {
        self.sending.entries()
    }

    /// Whether the client was closed and the outbox needs no more writing.
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
            _ if matches!(call, Call::TypingIndicator(_)) => Error::Offline,
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
        let update = Update::Refused(Refusal { code: None, text, retry_after: None });
        self.outputs.push_back(Output::Update { view, update });
    }

    /// Sends what there is to be sent, as long as there is room on the wire.
    fn send(&mut self) {
        let Some(link) = self.open() else { return };
        while self.wire.len() < self.settings.limits.on_wire {
            let Some((purpose, request, again)) = self.next() else { return };
            self.counters.resends += u64::from(again);
            let periods = &self.settings.periods;
            let within = if purpose == Purpose::Probe { periods.probe_within } else { periods.reply_within };
            let frame = request.encode(Some(&self.wire.number()));
            if frame.len() > self.settings.limits.frame_bytes {
                self.refuse_too_long(purpose);
                continue;
            }
            let now = self.now.monotonic;
            self.wire.put(InFlight::now(purpose, request.event_type(), frame.len(), now, within));
            self.outputs.push_back(Output::Send { link, frame });
        }
    }

    /// Ends a request whose frame is longer than the server takes: with it no connection would last.
    fn refuse_too_long(&mut self, purpose: Purpose) {
        let refusal = || Refusal { code: None, text: Error::TooLong.to_string(), retry_after: None };
        match purpose {
            Purpose::Draft(id) => self.sending.too_long(&id, &mut self.outputs),
            Purpose::Call(id) => self.calls.too_long(id, &mut self.outputs),
            Purpose::Row(id) => self.rows.answered(&id, None),
            Purpose::CatchUp(id) => self.refused(&id, refusal()),
            Purpose::Snapshot(view) => {
                if let Some(id) = self.views.conversation(view).cloned() {
                    self.refused(&id, refusal());
                }
            }
            Purpose::Typing(id) => {
                let refresh = self.settings.periods.typing_refresh;
                self.typing.answered(&id, self.now.monotonic, refresh);
            }
            Purpose::Refresh => self.refresh_reply(None),
            // They hold nothing that anybody wrote.
            Purpose::List | Purpose::Probe | Purpose::Room(_) => {}
        }
    }

    /// The next request, what it is for, and whether it was sent before. First what others wait for.
    fn next(&mut self) -> Option<(Purpose, Request, bool)> {
        let now = self.now.monotonic;
        let fresh = |purpose, request| (purpose, request, false);
        if std::mem::take(&mut self.probe) {
            let brief = Some(ParticipantList::Brief);
            let request =
                GetActiveConversations { limit: Some(1), participants: brief, ..Default::default() };
            return Some(fresh(Purpose::Probe, Request::GetActiveConversations(request)));
        }
        if let Some(request) = self.tokens.next(now) {
            return Some(fresh(Purpose::Refresh, request));
        }
        if let Some(request) = self.list.next(now, &self.settings.limits) {
            return Some(fresh(Purpose::List, request));
        }
        if let Some((room, request)) = self.rooms.next(now) {
            return Some(fresh(Purpose::Room(room), request));
        }
        if let Some((id, request)) = self.typing.next(now) {
            return Some(fresh(Purpose::Typing(id), request));
        }
        if let Some((id, request, again)) = self.sending.next(now, &mut self.outputs) {
            return Some((Purpose::Draft(id), request, again));
        }
        if let Some((view, id)) = self.views.next(now) {
            return Some(fresh(Purpose::Snapshot(view), Self::snapshot(id)));
        }
        if let Some((id, held)) = self.conversations.next(now, self.settings.limits.catching_up) {
            let request = self.catch_up(&id, held);
            return Some(fresh(Purpose::CatchUp(id), request));
        }
        if let Some((id, request)) = self.rows.next(now) {
            return Some(fresh(Purpose::Row(id), request));
        }
        let (id, request, again) = self.calls.next(now)?;
        Some((Purpose::Call(id), request, again))
    }

    fn deadline(&self) -> Option<Monotonic> {
        let sending = self.sending.deadline(self.now.monotonic, self.now.wall);
        self.connection_deadline().into_iter().chain(sending).min()
    }
}

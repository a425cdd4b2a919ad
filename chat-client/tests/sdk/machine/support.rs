//! A machine with an open connection, and a server under the test's control.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use chat_client::machine::{CallId, Input, LinkId, Machine, Output, Settings, ViewId};
use chat_client::outbox::Entry;
use chat_client::transport::TransportError;
use chat_client::{ConnectionState, Error, Event, Token, Update};
use chat_core::frame::Frame;
use chat_core::protocol::{CloseCode, Reply};
use chat_core::time::{Monotonic, Now, Timestamp};
use serde_json::{Value, json};

/// The user of the machine.
pub(crate) const ME: &str = "driver_1";

/// The start of a scene.
const START: i64 = 1_705_314_600_000;

/// A machine, and all its requests.
pub(crate) struct Scene {
    machine: Machine,
    now: Now,
    link: Option<LinkId>,
    /// Unanswered requests.
    asked: VecDeque<Value>,
    events: Vec<Event>,
    answers_given: Vec<(CallId, Result<Reply, Error>)>,
    refused_views: Vec<ViewId>,
    /// Bytes of the last sent frame.
    last_frame: Bytes,
    /// Whether connections open at once.
    opens: bool,
    /// The names of the connections' tokens.
    presented: Vec<String>,
    /// Whether the token provider answers at once, and if not, whether a request is pending.
    answers: bool,
    is_asked: bool,
}

/// Makes a token that lasts for ten minutes from the start of the scene.
fn token(name: &str) -> Token {
    lasting(name, 600)
}

/// Makes a token that lasts for this many seconds from the start of the scene.
pub(crate) fn lasting(name: &str, seconds: i64) -> Token {
    let claims = json!({"sub": ME, "exp": START / 1_000 + seconds});
    Token::from(format!("{name}.{}.", URL_SAFE_NO_PAD.encode(claims.to_string())))
}

impl Scene {
    /// Starts connected, without any reply.
    pub(crate) fn connected() -> Self {
        Self::restored(Vec::new())
    }

    /// Starts connected, with an outbox of an earlier run.
    pub(crate) fn restored(entries: Vec<Entry>) -> Self {
        let now = Now { monotonic: Monotonic::default(), wall: Timestamp::from_millis(START) };
        let mut scene = Self {
            machine: Machine::new(Settings::default(), [7; 32]),
            now,
            link: None,
            asked: VecDeque::new(),
            events: Vec::new(),
            answers_given: Vec::new(),
            refused_views: Vec::new(),
            last_frame: Bytes::new(),
            opens: true,
            presented: Vec::new(),
            answers: true,
            is_asked: false,
        };
        scene.give(Input::Restored(entries));
        scene
    }

    /// Starts connected, with this list of conversations.
    pub(crate) fn live(conversations: &Value) -> Self {
        let mut scene = Self::connected();
        scene.reply("get_active_conversations", list(conversations));
        scene
    }

    pub(crate) fn give(&mut self, input: Input) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.machine.handle(self.now, input);
            while let Some(output) = self.machine.poll() {
                inputs.extend(self.act_on(output));
            }
        }
    }

    fn act_on(&mut self, output: Output) -> Option<Input> {
        match output {
            Output::GetToken if self.answers => return Some(Input::Token(Ok(token("first")))),
            Output::GetToken => self.is_asked = true,
            Output::Connect { link, attempt } => {
                self.link = Some(link);
                self.presented.extend(attempt.token.expose().split('.').next().map(str::to_owned));
                self.asked.clear();
                return self.opens.then_some(Input::Opened { link });
            }
            Output::PersistOutbox(_) => return Some(Input::OutboxPersisted(Ok(()))),
            Output::Send { frame, .. } => {
                self.last_frame = frame.clone();
                self.asked.push_back(serde_json::from_slice(&frame).expect("requests are JSON"));
            }
            Output::Event(event) => self.events.push(event),
            Output::Answer { id, result } => self.answers_given.push((id, result)),
            Output::Update { view, update: Update::Refused(_) } => self.refused_views.push(view),
            Output::Disconnect { .. } | Output::Update { .. } | Output::WakeAt(_) => {}
        }
        None
    }

    /// Answers the oldest request of this type, and returns the request.
    pub(crate) fn reply(&mut self, kind: &str, mut reply: Value) -> Value {
        let request = self.take_request(kind);
        reply["request_id"] = request["request_id"].clone();
        self.hear(&reply);
        request
    }

    /// Drops the oldest request of this type without an answer.
    pub(crate) fn lose(&mut self, kind: &str) {
        self.take_request(kind);
    }

    fn take_request(&mut self, kind: &str) -> Value {
        let place = self.asked.iter().position(|request| request["type"] == kind);
        let request = place.and_then(|place| self.asked.remove(place));
        request.unwrap_or_else(|| panic!("no {kind} among {:?}", self.asked))
    }

    /// Whether a request of this type is unanswered.
    pub(crate) fn has_asked(&self, kind: &str) -> bool {
        self.asked.iter().any(|request| request["type"] == kind)
    }

    /// Sets whether the token provider answers at once.
    pub(crate) fn provider_answers(&mut self, answers: bool) {
        self.answers = answers;
    }

    pub(crate) fn is_provider_asked(&self) -> bool {
        self.is_asked
    }

    /// Lets the provider answer.
    pub(crate) fn give_token(&mut self, name: &str) {
        self.give_this(token(name));
    }

    pub(crate) fn give_this(&mut self, token: Token) {
        assert!(std::mem::take(&mut self.is_asked), "it was not asked");
        self.give(Input::Token(Ok(token)));
    }

    pub(crate) fn presented(&self) -> &[String] {
        &self.presented
    }

    pub(crate) fn state(&self) -> &ConnectionState {
        self.machine.state()
    }

    pub(crate) fn pass_minutes(&mut self, minutes: u64) {
        self.pass(Duration::from_mins(minutes));
    }

    pub(crate) fn pass(&mut self, passed: Duration) {
        self.now = Now { monotonic: self.now.monotonic.plus(passed), wall: self.now.wall.plus(passed) };
        self.give(Input::Tick);
    }

    /// Sets whether connections open at once.
    pub(crate) fn opens(&mut self, opens: bool) {
        self.opens = opens;
    }

    /// Opens the current connection.
    pub(crate) fn open(&mut self) {
        let link = self.link.expect("it is being opened");
        self.give(Input::Opened { link });
    }

    /// Reports moved bytes on the current connection.
    pub(crate) fn progress(&mut self) {
        let link = self.link.expect("it is being opened");
        self.give(Input::Progress { link });
    }

    /// Fails the attempt or the connection.
    pub(crate) fn fail(&mut self, error: TransportError) {
        let link = self.link.expect("it is being opened");
        self.give(Input::Lost { link, error });
    }

    /// Closes the connection from the server.
    pub(crate) fn close(&mut self, code: CloseCode) {
        let link = self.link.expect("the connection stands");
        self.give(Input::Frame { link, frame: Frame::Close(code) });
    }

    /// Delivers a frame.
    pub(crate) fn hear(&mut self, frame: &Value) {
        let link = self.link.expect("the connection stands");
        self.give(Input::Frame { link, frame: Frame::Text(frame.to_string().into()) });
    }

    /// Closes the connection from the server, and waits until the machine opens another.
    pub(crate) fn reconnect(&mut self) {
        self.close(CloseCode::NoSignOfLife);
        self.pass_minutes(1);
    }

    /// Returns the answers to the app's requests.
    pub(crate) fn take_answers(&mut self) -> Vec<(CallId, Result<Reply, Error>)> {
        std::mem::take(&mut self.answers_given)
    }

    pub(crate) fn refused_views(&self) -> &[ViewId] {
        &self.refused_views
    }

    pub(crate) fn last_frame(&self) -> &[u8] {
        &self.last_frame
    }

    pub(crate) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }
}

/// Makes a reply with a list of conversations.
pub(crate) fn list(conversations: &Value) -> Value {
    json!({
        "success": true, "conversations": conversations, "count": 1, "timestamp": "2024-01-15T10:30:00.000Z",
        "epoch": "epoch_1",
    })
}

/// Makes one row of a list.
pub(crate) fn summary(last_seq: u64, read_up_to: u64, unread_count: u32) -> Value {
    json!({
        "id": "conv_1", "title": "Support: Help", "status": "ACTIVE", "created_by": ME, "participants": [],
        "last_message_at": "2024-01-15T10:30:00.000Z",
        "last_message": {
            "id": format!("msg_0000000000000000{last_seq}"), "content": "text", "sender_id": "control_1",
            "sent_at": "2024-01-15T10:30:00.000Z",
        },
        "last_seq": last_seq, "read_up_to": read_up_to, "unread_count": unread_count,
    })
}

/// Makes a live message of another user.
pub(crate) fn new_message(seq: u64) -> Value {
    json!({
        "type": "new_message", "conversation_id": "conv_1",
        "message": {
            "id": format!("msg_0000000000000000{seq}"), "sender_id": "control_1", "content": "text",
            "message_type": "TEXT", "sent_at": "2024-01-15T10:30:00.000Z", "seq": seq,
        },
    })
}

/// Makes a reply with this range of a conversation's messages.
pub(crate) fn messages(from: u64, to: u64) -> Value {
    let message = |seq| {
        let mut message = new_message(seq)["message"].clone();
        message["conversation_id"] = "conv_1".into();
        message
    };
    json!({
        "success": true, "message": "Joined conversation conv_1", "conversation_id": "conv_1",
        "messages": (from..=to).map(message).collect::<Vec<_>>(), "last_seq": to, "epoch": "epoch_1",
        "complete": true,
    })
}

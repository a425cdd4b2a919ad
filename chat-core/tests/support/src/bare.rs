//! An engine without readers of its frames, to measure the engine's own cost of a message.

use bytes::Bytes;
use chat_core::drive::Frame;
use chat_core::engine::{Claims, ConnectionId, Engine, Input, Output, Settings, Ticket};
use chat_core::limits::{Limits, RateSetting};
use chat_core::protocol::{Role, User};
use chat_core::store::{Change, MemoryState, Verdict};
use chat_core::time::{Now, Timestamp};

/// The connection of the driver. Connections of control users have the next numbers.
const DRIVER: ConnectionId = ConnectionId(0);

/// The seed of all ids.
pub const SEED: [u8; 32] = [7; 32];

/// The request of a conversation.
pub const CREATION: &str =
    r#"{"type":"create_support_conversation","data":{"title":"Detour","content":"Road closed."}}"#;

/// The claims of a token of this user.
pub fn claims(user: User) -> Claims {
    Claims { user, expires_at: Timestamp::from_millis(86_400_000), issued_at: None }
}

/// An engine over a store in memory, with a driver and control connected.
pub struct Bare {
    engine: Engine,
    store: MemoryState,
    conversation: String,
    /// The number of requests.
    number: u64,
    /// A commit for the store.
    decided: Option<(Ticket, Vec<Change>)>,
    /// The result of a commit, for the engine.
    judged: Option<(Ticket, Vec<Verdict>)>,
}

impl Bare {
    /// A conversation with `fan_out` listeners: its driver, and control users with one connection
    /// each.
    pub fn new(fan_out: u64) -> Self {
        let limits = Limits { rates: RateSetting::Lifted, ..Limits::default() };
        let engine = Engine::new(Settings { limits, ..Settings::default() }, SEED);
        let (store, conversation) = (MemoryState::new("epoch"), String::new());
        let mut bare = Self { engine, store, conversation, number: 0, decided: None, judged: None };
        (1..fan_out)
            .for_each(|control| bare.connect(control, &format!("control_{control}"), Role::ControlStaff));
        bare.connect(DRIVER.0, "driver", Role::BusDriver);
        bare.conversation = bare.create();
        bare
    }

    /// Has the driver create another conversation, and gives its id.
    pub fn create(&mut self) -> String {
        let frames = self.settle(Input::Frame { conn: DRIVER, frame: Frame::Text(CREATION.into()) });
        let reply: serde_json::Value = serde_json::from_slice(&frames[0]).unwrap();
        reply["conversation_id"].as_str().unwrap().to_owned()
    }

    /// The request of the driver's next message, which names a client message id.
    pub fn request(&mut self) -> Bytes {
        self.number += 1;
        let data = serde_json::json!({
            "conversation_id": self.conversation,
            "content": "The bridge is closed, take the ring road until further notice.",
            "client_message_id": format!("{:032x}", self.number),
        });
        serde_json::json!({"type": "send_chat_message", "data": data, "request_id": self.number})
            .to_string()
            .into()
    }

    /// Handles the driver's request, up to its commit.
    pub fn decide(&mut self, request: Bytes) {
        self.engine.handle(Now::default(), Input::Frame { conn: DRIVER, frame: Frame::Text(request) });
        match self.engine.poll() {
            Some(Output::Commit { ticket, changes, .. }) => self.decided = Some((ticket, changes)),
            _ => panic!("a message of a participant needs nothing but its commit"),
        }
    }

    /// Commits the decided changes to the store. This is not the engine's work.
    pub fn judge(&mut self) {
        self.judged = self.decided.take().map(|(ticket, changes)| (ticket, self.store.judge(changes)));
    }

    /// Hands the result of the commit to the engine, and returns the number of sent frames.
    pub fn route(&mut self) -> usize {
        let Some((ticket, verdicts)) = self.judged.take() else { return 0 };
        self.engine.handle(Now::default(), Input::Committed { ticket, result: Ok(verdicts) });
        let mut heard = 0;
        while let Some(output) = self.engine.poll() {
            if let Output::Send { conns, .. } = output {
                heard += conns.len();
            }
        }
        heard
    }

    fn connect(&mut self, conn: u64, user: &str, role: Role) {
        let claims = claims(User::new(user, role));
        self.settle(Input::Connected { conn: ConnectionId(conn), claims });
    }

    /// Handles an input, answers all resulting loads and commits, and returns the frames.
    fn settle(&mut self, input: Input) -> Vec<Bytes> {
        let mut frames = Vec::new();
        let mut inputs = vec![input];
        while let Some(input) = inputs.pop() {
            self.engine.handle(Now::default(), input);
            while let Some(output) = self.engine.poll() {
                match output {
                    Output::Load { ticket, query } => {
                        inputs.push(Input::Loaded { ticket, result: Ok(self.store.answer(query)) });
                    }
                    Output::Commit { ticket, changes, .. } => {
                        inputs.push(Input::Committed { ticket, result: Ok(self.store.judge(changes)) });
                    }
                    Output::Send { frame, .. } => frames.push(frame),
                    _ => {}
                }
            }
        }
        frames
    }
}

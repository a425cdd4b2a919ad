//! Shared helpers of the tests, benchmarks and fuzz targets of chat-core.

#![expect(missing_docs, reason = "most names and fields here say what they are")]
#![expect(clippy::missing_panics_doc, reason = "a helper of tests panics where its test has failed")]

pub mod bare;
pub mod chat;
pub mod ops;
pub mod run;

use std::time::Duration;

use chat_core::engine::{Command, ConnectionId, Settings};
use chat_core::limits::{Limits, RateSetting};
use chat_core::protocol::{CloseCode, Role, User};
use chat_core::store::MemoryState;
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question};
use serde_json::{Value, json};

/// The start time of a world, as text.
pub const START: &str = "2024-01-15T10:30:00.000Z";

pub fn named(id: &str, role: Role, first: &str, last: &str) -> User {
    let email = format!("{id}@example.com").into();
    User { email, first_name: first.into(), last_name: last.into(), ..User::new(id, role) }
}

pub fn driver() -> User {
    named("driver_1", Role::BusDriver, "John", "Doe")
}

pub fn other_driver() -> User {
    named("driver_2", Role::BusDriver, "Joan", "Roe")
}

pub fn regulator() -> User {
    named("regulator_1", Role::QueueRegulator, "Rita", "Queue")
}

pub fn staff() -> User {
    named("control_1", Role::ControlStaff, "Jane", "Smith")
}

pub fn admin() -> User {
    named("control_2", Role::ControlAdmin, "Ada", "Boss")
}

/// Default settings with these bounds.
pub fn settings(change: impl FnOnce(&mut Limits)) -> Settings {
    let mut settings = Settings::default();
    change(&mut settings.limits);
    settings
}

/// Settings without rates.
pub fn unhurried() -> Settings {
    settings(|limits| limits.rates = RateSetting::Lifted)
}

pub fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Driver and staff connected, and a conversation of the driver's.
pub struct Scene {
    pub world: World,
    pub driver: ConnectionId,
    pub staff: ConnectionId,
    pub conversation: String,
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Scene {
    pub fn new() -> Self {
        Self::with(unhurried())
    }

    pub fn with(settings: Settings) -> Self {
        let mut world = World::new(settings);
        let staff = world.connect(&staff());
        let driver = world.connect(&driver());
        let conversation = create(&mut world, driver);
        world.take(staff);
        Self { world, driver, staff, conversation }
    }

    /// The `data` of a request about the conversation.
    pub fn data(&self, more: Value) -> Value {
        about(&self.conversation, more)
    }

    pub fn send(&mut self, conn: ConnectionId, content: &str) -> Vec<Value> {
        let data = self.data(json!({"content": content}));
        self.world.ask(conn, "send_chat_message", data)
    }

    /// Puts a send on its way, and takes nothing.
    pub fn put(&mut self, conn: ConnectionId, content: &str) {
        let data = self.data(json!({"content": content}));
        self.world.request(conn, "send_chat_message", data);
    }

    pub fn typing(&mut self, conn: ConnectionId, is_typing: bool) -> Vec<Value> {
        let data = self.data(json!({"is_typing": is_typing}));
        self.world.ask(conn, "typing_indicator", data)
    }

    pub fn read(&mut self, conn: ConnectionId, message: &str) -> Vec<Value> {
        let data = self.data(json!({"message_id": message}));
        self.world.ask(conn, "mark_message_read", data)
    }

    /// The ids of all messages, the oldest first.
    pub fn ids(&self) -> Vec<String> {
        let export = self.world.store.export();
        let stored = &export.conversations[self.conversation.as_str()];
        stored.messages.iter().map(|message| message.id.to_string()).collect()
    }
}

/// Changes the conversation behind the engine's back.
pub fn elsewhere(scene: &mut Scene, command: Command) {
    let store = std::mem::replace(&mut scene.world.store, MemoryState::new("none"));
    let mut other = World::over(store, unhurried());
    let id = other.command(command);
    assert!(other.answers[&id].is_ok());
    scene.world.store = other.store;
}

/// The `data` of a request about a conversation.
pub fn about(conversation: &str, more: Value) -> Value {
    let mut data = more;
    data["conversation_id"] = conversation.into();
    data
}

/// Has a connection create a conversation, and gives its id.
pub fn create(world: &mut World, conn: ConnectionId) -> String {
    let data = json!({"title": "Route Change Request", "content": "Road construction."});
    let heard = world.ask(conn, "create_support_conversation", data);
    heard[0]["conversation_id"].as_str().expect("a conversation was created").to_owned()
}

/// The frames of one type.
pub fn of_type<'a>(frames: &'a [Value], kind: &str) -> Vec<&'a Value> {
    frames.iter().filter(|frame| frame["type"] == kind).collect()
}

/// The numbers of the messages in live events.
pub fn live_seqs(frames: &[Value]) -> Vec<u64> {
    of_type(frames, "new_message").iter().filter_map(|frame| frame["message"]["seq"].as_u64()).collect()
}

/// The replies.
pub fn replies(frames: &[Value]) -> Vec<&Value> {
    frames.iter().filter(|frame| frame.get("type").is_none()).collect()
}

pub fn closed(world: &World, conn: ConnectionId) -> Option<CloseCode> {
    world.peers[&conn].closed
}

/// The place of the commit among the unanswered questions.
pub fn commit_at(world: &World) -> usize {
    let is_commit = |question: &Question| matches!(question, Question::Commit(..));
    world.questions.iter().position(is_commit).expect("a commit waits")
}

/// Answers the pending commit.
pub fn answer_commit(world: &mut World, answer: Answer) {
    let place = commit_at(world);
    world.answer(place, answer);
}

pub fn error(code: &str, text: &str) -> Value {
    json!({"success": false, "error": text, "code": code})
}

pub fn not_found() -> Value {
    error("conversation_not_found", "Conversation not found or access denied")
}

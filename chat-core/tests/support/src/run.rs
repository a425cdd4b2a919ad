//! A run of operations on a world under the oracle's watch.

use std::time::Duration;

use chat_core::engine::{Claims, Command, ConnectionId, Headroom, Input, Settings};
use chat_core::id::ConversationId;
use chat_core::limits::{DailyBudget, Limits, RateLimits, RateSetting};
use chat_core::protocol::{Role, User};
use chat_core::testing::world::{Answer, Question};
use chat_core::testing::{NorthAndSouth, World};
use serde_json::json;

use crate::ops::{Op, Request};

/// How many connections of one user are admitted.
const CONNECTIONS: usize = 3;

/// A world under watch, and the operations so far.
pub struct Run {
    pub world: World,
    /// How many requests were sent: the `request_id` of the next.
    sent: usize,
    users: Vec<User>,
    /// The open connections.
    open: Vec<ConnectionId>,
}

/// The promises hold after each of these operations, and at their end.
pub fn watch(ops: &[Op]) -> Run {
    let mut run = Run::new();
    ops.iter().for_each(|op| run.apply(op));
    run.settle();
    run.world.assert_settled();
    run
}

impl Run {
    fn new() -> Self {
        let mut limits = Limits::default();
        limits.engine.cached_conversations = 2;
        limits.engine.connections_per_user = CONNECTIONS;
        limits.pages.brief_participants = 1;
        limits.pages.brief_content = 8;
        limits.pages.brief_bytes = 800;
        limits.rates = RateSetting::Limited(RateLimits {
            daily: Some(DailyBudget { bytes: 30_000, emergency_bytes: 8_000 }),
            ..RateLimits::default()
        });
        let mut world =
            World::new(Settings { limits, teams: Box::new(NorthAndSouth), ..Settings::default() });
        world.watch();
        Self::over(world)
    }

    /// A run in this world, watched or not.
    pub fn over(mut world: World) -> Self {
        world.hold = true;
        let roles = [
            Role::BusDriver,
            Role::QueueRegulator,
            Role::BusDriver,
            Role::ControlStaff,
            Role::ControlAdmin,
            Role::ControlStaff,
        ];
        let users = (0..).zip(roles).map(|(n, role)| named(User::new(format!("user_{n}"), role), n + 2));
        let users = users.collect::<Vec<_>>();
        let expires_at = world.now().wall.plus(Duration::from_hours(24));
        let claims = |user: &User| Claims { user: user.clone(), expires_at, issued_at: None };
        world.tokens = users.iter().map(|user| (user.id.to_string(), claims(user))).collect();
        Self { world, sent: 0, users, open: Vec::new() }
    }

    /// Answers all questions correctly.
    fn settle(&mut self) {
        for pause in [0, 2] {
            self.world.advance(Duration::from_secs(pause));
            self.world.settle();
        }
    }

    fn note_closed(&mut self) {
        let peers = &self.world.peers;
        self.open.retain(|conn| peers.get(conn).is_some_and(|peer| peer.closed.is_none()));
    }

    pub fn apply(&mut self, op: &Op) {
        self.note_closed();
        match *op {
            Op::Connect(user) => {
                let user = self.user(user);
                self.open.push(self.world.connect(&user));
            }
            Op::ConnectWithRole { user, role } => {
                let user = named(self.user(user), role / Role::ALL.len());
                let user = User { role: Role::ALL[role % Role::ALL.len()], ..user };
                self.open.push(self.world.connect(&user));
            }
            // One connection more than may be admitted and being admitted together.
            Op::Crowd(user) => {
                let user = self.user(user);
                self.open.extend((0..=2 * CONNECTIONS).map(|_| self.world.connect(&user)));
            }
            Op::Disconnect(_) | Op::Request(_, Request::Create { .. }) if self.open.is_empty() => {}
            Op::Disconnect(conn) => {
                let conn = self.open.remove(conn % self.open.len());
                self.world.disconnect(conn);
            }
            Op::Request(conn, ref request) => self.send(conn, request),
            Op::Burst { conn, conversation } => {
                (0..40).for_each(|_| self.send(conn, &Request::Send { conversation, key: None }));
            }
            Op::Enrol { conversation, user } => self.command(conversation, user, |conversation, user| {
                Command::Enrol { conversation, user: user.id }
            }),
            Op::Withdraw { conversation, user } => self.command(conversation, user, |conversation, user| {
                Command::Withdraw { conversation, user: user.id }
            }),
            Op::Deactivate(user) => {
                let _id = self.world.command(Command::Deactivate(self.users[user % 6].id.clone()));
            }
            Op::Activate(user) => {
                let _id = self.world.command(Command::Activate(self.users[user % 6].id.clone()));
            }
            Op::Headroom(level) => {
                let levels = [Headroom::Ample, Headroom::Ample, Headroom::Reserved, Headroom::Exhausted];
                self.world.input(Input::Headroom(levels[level % levels.len()]));
            }
            Op::Import(user) => {
                let imported = named(self.user(user), user / 6);
                let _id = self.world.command(Command::Import(imported));
            }
            Op::Answer { question, answer } => self.answer(question, answer),
            Op::Advance(millis) => self.world.advance(Duration::from_millis(millis)),
            Op::AnswerAll => self.settle(),
        }
    }

    /// The cursor that the first connection with a list that went on was told last.
    pub(crate) fn next_page(&self) -> Option<String> {
        let frames = self.world.peers.values().flat_map(|peer| peer.frames.iter().rev());
        let mut cursors = frames.filter_map(|frame| frame["next_cursor"].as_str());
        cursors.find(|cursor| cursor.starts_with('p')).map(str::to_owned)
    }

    fn send(&mut self, conn: usize, request: &Request) {
        // The engine asks for no more frames of this connection.
        let conns: Vec<_> = self.open.iter().filter(|conn| !self.world.peers[*conn].paused).collect();
        if let Some(conn) = conns.get(conn % conns.len().max(1)).map(|conn| **conn) {
            let (event, data) = (request.event(), request.data(self));
            let frame = json!({"type": event, "data": data, "request_id": self.sent});
            self.sent += 1;
            self.world.text(conn, &frame.to_string());
        }
    }

    /// The number of requests sent.
    pub(crate) fn sent(&self) -> usize {
        self.sent
    }

    fn command(
        &mut self,
        conversation: usize,
        user: usize,
        command: impl Fn(ConversationId, User) -> Command,
    ) {
        let (conversation, user) = (self.conversation(conversation), self.user(user));
        self.world.command(command(ConversationId::from(conversation), user));
    }

    /// Loads are answered in any order, and commits as they come.
    fn answer(&mut self, question: usize, answer: Answer) {
        let count = self.world.questions.len();
        if count > 0 {
            let place = question % count;
            // Only commits are lost here. Tests of admissions and of the directory lose loads.
            let is_commit = matches!(self.world.questions[place], Question::Commit(..));
            let may_be_lost = is_commit || answer == Answer::Late;
            self.world.answer(place, if may_be_lost { answer } else { Answer::Good });
        }
    }

    pub(crate) fn user(&self, user: usize) -> User {
        self.users[user % self.users.len()].clone()
    }

    /// An existing conversation, or now and then a missing one.
    pub(crate) fn conversation(&self, pick: usize) -> String {
        let export = self.world.store.exported();
        let count = export.conversations.len();
        if count == 0 || pick == 99 {
            "conv_unknown".to_owned()
        } else {
            export.conversations.keys().nth(pick % count).map(ToString::to_string).unwrap_or_default()
        }
    }

    /// The version of the work of a conversation, or 0 for a missing one.
    pub(crate) fn work_version(&self, conversation: &str) -> u64 {
        let export = self.world.store.exported();
        export.conversations.get(conversation).map_or(0, |one| one.conversation.work.version)
    }

    /// The version of the emergency of a conversation, or 1 for a missing one.
    pub(crate) fn emergency_version(&self, conversation: &str) -> u64 {
        let export = self.world.store.exported();
        let emergency =
            export.conversations.get(conversation).and_then(|one| one.conversation.emergency.as_ref());
        emergency.map_or(1, |emergency| emergency.version)
    }

    pub(crate) fn message(&self, conversation: usize, seq: usize) -> String {
        let export = self.world.store.exported();
        let conversation = ConversationId::from(self.conversation(conversation));
        let messages =
            export.conversations.get(&conversation).map(|c| c.messages.as_slice()).unwrap_or_default();
        if messages.is_empty() || seq == 99 {
            "msg_unknown".to_owned()
        } else {
            messages[seq % messages.len()].id.to_string()
        }
    }
}

/// The user under a first name that assigns to teams.
fn named(user: User, name: usize) -> User {
    let names = NorthAndSouth::FIRST_NAMES;
    User { first_name: names[name % names.len()].into(), ..user }
}

//! Of equal requests under way at once none is refused after another was accepted: a repeat waits
//! for the first (P2).

use chat_core::engine::{Command, ConnectionId, Settings};
use chat_core::id::{ConversationId, UserId};
use chat_core::limits::{Rate, RateLimits, RateSetting};
use chat_core::store::Query;
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::{Value, json};

/// A driver with two devices, and nothing is answered by itself.
struct TwoDevices {
    scene: Scene,
    other: ConnectionId,
}

impl TwoDevices {
    fn new() -> Self {
        Self::with(unhurried())
    }

    fn with(settings: Settings) -> Self {
        let mut world = World::new(settings);
        world.watch();
        let [staff, driver, other] = [staff(), driver(), driver()].map(|user| world.connect(&user));
        let conversation = create(&mut world, driver);
        let mut scene = Scene { world, driver, staff, conversation };
        scene.world.take(other);
        scene.world.hold = true;
        Self { scene, other }
    }

    fn world(&mut self) -> &mut World {
        &mut self.scene.world
    }

    /// Puts the repeatable message on its way, on the first device and on the other one.
    fn first(&mut self) {
        self.put(self.scene.driver);
    }

    fn other(&mut self) {
        self.put(self.other);
    }

    fn put(&mut self, conn: ConnectionId) {
        let data = self.scene.data(json!({"content": "once", "client_message_id": "a"}));
        self.world().request(conn, "send_chat_message", data);
    }

    /// Carries out a command about the driver. Everything waiting goes on waiting.
    fn command(&mut self, command: fn(ConversationId, UserId) -> Command) {
        let command = command(self.scene.conversation.as_str().into(), driver().id);
        let world = self.world();
        let waiting = std::mem::take(&mut world.questions);
        let id = world.command(command);
        world.settle();
        assert!(world.answers[&id].is_ok());
        world.questions = waiting;
    }

    fn withdraw(&mut self) {
        self.command(|conversation, user| Command::Withdraw { conversation, user });
    }

    fn enrol(&mut self) {
        self.command(|conversation, user| Command::Enrol { conversation, user });
    }

    /// Answers the questions of this kind as of their time, and returns their number.
    fn answer(&mut self, is_it: fn(&Question) -> bool) -> usize {
        let mut answered = 0;
        while let Some(place) = self.world().questions.iter().position(is_it) {
            self.world().answer(place, Answer::Good);
            answered += 1;
        }
        answered
    }

    /// Answers everything left, and returns the replies to the first device and to the other one.
    fn settle(&mut self) -> [Vec<Value>; 2] {
        self.world().settle();
        self.world().assert_settled();
        [self.scene.driver, self.other].map(|conn| {
            let heard = self.world().take(conn);
            replies(&heard).into_iter().cloned().collect()
        })
    }
}

fn is_commit(question: &Question) -> bool {
    matches!(question, Question::Commit(..))
}

fn is_lookup(question: &Question) -> bool {
    matches!(question, Question::Load(_, Query::Original { .. }))
}

fn is_conversation(question: &Question) -> bool {
    matches!(question, Question::Load(_, Query::Conversation(_)))
}

#[test]
fn none_is_accepted_while_it_is_looked_up_whether_another_was() {
    let mut devices = TwoDevices::new();
    devices.withdraw();
    devices.other();
    assert_eq!(devices.answer(is_conversation), 1);
    assert!(is_lookup(&devices.world().questions[0]), "it takes no part, but may have been accepted before");
    devices.enrol();
    devices.first();
    devices.answer(is_commit);
    devices.withdraw();
    assert_eq!(devices.settle(), [[not_found()], [not_found()]], "the first waited, and came too late");
    assert_eq!(devices.scene.ids().len(), 1);
}

#[test]
fn a_repeat_waits_for_the_first_before_it_is_paced() {
    let hour = Rate { burst: 1, every: secs(3_600) };
    let rates = RateLimits { messages: hour, ..RateLimits::default() };
    let mut devices = TwoDevices::with(settings(|limits| {
        limits.rates = RateSetting::Limited(rates);
        limits.engine.cached_conversations = 1;
    }));
    devices.world().hold = false;
    let driver = devices.scene.driver;
    create(devices.world(), driver);
    devices.world().take(driver);
    devices.world().hold = true;
    devices.first();
    devices.other();
    assert!(matches!(devices.world().questions[..], [Question::Load(_, Query::Conversation(_))]));
    let [first, other] = devices.settle();
    assert_eq!((first[0]["seq"].as_u64(), &first), (Some(2), &other));
}

#[test]
fn a_refusal_that_would_leave_behind_earlier_replies_is_decided_when_they_have_left() {
    let mut devices = TwoDevices::new();
    devices.world().hold = false;
    let device = devices.other;
    let second = create(devices.world(), device);
    devices.world().take(device);
    devices.world().hold = true;
    devices.withdraw();
    let data = about(&second, json!({"content": "meets a conflict"}));
    devices.world().request(device, "send_chat_message", data);
    devices.other();
    devices.answer(is_conversation);
    devices.answer(is_lookup);
    let (conversation, user) = (second.as_str().into(), staff().id);
    elsewhere(&mut devices.scene, Command::Withdraw { conversation, user });
    answer_commit(devices.world(), Answer::Good);
    devices.enrol();
    devices.first();
    answer_commit(devices.world(), Answer::Good);
    devices.withdraw();
    let [first, other] = devices.settle();
    assert_eq!((first[0]["seq"].as_u64(), &first[0]), (Some(2), &other[1]));
}

#[test]
fn a_repeat_goes_on_when_the_first_or_its_connection_ends() {
    for is_remembered in [true, false] {
        let cached = if is_remembered { 20_000 } else { 1 };
        let mut devices = TwoDevices::with(settings(|limits| limits.engine.cached_conversations = cached));
        devices.world().hold = false;
        let stranger = devices.world().connect(&other_driver());
        create(devices.world(), stranger);
        devices.world().hold = true;
        devices.first();
        devices.other();
        assert_eq!(devices.world().questions.len(), 1);
        let driver = devices.scene.driver;
        devices.world().disconnect(driver);
        let [_, other] = devices.settle();
        assert_eq!(other[0]["seq"], 2, "remembered: {is_remembered}");
        assert_eq!(devices.scene.ids().len(), 2);
    }
}

#[test]
fn a_repeat_whose_connection_ends_is_not_waited_for() {
    let mut devices = TwoDevices::new();
    devices.first();
    devices.other();
    devices.other();
    let other = devices.other;
    devices.world().disconnect(other);
    let [first, _] = devices.settle();
    assert_eq!(first[0]["seq"], 2);
    devices.other = devices.scene.world.connect(&driver());
    devices.other();
    assert_eq!(devices.settle()[1], first, "the first has ended");
}

//! The listeners of an event of another engine.

use chat_core::engine::{Command, ConnectionId};
use chat_core::protocol::User;
use chat_core::store::MemoryState;
use chat_core::testing::World;
use chat_core::testing::world::Answer;
use core_test_support::{
    admin, create, driver, not_found, of_type, other_driver, replies, secs, staff, unhurried,
};
use serde_json::json;

use super::{Shared, Two, live};

#[test]
fn a_message_of_another_engine_reaches_everybody_here() {
    let mut shared = Shared::new();
    shared.say_there("two");
    shared.two.here.hear();
    assert_eq!(live(&shared.two.here.take(shared.staff)), ["two"]);
    assert_eq!(live(&shared.two.here.take(shared.driver)), ["two"]);
}

#[test]
fn control_hears_of_a_conversation_created_at_another_engine() {
    let mut two = Two::new();
    let staff = two.here.connect(&staff());
    two.there(|world| {
        let conn = world.connect(&driver());
        create(world, conn)
    });
    two.here.hear();
    let heard = two.here.take(staff);
    assert_eq!((of_type(&heard, "new_support_conversation").len(), live(&heard).len()), (1, 1));
}

#[test]
fn a_message_sent_elsewhere_does_not_end_typing_here() {
    let mut shared = Shared::new();
    let data = json!({"conversation_id": shared.conversation, "is_typing": true});
    shared.two.here.request(shared.driver, "typing_indicator", data);
    shared.say_there("two");
    shared.two.here.hear();
    let heard = shared.two.here.take(shared.staff);
    let typing: Vec<_> = of_type(&heard, "typing_status").iter().map(|frame| &frame["is_typing"]).collect();
    assert_eq!(typing, [true], "the device here still types");
}

#[test]
fn every_own_connection_here_hears_of_a_reading_elsewhere() {
    let mut shared = Shared::new();
    let message =
        shared.two.here.store.exported().conversations[shared.conversation.as_str()].messages[0].id.clone();
    let data = json!({"conversation_id": shared.conversation, "message_id": message});
    let conn = shared.driver_there;
    shared.two.there(|world| world.ask(conn, "mark_message_read", data));
    shared.two.here.hear();
    assert_eq!(of_type(&shared.two.here.take(shared.driver), "read_position").len(), 1);
    assert_eq!(of_type(&shared.two.here.take(shared.staff), "message_read").len(), 1);
}

/// An engine that does not hold the conversation in its cache, with a driver at the other engine.
struct Unloaded {
    two: Two,
    conversation: String,
    driver_there: ConnectionId,
}

impl Unloaded {
    fn new() -> Self {
        let mut before = World::new(unhurried());
        let conn = before.connect(&driver());
        let conversation = create(&mut before, conn);
        let store = std::mem::replace(&mut before.store, MemoryState::new("none"));
        let mut two = Two::over(store);
        let driver_there = two.there(|world| world.connect(&driver()));
        two.here.hear();
        two.here.hold = true;
        Self { two, conversation, driver_there }
    }

    fn connect(&mut self, user: &User) -> ConnectionId {
        let conn = self.two.here.connect(user);
        self.two.here.settle();
        self.two.here.hear();
        self.two.here.settle();
        conn
    }

    fn say(&mut self, content: &str) {
        let data = json!({"conversation_id": self.conversation, "content": content});
        let conn = self.driver_there;
        self.two.there(|world| world.ask(conn, "send_chat_message", data));
    }

    fn there(&mut self, command: Command) {
        let is_done = self.two.there(|world| {
            let id = world.command(command);
            world.answers[&id].is_ok()
        });
        assert!(is_done);
    }

    fn member(&mut self, is_in: bool) {
        let (conversation, user) = (self.conversation.as_str().into(), other_driver().id);
        let command = if is_in {
            Command::Enrol { conversation, user }
        } else {
            Command::Withdraw { conversation, user }
        };
        self.there(command);
    }
}

#[test]
fn a_message_of_a_conversation_that_is_not_loaded_reaches_everybody_here() {
    let mut unloaded = Unloaded::new();
    let staff = unloaded.connect(&staff());
    ["two", "three"].into_iter().for_each(|content| {
        unloaded.say(content);
        unloaded.two.here.hear();
    });
    assert!(live(&unloaded.two.here.take(staff)).is_empty());
    unloaded.two.here.settle();
    assert_eq!(live(&unloaded.two.here.take(staff)), ["two", "three"]);
}

#[test]
fn notes_of_another_engine_reach_control_alone() {
    let mut unloaded = Unloaded::new();
    let (staff, driver) = (unloaded.connect(&staff()), unloaded.connect(&driver()));
    let of_conversation =
        |content: &str| json!({"conversation_id": unloaded.conversation, "content": content});
    unloaded.two.there(|world| {
        let admin = world.connect(&admin());
        for content in ["one", "two"] {
            assert_eq!(world.ask(admin, "add_note", of_conversation(content))[0]["success"], true);
        }
    });
    unloaded.two.here.hear();
    unloaded.two.here.settle();
    assert_eq!(live(&unloaded.two.here.take(staff)), ["one", "two"], "P4");
    assert_eq!(live(&unloaded.two.here.take(driver)), [] as [&str; 0], "P5");
}

#[test]
fn each_message_reaches_those_who_took_part_at_its_time() {
    let mut unloaded = Unloaded::new();
    let other = unloaded.connect(&other_driver());
    unloaded.say("before");
    unloaded.member(true);
    unloaded.say("within");
    unloaded.two.here.hear();
    unloaded.two.here.settle();
    assert_eq!(live(&unloaded.two.here.take(other)), ["within"]);
}

#[test]
fn a_message_reaches_those_who_have_left_since() {
    let mut unloaded = Unloaded::new();
    let other = unloaded.connect(&other_driver());
    unloaded.member(true);
    unloaded.two.here.hear();
    unloaded.say("within");
    unloaded.member(false);
    unloaded.say("after");
    unloaded.two.here.hear();
    unloaded.two.here.settle();
    assert_eq!(live(&unloaded.two.here.take(other)), ["within"]);
}

/// Control is out while something is said, then withdrawn, back, and here, all before the
/// conversation is loaded. Control has connected before or after hearing that it is back.
fn heard_by_control_that_was_out(connects_before: bool) -> [Vec<String>; 2] {
    let (mut unloaded, user) = (Unloaded::new(), staff().id);
    let conversation = unloaded.conversation.as_str().into();
    unloaded.there(Command::Import(staff()));
    let always_in = unloaded.connect(&admin());
    unloaded.there(Command::Deactivate(user.clone()));
    unloaded.two.here.hear();
    unloaded.say("two");
    unloaded.two.here.hear();
    unloaded.there(Command::Activate(user.clone()));
    let early = connects_before.then(|| unloaded.two.here.connect(&staff()));
    unloaded.there(Command::Withdraw { conversation, user });
    unloaded.two.here.hear();
    let was_out = early.unwrap_or_else(|| unloaded.two.here.connect(&staff()));
    unloaded.two.here.answer(1, Answer::Good);
    unloaded.two.here.settle();
    [always_in, was_out].map(|conn| live(&unloaded.two.here.take(conn)).into_iter().map(Into::into).collect())
}

#[test]
fn a_message_does_not_reach_those_who_had_no_rights_at_its_time() {
    for connects_before in [false, true] {
        let [always_in, was_out] = heard_by_control_that_was_out(connects_before);
        assert_eq!(always_in, ["two"]);
        assert!(was_out.is_empty(), "the user was deactivated: {was_out:?}");
    }
}

#[test]
fn nothing_is_granted_on_the_members_of_before() {
    let mut unloaded = Unloaded::new();
    let other = unloaded.connect(&other_driver());
    unloaded.member(true);
    unloaded.two.here.hear();
    let data = json!({"conversation_id": unloaded.conversation, "is_typing": true});
    unloaded.two.here.request(other, "typing_indicator", data);
    unloaded.say("two");
    unloaded.member(false);
    unloaded.two.here.hear();
    unloaded.two.here.answer(0, Answer::Good);
    unloaded.two.here.settle();
    assert_eq!(replies(&unloaded.two.here.take(other)), [&not_found()], "a reply to a former member");
}

#[test]
fn a_conversation_that_can_not_be_loaded_is_loaded_again() {
    let mut unloaded = Unloaded::new();
    let staff = unloaded.connect(&staff());
    unloaded.say("two");
    unloaded.two.here.hear();
    unloaded.two.here.answer(0, Answer::Lost);
    assert!(unloaded.two.here.questions.is_empty(), "not at once");
    unloaded.two.here.advance(secs(1));
    unloaded.two.here.settle();
    assert_eq!(live(&unloaded.two.here.take(staff)), ["two"]);
}

#[test]
fn observers_see_every_event_in_order_while_a_conversation_is_being_loaded() {
    let mut unloaded = Unloaded::new();
    unloaded.connect(&staff());
    let first = unloaded.two.here.store.exported().position.0;
    unloaded.two.here.published.clear();
    unloaded.say("two");
    unloaded.two.there(|world| {
        let conn = world.connect(&other_driver());
        create(world, conn)
    });
    unloaded.two.here.hear();
    let positions: Vec<_> = unloaded.two.here.published.iter().map(|(position, _)| position.0).collect();
    let last = unloaded.two.here.store.exported().position.0;
    assert_eq!(positions, (first + 1..=last).collect::<Vec<_>>());
}

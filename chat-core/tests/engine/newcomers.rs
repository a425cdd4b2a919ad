//! A control user misses nothing at the first connection. The user hears of each conversation
//! created from then on, however long the look-up of the account takes, and the list has all
//! earlier conversations.

use chat_core::engine::{Command, ConnectionId, Input};
use chat_core::limits::RateSetting;
use chat_core::protocol::{CloseCode, Role, User};
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::{Value, json};

/// A connected driver, and a newcomer whose account has been requested and has not come.
fn newcomer() -> (World, ConnectionId, ConnectionId) {
    let mut world = World::new(unhurried());
    let driver = world.connect(&driver());
    world.hold = true;
    let newcomer = world.connect(&staff());
    (world, driver, newcomer)
}

fn ask_for_help(world: &mut World, driver: ConnectionId, more: &[(&str, &str)]) {
    let mut data = json!({"title": "Help", "content": "Help!"});
    more.iter().for_each(|(name, value)| data[*name] = json!(value));
    world.request(driver, "create_support_conversation", data);
}

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap_or("reply")).collect()
}

fn commits(world: &World) -> usize {
    world.questions.iter().filter(|question| matches!(question, Question::Commit(..))).count()
}

#[test]
fn a_conversation_that_is_created_while_a_newcomer_is_looked_up_has_it() {
    let (mut world, driver, newcomer) = newcomer();
    ask_for_help(&mut world, driver, &[]);
    world.settle();
    let reply = &world.take(driver)[0];
    assert_eq!(reply["participants"], json!(["driver_1", "control_1"]));
    assert_eq!(kinds(&world.take(newcomer)), ["new_support_conversation", "new_message"]);
    world.request(
        driver,
        "send_chat_message",
        json!({"conversation_id": reply["conversation_id"], "content": "?"}),
    );
    world.settle();
    assert_eq!(live_seqs(&world.take(newcomer)), [2]);
}

#[test]
fn the_requests_behind_it_keep_their_order() {
    let (mut world, driver, _) = newcomer();
    ask_for_help(&mut world, driver, &[]);
    world.request(driver, "get_active_conversations", json!({}));
    world.settle();
    let heard = world.take(driver);
    let replies = replies(&heard);
    assert_eq!((&replies[0]["title"], &replies[1]["count"]), (&json!("Support: Help"), &json!(1)));
}

#[test]
fn it_waits_for_nobody_who_comes_later() {
    let (mut world, driver, _) = newcomer();
    ask_for_help(&mut world, driver, &[]);
    let later = world.connect(&admin());
    world.answer(0, Answer::Good);
    assert_eq!(commits(&world), 1);
    answer_commit(&mut world, Answer::Good);
    assert_eq!(world.take(driver)[0]["participants"], json!(["driver_1", "control_1"]));
    world.settle();
    assert!(world.take(later).is_empty());
    let conversation = world.store.export().conversations.keys().next().unwrap().to_string();
    world.request(driver, "send_chat_message", about(&conversation, json!({"content": "?"})));
    world.settle();
    assert_eq!(live_seqs(&world.take(later)), [2], "enrolled as one who becomes known after it");
}

#[test]
fn it_waits_for_no_other_user_and_for_nobody_who_is_known() {
    let mut world = World::new(unhurried());
    let driver = world.connect(&driver());
    world.command(Command::Import(staff()));
    world.hold = true;
    world.connect(&staff());
    world.connect(&other_driver());
    ask_for_help(&mut world, driver, &[]);
    assert_eq!(commits(&world), 1);
}

#[test]
fn a_newcomer_that_leaves_or_may_not_come_in_holds_nobody_up() {
    let (mut world, driver, newcomer) = newcomer();
    ask_for_help(&mut world, driver, &[]);
    assert_eq!(commits(&world), 0);
    world.disconnect(newcomer);
    assert_eq!(commits(&world), 1, "gone");

    let (mut world, driver, newcomer) = self::newcomer();
    ask_for_help(&mut world, driver, &[]);
    world.answer(0, Answer::Lost);
    assert_eq!(closed(&world, newcomer), Some(CloseCode::TryAgainLater));
    assert_eq!(commits(&world), 1, "the store did not answer");

    let mut world = World::new(unhurried());
    let driver = world.connect(&core_test_support::driver());
    world.command(Command::Import(staff()));
    world.command(Command::Deactivate("control_1".into()));
    world.hold = true;
    let newcomer = world.connect(&staff());
    ask_for_help(&mut world, driver, &[]);
    world.settle();
    assert_eq!(closed(&world, newcomer), Some(CloseCode::Deactivated));
    assert_eq!(world.take(driver)[0]["participants"], json!(["driver_1"]));
}

#[test]
fn a_creator_that_is_gone_meanwhile_leaves_nothing_behind() {
    let (mut world, driver, _) = newcomer();
    ask_for_help(&mut world, driver, &[]);
    world.disconnect(driver);
    world.settle();
    assert!(world.store.export().conversations.is_empty());
}

#[test]
fn a_repeat_from_another_device_is_one_and_the_same() {
    let (mut world, driver, newcomer) = newcomer();
    let device = world.connect(&core_test_support::driver());
    for conn in [driver, device] {
        ask_for_help(&mut world, conn, &[("client_message_id", "once")]);
    }
    world.settle();
    let first = world.take(driver)[0].clone();
    assert_eq!(first["participants"], json!(["driver_1", "control_1"]));
    assert!(world.take(device).contains(&first));
    assert_eq!(live_seqs(&world.take(newcomer)), [1]);
}

#[test]
fn who_moves_to_the_control_centre_is_a_newcomer_there() {
    let mut world = World::new(unhurried());
    world.connect(&User::new("control_1", Role::BusDriver));
    let driver = world.connect(&driver());
    world.hold = true;
    world.connect(&staff());
    ask_for_help(&mut world, driver, &[]);
    world.settle();
    assert_eq!(world.take(driver)[0]["participants"], json!(["driver_1", "control_1"]));
}

/// Conversations to be enrolled in, two at a time; nothing is answered yet.
fn five_conversations() -> (World, ConnectionId) {
    let mut world = World::new(settings(|limits| {
        limits.rates = RateSetting::Lifted;
        limits.engine.enrolment_step = 2;
    }));
    let driver = world.connect(&driver());
    (0..5).for_each(|_| drop(create(&mut world, driver)));
    world.hold = true;
    let newcomer = world.connect(&staff());
    (world, newcomer)
}

/// The same, and a waiting list: the user is known, and the first conversations are looked up.
fn list_that_waits() -> (World, ConnectionId) {
    let (mut world, newcomer) = five_conversations();
    world.request(newcomer, "get_active_conversations", json!({}));
    world.answer(0, Answer::Good);
    answer_commit(&mut world, Answer::Good);
    (world, newcomer)
}

#[test]
fn its_first_list_shows_all_that_it_is_enrolled_in() {
    let (mut world, newcomer) = five_conversations();
    world.request(newcomer, "get_active_conversations", json!({}));
    world.request(newcomer, "join_support_room", json!({}));
    let device = world.connect(&staff());
    world.request(device, "get_active_conversations", json!({}));
    let passer_by = world.connect(&other_driver());
    world.request(passer_by, "get_active_conversations", json!({}));
    world.settle();
    let heard = world.take(newcomer);
    assert_eq!((&heard[0]["count"], &heard[1]["room_type"]), (&json!(5), &json!("general_support")));
    assert_eq!(world.take(device)[0]["count"], 5);
    assert_eq!(world.take(passer_by)[0]["count"], 0);
}

#[test]
fn a_list_does_not_wait_for_an_enrolment_that_fails() {
    let (mut world, newcomer) = five_conversations();
    let next = world.connect(&admin());
    for conn in [newcomer, next] {
        world.request(conn, "get_active_conversations", json!({}));
    }
    (0..2).for_each(|_| world.answer(0, Answer::Good));
    while world.questions.iter().any(|question| matches!(question, Question::Commit(..))) {
        answer_commit(&mut world, Answer::Good);
    }
    assert!(world.take(newcomer).is_empty(), "it waits");
    world.answer(0, Answer::Lost);
    for conn in [newcomer, next] {
        assert_eq!(world.take(conn)[0]["code"], "unavailable");
    }
    world.request(newcomer, "get_active_conversations", json!({}));
    world.advance(secs(2));
    world.settle();
    assert_eq!(world.take(newcomer)[0]["count"], 5, "tried again");
}

#[test]
fn a_list_that_waits_does_not_hold_up_the_end_of_the_service() {
    let (mut world, newcomer) = list_that_waits();
    world.input(Input::Drain);
    assert_eq!(world.take(newcomer)[0]["code"], "unavailable");
    assert_eq!(closed(&world, newcomer), Some(CloseCode::GoingAway));
    world.settle();
    assert!(world.drained);
}

#[test]
fn a_list_whose_asker_is_gone_is_forgotten() {
    let (mut world, newcomer) = list_that_waits();
    world.disconnect(newcomer);
    let next = world.connect(&staff());
    world.settle();
    assert_eq!(world.ask(next, "get_active_conversations", json!({})), Vec::<Value>::new(), "it waits");
    world.settle();
    assert_eq!(world.take(next)[0]["count"], 5);
}

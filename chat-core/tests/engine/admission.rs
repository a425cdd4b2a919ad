//! Connections that are being admitted. Once admitted, a connection hears everything since its
//! beginning (P4). A refused one hears nothing (P5). Nobody waits for either.

use chat_core::engine::{Command, ConnectionId};
use chat_core::protocol::{CloseCode, Role, User};
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question, START as NOON};
use core_test_support::*;
use serde_json::{Value, json};

/// A connected driver, and a new control user while the account is still being loaded.
fn newcomer() -> (World, ConnectionId, ConnectionId) {
    let mut world = World::new(unhurried());
    let driver = world.connect(&driver());
    world.hold = true;
    let newcomer = world.connect(&staff());
    (world, driver, newcomer)
}

/// Asks for help, and gives the id of the conversation once that is committed.
fn help(world: &mut World, driver: ConnectionId) -> String {
    let data = json!({"title": "Help", "content": "Help!", "room_type": "emergency_support"});
    world.request(driver, "create_support_conversation", data);
    answer_commit(world, Answer::Good);
    let heard = world.take(driver);
    replies(&heard)[0]["conversation_id"].as_str().expect("nobody is waited for").to_owned()
}

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap_or("reply")).collect()
}

#[test]
fn a_control_user_hears_all_from_its_very_first_connection_on() {
    for looked_up_before in [false, true] {
        let (mut world, driver, newcomer) = newcomer();
        if looked_up_before {
            world.answer(0, Answer::Good);
            assert!(matches!(world.questions[..], [Question::Commit(..)]), "its account is put");
            let data = json!({"title": "Help", "content": "Help!"});
            world.request(driver, "create_support_conversation", data);
        } else {
            help(&mut world, driver);
        }
        assert!(world.take(newcomer).is_empty(), "P5: it is not admitted yet");
        world.settle();
        let heard = world.take(newcomer);
        assert_eq!(kinds(&heard), ["new_support_conversation", "new_message"], "P4: {looked_up_before}");
    }
}

#[test]
fn a_user_who_moves_to_the_control_centre_hears_all_from_the_first_connection_there_on() {
    let mut world = World::new(unhurried());
    let on_phone = world.connect(&User::new("control_1", Role::BusDriver));
    let driver = world.connect(&driver());
    world.hold = true;
    let at_desk = world.connect(&staff());
    let conversation = help(&mut world, driver);
    assert_eq!(world.take(on_phone), [] as [Value; 0], "P5: still a driver");
    world.request(driver, "send_chat_message", about(&conversation, json!({"content": "?"})));
    world.settle();
    let heard = world.take(at_desk);
    assert_eq!(kinds(&heard), ["new_support_conversation", "new_message", "new_message"]);
    assert_eq!(live_seqs(&heard), [1, 2]);
    assert_eq!(kinds(&world.take(on_phone)), ["error"], "its rights have changed");
}

#[test]
fn its_first_list_shows_all_that_there_is() {
    let mut world = World::new(unhurried());
    let driver = world.connect(&driver());
    (0..5).for_each(|_| drop(create(&mut world, driver)));
    world.hold = true;
    let newcomer = world.connect(&staff());
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

/// Has somebody ask for help while a connection of control is refused, and gives the code that is
/// told.
fn heard_while_refused(
    mut world: World,
    connect: impl FnOnce(&mut World) -> ConnectionId,
    answer: Answer,
) -> Value {
    let driver = world.connect(&driver());
    let known = world.connect(&admin());
    world.hold = true;
    let conn = connect(&mut world);
    help(&mut world, driver);
    world.answer(0, answer);
    world.settle();
    assert_eq!(kinds(&world.take(known)), ["new_support_conversation", "new_message"]);
    assert!(closed(&world, conn).is_some());
    let heard = world.take(conn);
    assert_eq!(kinds(&heard), ["error"], "P5: a refused connection hears something");
    heard[0]["code"].clone()
}

#[test]
fn a_token_of_a_deactivated_user_hears_nothing() {
    let mut world = World::new(unhurried());
    world.command(Command::Import(staff()));
    world.command(Command::Deactivate(staff().id));
    let code = heard_while_refused(world, |world| world.connect(&staff()), Answer::Good);
    assert_eq!(code, "deactivated");
}

#[test]
fn a_token_of_an_older_role_hears_nothing() {
    let mut world = World::new(unhurried());
    world.command(Command::Import(User { role: Role::BusDriver, ..staff() }));
    let old = NOON.minus(secs(10));
    let code = heard_while_refused(world, |world| world.connect_issued(&staff(), old), Answer::Good);
    assert_eq!(code, "rights_changed");
}

#[test]
fn a_token_that_flips_a_role_too_often_hears_nothing() {
    let mut world = World::new(settings(|_| ()));
    let driver = User { role: Role::BusDriver, ..staff() };
    for user in [staff(), driver.clone(), staff(), driver] {
        world.connect(&user);
    }
    let code = heard_while_refused(world, |world| world.connect(&staff()), Answer::Good);
    assert_eq!(code, "rights_changed");
}

#[test]
fn a_token_that_the_store_can_not_look_up_hears_nothing() {
    let world = World::new(unhurried());
    let code = heard_while_refused(world, |world| world.connect(&staff()), Answer::Lost);
    assert_eq!(code, "unavailable");
}

#[test]
fn who_loses_control_while_being_admitted_hears_nothing() {
    let mut world = World::new(unhurried());
    let driver = world.connect(&driver());
    world.command(Command::Import(staff()));
    world.hold = true;
    let entering = world.connect_issued(&staff(), NOON.minus(secs(10)));
    help(&mut world, driver);
    world.command(Command::Import(User { role: Role::BusDriver, ..staff() }));
    world.settle();
    assert_eq!(closed(&world, entering), Some(CloseCode::RightsChanged));
    assert_eq!(kinds(&world.take(entering)), ["error"], "P5: a refused connection hears something");
}

#[test]
fn a_newcomer_that_leaves_is_forgotten() {
    let (mut world, driver, newcomer) = newcomer();
    world.disconnect(newcomer);
    let conversation = help(&mut world, driver);
    world.settle();
    let data = about(&conversation, json!({"content": "?"}));
    world.hold = false;
    assert_eq!(world.ask(driver, "send_chat_message", data)[0]["seq"], 2);
    let again = world.connect(&staff());
    assert_eq!(world.ask(again, "get_active_conversations", json!({}))[0]["count"], 1);
}

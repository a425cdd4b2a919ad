//! The users of teams that the engine knows, when the store answers late, or not at all.

use chat_core::engine::{Command, Input};
use chat_core::store::Query;
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::{Value, json};

/// The participants of a new conversation of the driver's.
fn participants(world: &mut World) -> Value {
    world.hold = false;
    let driver = world.connect(&driver());
    let data = json!({"title": "t", "content": "c"});
    world.ask(driver, "create_support_conversation", data)[0]["participants"].clone()
}

/// A world in which an account change was lost, and a control user connects behind it. The
/// directory is read again.
fn in_doubt() -> World {
    let mut world = World::new(unhurried());
    world.hold = true;
    world.connect(&other_driver());
    world.answer(0, Answer::Good);
    world.answer(0, Answer::Lost);
    assert!(matches!(&world.questions[..], [Question::Load(_, Query::Directory)]));
    world
}

#[test]
fn a_control_user_stays_known_when_the_directory_is_read_again_under_its_change() {
    let mut world = in_doubt();
    world.connect(&admin());
    world.answer(1, Answer::Good);
    world.answer(0, Answer::Good);
    world.settle();
    assert_eq!(participants(&mut world), json!(["driver_1", "control_2"]));
}

#[test]
fn a_directory_that_is_older_than_what_was_committed_is_read_again() {
    let mut world = in_doubt();
    let Question::Load(ticket, query) = world.questions.remove(0) else { panic!("the directory is loaded") };
    let old = world.store.answer(query);
    world.connect(&admin());
    world.settle();
    world.input(Input::Loaded { ticket, result: Ok(old) });
    world.settle();
    assert_eq!(participants(&mut world), json!(["driver_1", "control_2"]));
}

#[test]
fn of_two_commands_on_one_account_the_later_one_lasts() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.world.command(Command::Deactivate(staff().id));
    scene.world.command(Command::Activate(staff().id));
    scene.world.settle();
    assert!(scene.world.store.export().accounts[&staff().id].account.active);
    assert_eq!(participants(&mut scene.world), json!(["driver_1", "control_1"]));
}

#[test]
fn a_change_of_an_account_is_not_decided_on_older_facts() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.world.command(Command::Activate(staff().id));
    let Question::Load(ticket, query) = scene.world.questions.remove(0) else {
        panic!("the account is loaded")
    };
    let old = scene.world.store.answer(query);
    scene.world.command(Command::Deactivate(staff().id));
    scene.world.answer(0, Answer::Good);
    scene.world.answer(0, Answer::Good);
    scene.world.input(Input::Loaded { ticket, result: Ok(old) });
    scene.world.settle();
    assert!(scene.world.store.export().accounts[&staff().id].account.active);
    assert_eq!(participants(&mut scene.world), json!(["driver_1", "control_1"]));
}

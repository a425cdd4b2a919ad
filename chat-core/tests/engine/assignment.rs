//! The assignment of control users to a support conversation, at its creation and afterwards.

use chat_core::engine::{Assignment, Command, Input, Settings, SupportRequest};
use chat_core::id::UserId;
use chat_core::limits::RateSetting;
use chat_core::protocol::{CloseCode, Role, RoomType, User};
use chat_core::store::Query;
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::json;

fn participants(world: &World, conversation: &str) -> Vec<String> {
    let export = world.store.export();
    export.conversations[conversation].conversation.participants.iter().map(UserId::to_string).collect()
}

fn small_steps() -> Settings {
    settings(|limits| {
        limits.rates = RateSetting::Lifted;
        limits.engine.enrolment_step = 2;
    })
}

#[test]
fn all_known_active_control_users_take_part_and_nobody_else() {
    let mut world = World::new(unhurried());
    world.connect(&staff());
    let gone = world.connect(&admin());
    world.disconnect(gone);
    world.connect(&other_driver());
    world.connect(&regulator());
    world.command(Command::Import(User::new("control_3", Role::ControlStaff)));
    world.command(Command::Import(User::new("control_4", Role::ControlStaff)));
    world.command(Command::Deactivate("control_4".into()));
    let driver = world.connect(&driver());
    let conversation = create(&mut world, driver);
    assert_eq!(participants(&world, &conversation), ["control_1", "control_2", "control_3", "driver_1"]);
}

#[test]
fn a_control_user_who_becomes_known_is_enrolled_in_all_active_conversations() {
    let mut world = World::new(small_steps());
    let driver = world.connect_for(&driver(), secs(60 * 86_400));
    let old = create(&mut world, driver);
    world.advance(secs(30 * 86_400));
    let active: Vec<_> = (0..5).map(|_| create(&mut world, driver)).collect();
    assert_eq!(participants(&world, &active[0]), ["driver_1"], "created all the same");

    let staff = world.connect(&staff());
    for conversation in &active {
        assert_eq!(participants(&world, conversation), ["control_1", "driver_1"]);
    }
    assert_eq!(participants(&world, &old), ["driver_1"], "silent for 30 days");
    assert!(!world.store.export().accounts[&UserId::from("control_1")].enrolment_due);

    let listed = world.ask(staff, "get_active_conversations", json!({}));
    assert_eq!(listed[0]["count"], 5);
    let listed = world.ask(driver, "get_active_conversations", json!({}));
    assert_eq!(listed[0]["count"], 5, "an inactive one is not listed");
    world.ask(driver, "send_chat_message", about(&old, json!({"content": "again"})));
    let listed = world.ask(driver, "get_active_conversations", json!({}));
    assert_eq!(
        (&listed[0]["count"], &listed[0]["conversations"][0]["status"]),
        (&json!(6), &json!("ACTIVE"))
    );
}

#[test]
fn a_message_in_a_silent_conversation_reaches_the_control_users_of_today() {
    let mut world = World::new(unhurried());
    let driver = world.connect_for(&driver(), secs(60 * 86_400));
    let old = create(&mut world, driver);
    world.advance(secs(31 * 86_400));
    let staff = world.connect(&staff());
    let reply = world.ask(driver, "send_chat_message", about(&old, json!({"content": "still there?"})));
    assert_eq!(reply[0]["seq"], 2);
    assert_eq!(participants(&world, &old), ["control_1", "driver_1"]);
    let heard = world.take(staff);
    assert_eq!(heard[0]["message"]["content"], "still there?", "nobody is stranded");
    assert_eq!(heard.len(), 1);
}

#[test]
fn enrolment_that_a_crash_cut_short_is_ended_after_the_restart() {
    let mut world = World::new(small_steps());
    let driver = world.connect(&driver());
    let all: Vec<_> = (0..5).map(|_| create(&mut world, driver)).collect();
    world.hold = true;
    world.connect(&staff());
    for _ in 0..4 {
        world.answer(0, Answer::Good);
    }
    let enrolled = |world: &World| all.iter().filter(|id| participants(world, id).len() == 2).count();
    assert_eq!(enrolled(&world), 2, "one page of three is done");
    let world = World::over(world.store, small_steps());
    assert_eq!(enrolled(&world), 5);
    assert!(!world.store.export().accounts[&UserId::from("control_1")].enrolment_due);
}

#[test]
fn losing_the_control_role_ends_enrolment_except_in_own_conversations() {
    let mut world = World::new(small_steps());
    let as_driver = User::new("control_1", Role::BusDriver);
    let first = world.connect(&as_driver);
    let own = create(&mut world, first);
    world.disconnect(first);
    let driver = world.connect(&driver());
    let others: Vec<_> = (0..3).map(|_| create(&mut world, driver)).collect();
    world.connect(&staff());
    assert!(others.iter().all(|id| participants(&world, id) == ["control_1", "driver_1"]));
    world.connect(&as_driver);
    assert!(others.iter().all(|id| participants(&world, id) == ["driver_1"]));
    assert_eq!(participants(&world, &own), ["control_1"]);
    let later = create(&mut world, driver);
    assert_eq!(participants(&world, &later), ["driver_1"]);
}

#[test]
fn deactivation_ends_enrolment_and_activation_begins_it_again() {
    let mut scene = Scene::new();
    scene.world.command(Command::Deactivate(staff().id));
    assert_eq!(closed(&scene.world, scene.staff), Some(CloseCode::Deactivated));
    assert_eq!(participants(&scene.world, &scene.conversation), ["driver_1"]);
    scene.world.command(Command::Activate(staff().id));
    assert_eq!(participants(&scene.world, &scene.conversation), ["control_1", "driver_1"]);
    let staff = scene.world.connect(&staff());
    let driver = scene.driver;
    scene.send(driver, "welcome back");
    assert_eq!(live_seqs(&scene.world.take(staff)), [2]);
}

/// Each control user has one room.
struct ByRoom;

impl Assignment for ByRoom {
    fn takes_part(&self, request: SupportRequest<'_>, control: &User) -> bool {
        (request.room_type == RoomType::EmergencySupport) == (control.role == Role::ControlAdmin)
    }
}

#[test]
fn an_embedder_may_assign_otherwise() {
    let settings = || Settings { assignment: Box::new(ByRoom), ..unhurried() };
    let mut world = World::new(settings());
    let staff = world.connect(&staff());
    let driver = world.connect(&driver());
    let calm = create(&mut world, driver);
    let data = json!({"title": "Fire", "content": "Fire!", "room_type": "emergency_support"});
    let reply = world.ask(driver, "create_support_conversation", data);
    assert_eq!(reply[0]["participants"], json!(["driver_1"]));
    let urgent = reply[0]["conversation_id"].as_str().unwrap().to_owned();
    world.take(staff);

    world.connect(&admin());
    assert_eq!(participants(&world, &calm), ["control_1", "driver_1"]);
    assert_eq!(participants(&world, &urgent), ["control_2", "driver_1"]);
    world.ask(driver, "send_chat_message", about(&urgent, json!({"content": "help"})));
    assert!(world.take(staff).is_empty(), "not assigned, hears no message");
}

#[test]
fn a_control_user_stays_known_when_the_directory_is_read_again_under_its_change() {
    let mut world = World::new(unhurried());
    let driver = world.connect(&driver());
    world.hold = true;
    world.connect(&other_driver());
    world.answer(0, Answer::Good);
    world.answer(0, Answer::Lost);
    world.connect(&admin());
    world.answer(1, Answer::Good);
    assert!(matches!(&world.questions[0], Question::Load(_, Query::Directory)));
    world.answer(0, Answer::Good);
    world.settle();
    world.hold = false;
    let conversation = create(&mut world, driver);
    assert_eq!(participants(&world, &conversation), ["control_2", "driver_1"]);
}

#[test]
fn a_directory_that_is_older_than_what_was_committed_is_read_again() {
    let mut world = World::new(unhurried());
    let driver = world.connect(&driver());
    world.hold = true;
    world.connect(&other_driver());
    world.answer(0, Answer::Good);
    world.answer(0, Answer::Lost);
    let Question::Load(ticket, query) = world.questions.remove(0) else { panic!("the directory is loaded") };
    let old = world.store.answer(query);
    world.connect(&admin());
    world.settle();
    world.input(Input::Loaded { ticket, result: Ok(old) });
    world.settle();
    world.hold = false;
    let conversation = create(&mut world, driver);
    assert_eq!(participants(&world, &conversation), ["control_2", "driver_1"]);
}

#[test]
fn of_two_commands_on_one_account_the_later_one_lasts() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.world.command(Command::Deactivate(staff().id));
    scene.world.command(Command::Activate(staff().id));
    scene.world.settle();
    let account = &scene.world.store.export().accounts[&staff().id];
    assert!(account.active && !account.enrolment_due, "{account:?}");
    assert_eq!(participants(&scene.world, &scene.conversation), ["control_1", "driver_1"]);
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
    let account = &scene.world.store.export().accounts[&staff().id];
    assert!(account.active && !account.enrolment_due, "{account:?}");
    assert_eq!(participants(&scene.world, &scene.conversation), ["control_1", "driver_1"]);
}

//! A session has the rights of its account: two roles of one user, old tokens, imports,
//! deactivations under way.

use std::time::Duration;

use chat_core::engine::{Claims, Command, ConnectionId, Settings};
use chat_core::protocol::{CloseCode, Role, User};
use chat_core::store::{Account, Source};
use chat_core::testing::World;
use chat_core::testing::world::{Answer, START as NOON};
use chat_core::time::Timestamp;
use core_test_support::*;
use serde_json::{Value, json};

fn desk() -> User {
    named("sam", Role::ControlStaff, "Sam", "Both")
}

fn phone() -> User {
    named("sam", Role::BusDriver, "Sam", "Both")
}

fn seconds(seconds: i64) -> Timestamp {
    Timestamp::from_millis(NOON.as_millis() + seconds * 1_000)
}

fn account(world: &World) -> Account {
    world.store.export().accounts[&desk().id].account.clone()
}

fn position(world: &World) -> u64 {
    world.store.export().position.0
}

/// Checks the error of changed rights and the close of a connection. Returns the pause in
/// milliseconds, if one was named.
fn refused(world: &mut World, conn: ConnectionId) -> Option<u64> {
    assert_eq!(closed(world, conn), Some(CloseCode::RightsChanged));
    let told = world.take(conn).pop().unwrap();
    assert_eq!((&told["type"], &told["code"]), (&json!("error"), &json!("rights_changed")), "{told}");
    told["retry_after_ms"].as_u64()
}

fn help(world: &mut World, driver: ConnectionId) -> Vec<Value> {
    let data = json!({"title": "Help", "content": "now", "room_type": "emergency_support"});
    world.ask(driver, "create_support_conversation", data)
}

#[test]
fn a_change_of_role_ends_the_other_sessions_and_says_so() {
    let mut world = World::new(Settings::default());
    let driver = world.connect(&driver());
    let desk_conn = world.connect(&desk());
    let phone_conn = world.connect(&phone());
    assert_eq!(refused(&mut world, desk_conn), None);
    assert_eq!(help(&mut world, driver)[0]["participants"], json!(["driver_1"]));
    assert_eq!(world.take(phone_conn), [] as [Value; 0]);
    let desk_conn = world.connect(&desk());
    refused(&mut world, phone_conn);
    let other = world.connect(&other_driver());
    help(&mut world, other);
    assert_eq!(world.take(desk_conn)[0]["type"], "new_support_conversation");
}

#[test]
fn an_old_token_does_not_undo_a_newer_one() {
    let mut world = World::new(Settings::default());
    let promoted = world.connect_issued(&desk(), seconds(-10));
    let before = position(&world);
    let old = User { first_name: "Old".into(), ..phone() };
    let conn = world.connect_issued(&old, seconds(-20));
    refused(&mut world, conn);
    assert_eq!(position(&world), before, "the refused token changes nothing");
    assert_eq!((closed(&world, promoted), account(&world).user), (None, desk()));
    let newer = world.connect_issued(&phone(), seconds(-5));
    refused(&mut world, promoted);
    assert_eq!((closed(&world, newer), account(&world).user.role), (None, Role::BusDriver));
}

#[test]
fn an_import_ends_sessions_of_another_role_and_outranks_older_tokens() {
    let mut world = World::new(Settings::default());
    let conn = world.connect_issued(&desk(), seconds(-10));
    world.command(Command::Import(phone()));
    refused(&mut world, conn);
    for claims in [desk(), phone(), User { first_name: "Old".into(), ..phone() }] {
        let conn = world.connect_issued(&claims, seconds(-10));
        refused(&mut world, conn);
    }
    assert_eq!(account(&world).user, phone());
    let same_second = world.connect_issued(&phone(), NOON);
    assert_eq!(closed(&world, same_second), None, "the same role in the second of the import");
    let old_in_it = world.connect_issued(&desk(), NOON);
    refused(&mut world, old_in_it);
    world.advance(secs(1));
    let newer = world.connect_issued(&desk(), seconds(1));
    assert_eq!(closed(&world, newer), None);
    refused(&mut world, same_second);
    assert_eq!(account(&world).said.unwrap().source, Source::Token);
}

#[test]
fn a_token_from_the_future_counts_as_issued_now() {
    let mut world = World::new(Settings::default());
    world.command(Command::Import(phone()));
    let within = world.connect_issued(&desk(), seconds(1_000_000));
    refused(&mut world, within);
    world.advance(secs(2));
    let later = world.connect_issued(&desk(), seconds(1_000_000));
    assert_eq!((closed(&world, later), account(&world).said.unwrap().at), (None, seconds(2)));
    world.advance(secs(2));
    world.command(Command::Import(phone()));
    let issued_before = world.connect_issued(&desk(), seconds(3));
    refused(&mut world, issued_before);
}

#[test]
fn without_a_time_the_role_of_an_import_stands() {
    let mut world = World::new(Settings::default());
    world.command(Command::Import(phone()));
    let before = position(&world);
    let conn = world.connect(&User { first_name: "Boss".into(), ..desk() });
    assert_eq!(refused(&mut world, conn), None);
    assert_eq!(position(&world), before);
    let conn = world.connect(&phone());
    assert_eq!(closed(&world, conn), None);
}

#[test]
fn a_role_flips_three_times_an_hour_and_then_waits() {
    let mut world = World::new(Settings::default());
    world.connect(&desk());
    for user in [phone(), desk(), phone()] {
        let conn = world.connect(&user);
        assert_eq!((closed(&world, conn), account(&world).user.role), (None, user.role));
        world.advance(secs(600));
    }
    let before = position(&world);
    let fourth = world.connect(&desk());
    let pause = refused(&mut world, fourth).unwrap();
    assert_eq!((pause, position(&world)), (1_800_000, before));
    world.advance(Duration::from_millis(pause));
    let after_the_pause = world.connect(&desk());
    assert_eq!(closed(&world, after_the_pause), None);
}

#[test]
fn names_of_two_apps_do_not_flip_for_ever() {
    let mut world = World::new(Settings::default());
    let other = User { first_name: "Samuel".into(), ..phone() };
    world.connect(&phone());
    for _ in 0..10 {
        for user in [&other, &phone()] {
            let conn = world.connect(user);
            assert_eq!(closed(&world, conn), None);
            world.disconnect(conn);
        }
    }
    assert_eq!(position(&world), 1 + 3, "the first account, and three changes of its name");
}

#[test]
fn a_session_goes_by_the_names_of_the_account() {
    let mut world = World::new(Settings::default());
    world.command(Command::Import(phone()));
    let staff = world.connect(&staff());
    let conn = world.connect_issued(&User { first_name: "Other".into(), ..phone() }, NOON);
    help(&mut world, conn);
    assert_eq!(world.take(staff)[0]["creator_name"], "Sam Both");
}

#[test]
fn reconnecting_at_line_rate_is_refused_and_stores_nothing() {
    let mut world = World::new(Settings::default());
    world.connect(&phone());
    let before = position(&world);
    let conns: Vec<_> = (0..100).map(|_| world.connect(&phone())).collect();
    let is_late = |conn: &&ConnectionId| closed(&world, **conn) == Some(CloseCode::TryAgainLater);
    assert_eq!(conns.iter().filter(is_late).count(), 41, "sixty at once");
    let told = world.take(conns[99]).pop().unwrap();
    assert_eq!((&told["code"], &told["retry_after_ms"]), (&json!("rate_limited"), &json!(1_000)));
    assert_eq!(position(&world), before);
    world.advance(secs(1));
    let conn = world.connect(&phone());
    assert_eq!(closed(&world, conn), None);
}

#[test]
fn who_never_connected_can_be_kept_out_and_let_in() {
    let mut world = World::new(Settings::default());
    world.command(Command::Deactivate(desk().id));
    let conn = world.connect(&desk());
    assert_eq!(closed(&world, conn), Some(CloseCode::Deactivated));
    world.command(Command::Activate(desk().id));
    let conn = world.connect(&desk());
    assert_eq!((closed(&world, conn), account(&world).user), (None, desk()));
}

#[test]
fn an_activation_is_for_tokens_issued_since() {
    let mut world = World::new(Settings::default());
    world.connect_issued(&desk(), seconds(-10));
    world.command(Command::Deactivate(desk().id));
    world.command(Command::Activate(desk().id));
    let old = world.connect_issued(&desk(), seconds(-10));
    refused(&mut world, old);
    let new = world.connect_issued(&desk(), NOON);
    assert_eq!(closed(&world, new), None);
}

#[test]
fn an_older_token_does_not_prolong_a_session() {
    let mut world = World::new(Settings::default());
    let conn = world.connect_issued(&phone(), seconds(-10));
    world.command(Command::Import(phone()));
    let token = |issued_at| Claims { user: phone(), expires_at: seconds(1_000), issued_at: Some(issued_at) };
    world.tokens.insert("old".into(), token(seconds(-10)));
    world.tokens.insert("new".into(), token(NOON));
    let old = world.ask(conn, "refresh_token", json!({"token": "old"}));
    assert_eq!(old[0]["code"], "rights_changed");
    let new = world.ask(conn, "refresh_token", json!({"token": "new"}));
    assert_eq!((&new[0]["success"], closed(&world, conn)), (&json!(true), None));
}

/// The stored texts of a conversation. One of its users is deactivated while sending.
fn said_around(end: Command, then: impl FnOnce(&mut Scene)) -> Vec<String> {
    let mut scene = Scene::new();
    scene.world.hold = true;
    let driver = scene.driver;
    scene.put(driver, "before");
    scene.world.command(end);
    scene.world.answer(1, Answer::Good);
    scene.put(driver, "after");
    then(&mut scene);
    scene.world.settle();
    assert!(closed(&scene.world, driver).is_some());
    let export = scene.world.store.export();
    let stored = &export.conversations[scene.conversation.as_str()];
    stored.messages.iter().skip(1).map(|message| message.content.to_string()).collect()
}

#[test]
fn nothing_lands_behind_the_deactivation_of_its_sender() {
    let deactivate = || Command::Deactivate(driver().id);
    assert_eq!(said_around(deactivate(), |_| ()), ["before"]);
    let demote = Command::Import(User { role: Role::QueueRegulator, ..driver() });
    assert_eq!(said_around(demote, |_| ()), ["before"]);
    // The embedder is told no as well, whenever it has asked.
    let said = said_around(deactivate(), |scene| {
        scene.world.command(Command::Send {
            user: driver().id,
            conversation: scene.conversation.as_str().into(),
            content: "by command".into(),
            client_message_id: None,
        });
    });
    assert_eq!(said, ["before"]);
}

#[test]
fn a_change_of_unknown_outcome_leaves_no_session_of_another_role() {
    for answer in [Answer::Lost, Answer::DoneButLost] {
        let mut world = World::new(unhurried());
        let desk_conn = world.connect(&desk());
        world.hold = true;
        let phone_conn = world.connect(&phone());
        world.answer(0, Answer::Good);
        world.answer(0, answer);
        for conn in [desk_conn, phone_conn] {
            assert_eq!(closed(&world, conn), Some(CloseCode::TryAgainLater), "{answer:?}");
        }
    }
}

/// The account is looked up for a connection before the change, and answered after it.
#[test]
fn a_change_of_unknown_outcome_admits_nobody_on_older_facts() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    let entering = scene.world.connect(&staff());
    scene.world.command(Command::Deactivate(staff().id));
    scene.world.answer(1, Answer::Good);
    answer_commit(&mut scene.world, Answer::DoneButLost);
    scene.world.settle();
    scene.put(scene.driver, "not for whom is deactivated");
    scene.world.settle();
    let heard = live_seqs(&scene.world.take(entering));
    assert_eq!((closed(&scene.world, entering), heard), (Some(CloseCode::TryAgainLater), vec![]), "P5");
}

#[test]
fn who_leaves_control_hears_and_reads_only_its_own_from_then_on() {
    let mut scene = Scene::new();
    let desk_conn = scene.world.connect(&desk());
    scene.world.hold = true;
    let phone_conn = scene.world.connect(&phone());
    let driver = scene.driver;
    scene.put(driver, "while it is not admitted");
    scene.world.answer(0, Answer::Good);
    scene.world.answer(0, Answer::Good);
    scene.world.settle();
    assert_eq!(closed(&scene.world, desk_conn), Some(CloseCode::RightsChanged));
    assert_eq!(scene.world.take(phone_conn), [] as [Value; 0]);
}

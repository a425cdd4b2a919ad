//! How a connection's session begins, is prolonged, and ends.

use chat_core::engine::{Claims, Command};
use chat_core::protocol::{CloseCode, Role, User};
use chat_core::testing::World;
use chat_core::testing::world::{Answer, START as START_TIME};
use core_test_support::*;
use serde_json::{Value, json};

fn event(code: &str, text: &str) -> Value {
    json!({"type": "error", "success": false, "error": text, "code": code})
}

#[test]
fn an_eleventh_connection_replaces_the_longest_silent() {
    let mut world = World::new(unhurried());
    let conns: Vec<_> = (0..10)
        .map(|_| {
            world.advance(secs(1));
            world.connect(&driver())
        })
        .collect();
    let foreign = world.connect(&staff());
    world.advance(secs(1));
    world.ask(conns[0], "get_active_conversations", json!({}));
    world.connect(&driver());
    let open: Vec<_> = conns.iter().filter(|conn| closed(&world, **conn).is_none()).collect();
    assert_eq!(open.len(), 9);
    assert_eq!(closed(&world, conns[1]), Some(CloseCode::Replaced));
    assert_eq!(closed(&world, foreign), None);
    world.disconnect(conns[2]);
    world.connect(&driver());
    assert_eq!(closed(&world, conns[3]), None, "there was room");
}

#[test]
fn a_token_that_is_refused_replaces_no_connection() {
    let mut world = World::new(settings(|limits| limits.engine.connections_per_user = 2));
    world.command(Command::Import(driver()));
    let conns = [1, 2].map(|second| {
        world.advance(secs(1));
        world.connect_issued(&driver(), START_TIME.plus(secs(second)))
    });
    let old = world.connect_issued(&driver(), START_TIME.minus(secs(60)));
    assert_eq!(closed(&world, old), Some(CloseCode::RightsChanged));
    assert_eq!(conns.map(|conn| closed(&world, conn)), [None, None]);
    let newer = world.connect(&driver());
    assert_eq!(closed(&world, newer), None);
    assert_eq!(conns.map(|conn| closed(&world, conn)), [Some(CloseCode::Replaced), None]);
}

#[test]
fn connections_that_are_being_admitted_are_bounded_and_replace_only_each_other() {
    let mut world = World::new(settings(|limits| limits.engine.connections_per_user = 2));
    let admitted = [world.connect(&driver()), world.connect(&driver())];
    world.hold = true;
    let entering: Vec<_> = (0..5).map(|_| world.connect(&driver())).collect();
    let code = |world: &World, conns: &[_]| conns.iter().map(|conn| closed(world, *conn)).collect::<Vec<_>>();
    let replaced = Some(CloseCode::Replaced);
    assert_eq!(code(&world, &entering), [replaced, replaced, replaced, None, None]);
    assert_eq!(code(&world, &admitted), [None, None]);
    world.settle();
    assert_eq!(code(&world, &entering[3..]), [None, None]);
    assert_eq!(code(&world, &admitted), [replaced, replaced]);
}

#[test]
fn a_session_ends_thirty_seconds_after_its_token() {
    let mut world = World::new(unhurried());
    let driver = world.connect_for(&driver(), secs(600));
    world.advance(secs(629));
    assert_eq!(closed(&world, driver), None);
    world.advance(secs(1));
    assert_eq!(closed(&world, driver), Some(CloseCode::TokenExpired));
    assert_eq!(world.take(driver), [event("token_expired", "The token has expired")]);
}

#[test]
fn a_new_token_of_the_same_user_and_role_prolongs_it() {
    let mut world = World::new(unhurried());
    let conn = world.connect_for(&driver(), secs(600));
    let claims =
        |user: User, seconds| Claims { user, expires_at: START_TIME.plus(secs(seconds)), issued_at: None };
    world.tokens.insert("good".into(), claims(driver(), 1_200));
    world.tokens.insert("other user".into(), claims(other_driver(), 9_000));
    world.tokens.insert("other role".into(), claims(User::new("driver_1", Role::ControlAdmin), 9_000));
    let reply = world.ask(conn, "refresh_token", json!({"token": "good"}));
    assert_eq!(reply, [json!({"success": true, "expires_at": "2024-01-15T10:50:00.000Z"})]);
    let mismatch = error("token_mismatch", "The new token is not valid for this user and role");
    for token in ["other user", "other role", "unknown"] {
        assert_eq!(
            world.ask(conn, "refresh_token", json!({"token": token})),
            std::slice::from_ref(&mismatch),
            "{token}"
        );
    }
    world.advance(secs(1_229));
    assert_eq!(closed(&world, conn), None);
    world.advance(secs(1));
    assert_eq!(closed(&world, conn), Some(CloseCode::TokenExpired));
}

#[test]
fn a_deactivated_user_is_disconnected_and_not_admitted() {
    let mut scene = Scene::new();
    let own = scene.world.connect(&driver());
    scene.world.take(scene.driver);
    scene.world.hold = true;
    let entering = scene.world.connect(&driver());
    scene.world.command(Command::Deactivate(driver().id));
    scene.world.settle();
    let deactivated = event("deactivated", "The user was deactivated or disconnected by an administrator");
    let late = scene.world.connect(&driver());
    scene.world.settle();
    for conn in [scene.driver, own, entering, late] {
        assert_eq!(closed(&scene.world, conn), Some(CloseCode::Deactivated), "{conn:?}");
        assert_eq!(scene.world.take(conn), std::slice::from_ref(&deactivated));
    }
    scene.world.hold = false;
    scene.world.command(Command::Import(driver()));
    let still_out = scene.world.connect(&driver());
    assert_eq!(closed(&scene.world, still_out), Some(CloseCode::Deactivated), "no import lets anybody in");
    scene.world.command(Command::Activate(driver().id));
    let again = scene.world.connect(&driver());
    assert_eq!(scene.send(again, "back")[0]["success"], true);
}

#[test]
fn who_connects_while_its_deactivation_is_committed_is_not_admitted() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.world.command(Command::Deactivate(driver().id));
    scene.world.answer(0, Answer::Good);
    let between = scene.world.connect(&driver());
    scene.put(between, "not admitted");
    scene.world.settle();
    assert_eq!(closed(&scene.world, between), Some(CloseCode::Deactivated));
    assert_eq!(scene.ids().len(), 1);
}

#[test]
fn without_the_store_nobody_is_admitted() {
    let mut world = World::new(unhurried());
    world.hold = true;
    let unavailable = "Database connection issue, try again with the same client_message_id";
    let mut said = event("unavailable", unavailable);
    said["retry_after_ms"] = json!(1_000);
    for commits in [false, true] {
        let conn = world.connect(&driver());
        if commits {
            world.answer(0, Answer::Good);
        }
        world.answer(0, Answer::Lost);
        assert_eq!(closed(&world, conn), Some(CloseCode::TryAgainLater));
        assert_eq!(world.take(conn), [said.clone()]);
        world.settle();
    }
}

#[test]
fn connections_that_come_before_the_directory_is_read_wait_for_it() {
    let mut engine = World::new(unhurried());
    engine.hold = true;
    engine = {
        let mut world = World::over(engine.store, unhurried());
        world.hold = true;
        world
    };
    let conn = engine.connect(&driver());
    engine.request(conn, "get_active_conversations", json!({}));
    engine.settle();
    assert_eq!(engine.take(conn)[0]["epoch"], "epoch_1");
}

#[test]
fn what_a_token_says_of_its_user_is_what_others_see() {
    let mut scene = Scene::new();
    let renamed = named("driver_1", Role::BusDriver, "Johnny", "Doe");
    scene.world.connect(&renamed);
    let listed = scene.world.ask(scene.staff, "get_active_conversations", json!({}));
    assert_eq!(listed[0]["conversations"][0]["participants"][0]["first_name"], "Johnny");
    let nameless = scene.world.connect(&User::new("driver_9", Role::BusDriver));
    create(&mut scene.world, nameless);
    let heard = scene.world.take(scene.staff);
    assert_eq!(heard[0]["creator_name"], "driver_9");
}

#[test]
fn a_name_is_shown_as_the_token_has_it() {
    for (first, last, shown) in [
        (" John\n", "\tDoe ", " John\n \tDoe "),
        ("John", " ", "John"),
        ("", " Doe", " Doe"),
        (" ", "", "driver_9"),
    ] {
        let mut scene = Scene::new();
        let conn = scene.world.connect(&named("driver_9", Role::BusDriver, first, last));
        create(&mut scene.world, conn);
        assert_eq!(scene.world.take(scene.staff)[0]["creator_name"], shown);
    }
}

#[test]
fn commands_are_refused_for_what_is_not_there() {
    let mut scene = Scene::new();
    let conversation = || scene.conversation.as_str().into();
    let none = || "conv_none".into();
    let send = |conversation, user: &str| Command::Send {
        user: user.into(),
        conversation,
        content: "x".into(),
        client_message_id: None,
    };
    let cases = [
        (send(conversation(), "driver_1"), None),
        (send(conversation(), "driver_2"), Some("conversation_not_found")),
        (send(none(), "driver_1"), Some("conversation_not_found")),
        (Command::Enrol { conversation: conversation(), user: "nobody".into() }, Some("user_not_found")),
        (Command::Enrol { conversation: none(), user: "driver_1".into() }, Some("conversation_not_found")),
        (Command::Withdraw { conversation: none(), user: "driver_1".into() }, Some("conversation_not_found")),
        (Command::Withdraw { conversation: conversation(), user: "nobody".into() }, None),
        (Command::Activate("nobody".into()), Some("user_not_found")),
        (Command::Deactivate("nobody".into()), None),
        (Command::Import(admin()), None),
        (Command::ImportInactive(admin()), None),
        (Command::Deactivate("driver_1".into()), None),
        (send(conversation(), "driver_1"), Some("deactivated")),
    ];
    for (command, code) in cases {
        let shown = format!("{command:?}");
        let id = scene.world.command(command);
        let answered = scene.world.answers[&id].as_ref().err().map(|error| error.code.as_str());
        assert_eq!(answered, code, "{shown}");
    }
}

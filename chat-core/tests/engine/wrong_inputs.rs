//! Wrong inputs of an embedder: one test for each row of `WRONG_INPUTS.md`.

use std::sync::Arc;
use std::time::Duration;

use chat_core::drive::Frame;
use chat_core::engine::{Claims, Command, CommandId, ConnectionId, Input, Settings, SupportRequest, Teams};
use chat_core::id::TeamId;
use chat_core::protocol::{CloseCode, ErrorCode, Role, User};
use chat_core::store::{Facts, Loaded, Position, Rejected};
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question, START};
use core_test_support::*;
use serde_json::{Value, json};

#[test]
fn every_row_of_the_table_has_its_test_here() {
    let (table, tests) = (include_str!("../../WRONG_INPUTS.md"), include_str!("wrong_inputs.rs"));
    let named: Vec<_> =
        table.lines().filter_map(|row| row.rsplit_once("| `")?.1.strip_suffix("` |")).collect();
    let count = tests.matches("#[test]").count() - 2;
    assert_eq!(named.len(), count, "{named:?}");
    for name in named {
        assert!(tests.contains(&format!("\nfn {name}() {{")), "{name}");
    }
}

fn claims(user: User) -> Claims {
    Claims { user, expires_at: START.plus(secs(86_400)), issued_at: None }
}

/// Opens a connection under a number that is in use.
fn reuse(world: &mut World, conn: ConnectionId, user: User) {
    world.take(conn);
    world.input(Input::Connected { conn, claims: claims(user) });
}

#[test]
fn a_connection_number_in_use_ends_the_old_connection_first() {
    let mut scene = Scene::new();
    scene.typing(scene.driver, true);
    scene.world.take(scene.staff);
    reuse(&mut scene.world, scene.driver, other_driver());
    assert_eq!(scene.world.take(scene.staff)[0]["is_typing"], false, "the old one types no more");
    scene.send(scene.staff, "for driver_1 only");
    assert_eq!(scene.world.take(scene.driver), [] as [Value; 0]);
    assert_eq!(scene.send(scene.driver, "from driver_2"), [not_found()]);
    assert_eq!(closed(&scene.world, scene.driver), None);
    assert_eq!(scene.world.engine.connections_of(&driver().id), []);
}

#[test]
fn answers_for_an_old_connection_never_reach_a_new_one_of_the_same_number() {
    for is_closed in [false, true] {
        let mut scene = Scene::new();
        let list = || ("get_active_conversations", json!({}));
        let (kind, data) = list();
        scene.world.hold = true;
        scene.world.request(scene.staff, kind, data);
        if is_closed {
            scene.world.disconnect(scene.staff);
        }
        reuse(&mut scene.world, scene.staff, other_driver());
        // The new connection is admitted, and its first request is the old one's too.
        (0..2).for_each(|_| scene.world.answer(1, Answer::Good));
        let (kind, data) = list();
        scene.world.request(scene.staff, kind, data);
        scene.world.answer(0, Answer::Good);
        assert_eq!(scene.world.take(scene.staff), [] as [Value; 0], "nothing of the list of control");
        scene.world.settle();
        assert_eq!(scene.world.take(scene.staff)[0]["count"], 0);
    }
}

#[test]
fn an_admission_under_way_never_decides_about_a_new_connection_of_the_same_number() {
    let mut world = World::new(unhurried());
    world.command(Command::Import(driver()));
    world.hold = true;
    let conn = world.connect(&driver());
    // Older than the import of driver_1, which says nothing about driver_2.
    let claims = Claims { issued_at: Some(START.minus(secs(60))), ..claims(other_driver()) };
    world.input(Input::Connected { conn, claims });
    world.settle();
    assert_eq!(closed(&world, conn), None);
    assert_eq!(world.store.exported().accounts.len(), 2);
}

#[test]
fn frames_not_polled_before_a_number_is_used_again_are_dropped() {
    let mut scene = Scene::new();
    let mut send = json!({"type": "send_chat_message", "data": scene.data(json!({"content": "secret"}))});
    send["request_id"] = 1.into();
    let frame = Frame::Text(send.to_string().into());
    let (conn, now) = (scene.driver, scene.world.now());
    scene.world.hold = true;
    scene.world.input(Input::Frame { conn: scene.staff, frame });
    let Question::Commit(ticket, changes) = scene.world.questions.remove(commit_at(&scene.world)) else {
        panic!("a commit waits")
    };
    let result = Ok(scene.world.store.judge(changes));
    scene.world.engine.handle(now, Input::Committed { ticket, result });
    reuse(&mut scene.world, conn, other_driver());
    assert_eq!(scene.world.take(conn), [] as [Value; 0]);
    assert_eq!(live_seqs(&scene.world.take(scene.staff)), [2], "others get theirs");
}

#[test]
fn a_user_without_an_id_or_with_long_texts_is_not_authenticated() {
    let text = |length| "x".repeat(length);
    let nobody = || User::new("", Role::BusDriver);
    let longest = User { email: text(256).into(), first_name: text(256).into(), ..driver() };
    let cases = [
        (nobody(), Some("the id is empty")),
        (User::new(text(257), Role::ControlStaff), Some("id has more than 256 bytes")),
        (User { email: text(257).into(), ..driver() }, Some("email has more than 256 bytes")),
        (User { first_name: text(257).into(), ..driver() }, Some("first_name has more than 256 bytes")),
        (User { last_name: "é".repeat(129).into(), ..driver() }, Some("last_name has more than 256 bytes")),
        (User::new(text(256), Role::BusDriver), None),
        (longest, None),
    ];
    for (user, fault) in cases {
        let mut world = World::new(unhurried());
        let conn = world.connect(&user);
        let code = fault.map(|_| CloseCode::NotAuthenticated);
        assert_eq!(closed(&world, conn), code, "{fault:?}");
        let mut expected =
            fault.map(|fault| error("not_authenticated", &format!("User not authenticated: {fault}")));
        expected.iter_mut().for_each(|event| event["type"] = "error".into());
        assert_eq!(world.take(conn), Vec::from_iter(expected));
        let id = world.command(Command::Import(user));
        let refused = world.answers[&id].as_ref().err().map(|error| error.code);
        assert_eq!(refused, fault.map(|_| ErrorCode::InvalidParameter));
    }
}

#[test]
fn a_token_already_expired_is_closed_at_once() {
    let mut world = World::new(unhurried());
    world.advance(secs(60));
    let conn = ConnectionId(1_000);
    world.peers.insert(conn, chat_core::testing::world::Peer::default());
    let claims = Claims { expires_at: START.plus(secs(30)), ..claims(driver()) };
    world.input(Input::Connected { conn, claims });
    assert_eq!(closed(&world, conn), Some(CloseCode::TokenExpired));
}

/// A policy of one team for everything, with this name.
struct Named(String);

impl Teams for Named {
    fn of_request(&self, _: &SupportRequest<'_>) -> Vec<TeamId> {
        vec![self.0.as_str().into()]
    }

    fn of_user(&self, user: &User) -> Vec<TeamId> {
        if user.role.is_control() { vec![self.0.as_str().into()] } else { Vec::new() }
    }
}

fn named_team(length: usize) -> Settings {
    Settings { teams: Box::new(Arc::new(Named("x".repeat(length)))), ..unhurried() }
}

#[test]
fn a_team_with_a_long_name_is_refused_alone() {
    const CREATE: &str = "create_support_conversation";
    let help = || json!({"title": "help", "content": "c", "client_message_id": "help_1"});
    let mut world = World::new(named_team(TeamId::BYTES_MOST));
    let (desk, asks) = (world.connect(&staff()), world.connect(&driver()));
    let created = world.ask(asks, CREATE, help())[0].clone();
    let conversation = created["conversation_id"].as_str().expect("the longest name is good").to_owned();
    assert_eq!(closed(&world, desk), None);

    let mut world = World::over(world.store, named_team(TeamId::BYTES_MOST + 1));
    let asks = world.connect(&driver());
    let text = "Database connection issue, try again with the same client_message_id: the policy `Teams` names a \
                team with more than 40 bytes";
    let mut refused = error("unavailable", text);
    refused["retry_after_ms"] = 1_000.into();
    assert_eq!(world.ask(asks, CREATE, help()), [created], "a repeat is not filed anew");
    world.hold = true;
    world.request(asks, CREATE, json!({"title": "more help", "content": "c"}));
    world.request(asks, "send_chat_message", about(&conversation, json!({"content": "goes on"})));
    world.settle();
    world.hold = false;
    let heard = world.take(asks);
    assert_eq!((&heard[0], &heard[1]["success"]), (&refused, &json!(true)), "{heard:?}");
    let desk = world.connect(&admin());
    assert_eq!(closed(&world, desk), Some(CloseCode::TryAgainLater));
    refused["type"] = "error".into();
    assert_eq!(world.take(desk), [refused]);
    let import = world.command(Command::Import(admin()));
    assert_eq!(world.answers[&import].as_ref().unwrap_err().code, ErrorCode::Unavailable);
    let teams = &world.store.exported().accounts[&staff().id].account.teams;
    assert_eq!(teams[0].as_str().len(), TeamId::BYTES_MOST, "users keep their teams");
}

#[test]
fn an_unknown_connection_is_ignored() {
    let mut scene = Scene::new();
    let conn = ConnectionId(77);
    let frame = Frame::Text("{}".into());
    let at = scene.world.now().monotonic;
    for input in [
        Input::Frame { conn, frame },
        Input::Alive { conn, at },
        Input::Backlog { conn, waits: true },
        Input::Disconnect { conn, code: CloseCode::GoingAway },
        Input::Closed { conn },
    ] {
        scene.world.input(input);
    }
    assert_eq!(scene.send(scene.driver, "goes on")[0]["seq"], 2);
}

#[test]
fn an_unknown_ticket_is_ignored() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.world.request(scene.driver, "get_active_conversations", json!({}));
    let Question::Load(ticket, query) = scene.world.questions.remove(0) else { panic!("a load waits") };
    let loaded = || Ok(scene.world.store.answer(query.clone()));
    let inputs = [
        Input::Committed { ticket, result: Ok(Vec::new()) },
        Input::Verified { ticket, result: Ok(claims(driver())) },
        Input::Loaded { ticket, result: loaded() },
        Input::Loaded { ticket, result: loaded() },
    ];
    for (input, answers) in inputs.into_iter().zip([0, 0, 1, 0]) {
        scene.world.input(input);
        assert_eq!(scene.world.take(scene.driver).len(), answers);
    }
}

#[test]
fn facts_that_answer_another_query_are_unavailable() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.world.request(scene.driver, "get_active_conversations", json!({}));
    let Question::Load(ticket, _) = scene.world.questions.remove(0) else { panic!("a load waits") };
    let other = Loaded { position: Position(u64::MAX), facts: Facts::Message(None) };
    scene.world.input(Input::Loaded { ticket, result: Ok(other) });
    assert_eq!(scene.world.take(scene.driver)[0]["code"], "unavailable");
    assert!(scene.world.questions.is_empty(), "it is not asked again");
}

#[test]
fn another_number_of_verdicts_is_unavailable() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.driver, "one");
    let Question::Commit(ticket, _) = scene.world.questions.remove(0) else { panic!("a commit waits") };
    scene.world.input(Input::Committed { ticket, result: Ok(Vec::new()) });
    assert_eq!(scene.world.take(scene.driver)[0]["code"], "unavailable");
}

#[test]
fn conflicts_without_end_on_the_account_of_a_connection_are_try_again_later() {
    let mut world = World::new(unhurried());
    world.hold = true;
    let conn = world.connect(&driver());
    for _ in 0..4 {
        assert_eq!(closed(&world, conn), None, "it is decided again");
        world.answer(0, Answer::Good);
        let Question::Commit(ticket, _) = world.questions.remove(0) else { panic!("a commit waits") };
        world.input(Input::Committed { ticket, result: Ok(vec![Err(Rejected::Conflict)]) });
    }
    assert_eq!(closed(&world, conn), Some(CloseCode::TryAgainLater));
    assert_eq!(world.take(conn)[0]["code"], "unavailable");
}

#[test]
fn a_history_that_nobody_asked_for_is_ignored() {
    let mut scene = Scene::new();
    let mut other = World::over(scene.world.store.clone().shared(), unhurried());
    other.command(Command::Deactivate(driver().id));
    let followed = other.store.follow(Position(0));
    assert_eq!(followed.happened.len(), 1);
    scene.world.input(Input::Heard { result: Ok(followed) });
    assert_eq!(closed(&scene.world, scene.driver), None);
}

#[test]
fn a_monotonic_time_that_falls_counts_as_the_latest() {
    let mut scene = Scene::new();
    scene.typing(scene.driver, true);
    scene.world.advance(secs(9));
    scene.world.take(scene.staff);
    let (back, now) = (chat_core::time::Now::default(), scene.world.now());
    scene.world.engine.handle(chat_core::time::Now { wall: now.wall, ..back }, Input::Tick);
    scene.world.advance(Duration::from_millis(999));
    assert_eq!(scene.world.take(scene.staff), [] as [Value; 0]);
    scene.world.advance(Duration::from_millis(1));
    assert_eq!(scene.world.take(scene.staff)[0]["is_typing"], false, "ten seconds after it began");
}

#[test]
fn a_tick_that_nobody_asked_for_does_nothing() {
    let mut scene = Scene::new();
    scene.world.take(scene.driver);
    (0..3).for_each(|_| scene.world.input(Input::Tick));
    assert_eq!(scene.world.take(scene.driver), [] as [Value; 0]);
}

#[test]
fn a_command_under_the_number_of_a_pending_one_is_ignored() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    let id = CommandId(1_000);
    let conversation = || scene.conversation.as_str().into();
    let first = Command::Enrol { conversation: conversation(), user: other_driver().id };
    let second = Command::Send {
        user: driver().id,
        conversation: conversation(),
        content: "never sent".into(),
        client_message_id: None,
    };
    scene.world.input(Input::Command { id, command: first });
    scene.world.input(Input::Command { id, command: second });
    scene.world.settle();
    let answer = scene.world.answers[&id].as_ref().map_err(|error| error.code);
    assert_eq!(answer.err(), Some(ErrorCode::UserNotFound), "the answer to the first");
    assert_eq!(scene.ids().len(), 1);
}

#[test]
fn a_command_with_a_bad_text_is_an_invalid_parameter() {
    let mut scene = Scene::new();
    let cases = [
        (" ".to_owned(), None),
        ("x".repeat(4_001), None),
        ("good".to_owned(), Some(String::new())),
        ("good".to_owned(), Some("x".repeat(65))),
    ];
    for (content, client_message_id) in cases {
        let id = scene.world.command(Command::Send {
            user: driver().id,
            conversation: scene.conversation.as_str().into(),
            content: content.into(),
            client_message_id: client_message_id.map(Into::into),
        });
        let refused = scene.world.answers[&id].as_ref().err().map(|error| error.code);
        assert_eq!(refused, Some(ErrorCode::InvalidParameter));
    }
    assert_eq!(scene.ids().len(), 1);
}

#[test]
fn a_connection_after_the_drain_is_going_away() {
    let mut world = World::new(unhurried());
    world.input(Input::Drain);
    let late = world.connect(&driver());
    assert_eq!(closed(&world, late), Some(CloseCode::GoingAway));
}

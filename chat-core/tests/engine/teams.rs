//! Policies that know several teams: hearers and lists of each team (P4, P5), and the effect of
//! changing a policy or a user's teams.

use chat_core::engine::{Command, ConnectionId, Settings, SupportRequest, Teams};
use chat_core::id::TeamId;
use chat_core::protocol::{CloseCode, Role, User};
use chat_core::testing::World;
use chat_core::testing::world::{Answer, START as NOON};
use core_test_support::*;
use serde_json::{Value, json};

/// A policy by words: those of a title are the teams of a request, those of a first name the teams
/// of a user.
struct ByWords;

impl Teams for ByWords {
    fn of_request(&self, request: &SupportRequest<'_>) -> Vec<TeamId> {
        let title = request.title.strip_prefix("Support: ").expect("the title with its prefix");
        title.split(' ').map(TeamId::from).collect()
    }

    fn of_user(&self, user: &User) -> Vec<TeamId> {
        user.first_name.split_whitespace().map(TeamId::from).collect()
    }
}

fn by_words() -> Settings {
    Settings { teams: Box::new(ByWords), ..unhurried() }
}

/// A control user of these teams.
fn control(id: &str, teams: &str) -> User {
    named(id, Role::ControlStaff, teams, "Smith")
}

fn create_in(world: &mut World, driver: ConnectionId, teams: &str) -> (String, Value) {
    let reply = world.ask(driver, "create_support_conversation", json!({"title": teams, "content": "c"}));
    (
        reply[0]["conversation_id"].as_str().expect("a conversation").to_owned(),
        reply[0]["participants"].clone(),
    )
}

fn say(world: &mut World, driver: ConnectionId, conversation: &str) {
    world.ask(driver, "send_chat_message", about(conversation, json!({"content": "anybody there?"})));
}

fn kinds(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(|frame| frame["type"].as_str().unwrap_or("reply")).collect()
}

/// The conversations that a connection lists, newest first.
fn listed(world: &mut World, conn: ConnectionId) -> Vec<String> {
    let list = world.ask(conn, "get_active_conversations", json!({}))[0].clone();
    let rows = list["conversations"].as_array().expect("a list").iter();
    rows.map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
}

const NEW: [&str; 2] = ["new_support_conversation", "new_message"];

#[test]
fn each_team_answers_for_its_own() {
    let mut world = World::new(by_words());
    let [north, south] = ["north", "south"].map(|team| world.connect(&control(team, team)));
    let driver = world.connect(&driver());
    let (conversation, participants) = create_in(&mut world, driver, "north");
    assert_eq!(participants, json!(["driver_1", "north"]));
    assert_eq!(kinds(&world.take(north)), NEW);
    assert_eq!(world.take(south), [] as [Value; 0], "P5: another team hears");
    let emergency = json!({"title": "south", "content": "c", "room_type": "emergency_support"});
    world.ask(driver, "create_support_conversation", emergency);
    assert_eq!(kinds(&world.take(south)), NEW);
    assert_eq!(world.take(north), [] as [Value; 0], "P5: another team hears of an emergency");
    assert_eq!(listed(&mut world, north), std::slice::from_ref(&conversation));
    let history = about(&conversation, json!({}));
    assert_eq!(world.ask(south, "get_conversation_messages", history), [not_found()]);
}

#[test]
fn a_conversation_of_several_teams_is_heard_and_listed_once() {
    let mut world = World::new(by_words());
    let both = world.connect(&control("both", "south north"));
    let one = world.connect(&control("one", "south"));
    let driver = world.connect(&driver());
    let (conversation, participants) = create_in(&mut world, driver, "south north south");
    assert_eq!(participants, json!(["driver_1", "both", "one"]));
    let own_too = conversation.as_str().into();
    world.command(Command::Enrol { conversation: own_too, user: "both".into() });
    say(&mut world, driver, &conversation);
    for conn in [both, one] {
        assert_eq!(live_seqs(&world.take(conn)), [1, 2], "P3: each message once");
        assert_eq!(listed(&mut world, conn), std::slice::from_ref(&conversation));
    }
}

#[test]
fn field_users_of_a_team_hear_its_messages_and_no_notifications() {
    let mut world = World::new(by_words());
    let depot = world.connect(&named("regulator_1", Role::QueueRegulator, "depot", "Queue"));
    let driver = world.connect(&driver());
    let (conversation, participants) = create_in(&mut world, driver, "depot");
    assert_eq!(participants, json!(["driver_1", "regulator_1"]));
    assert_eq!(kinds(&world.take(depot)), ["new_message"]);
    assert_eq!(listed(&mut world, depot), [conversation]);
}

#[test]
fn a_conversation_of_a_team_without_users_waits_for_them() {
    let mut world = World::new(by_words());
    let staff = world.connect(&control("control_1", "day"));
    let driver = world.connect(&driver());
    let (conversation, participants) = create_in(&mut world, driver, "night");
    assert_eq!(participants, json!(["driver_1"]), "created all the same");
    say(&mut world, driver, &conversation);
    assert_eq!(world.take(staff), [] as [Value; 0], "P5: another team hears");
    assert_eq!(listed(&mut world, staff), [] as [String; 0]);
    let late = world.connect(&control("control_2", "night"));
    assert_eq!(listed(&mut world, late), std::slice::from_ref(&conversation), "P4: nobody is stranded");
    say(&mut world, driver, &conversation);
    assert_eq!(live_seqs(&world.take(late)), [3]);
}

/// The default policy knows no team `night`, and puts everybody in control in `control`.
#[test]
fn a_changed_policy_takes_effect_at_the_restart() {
    let mut world = World::new(by_words());
    world.command(Command::Import(control("control_1", "night")));
    world.command(Command::Import(control("control_2", "")));
    let conn = world.connect(&driver());
    let (of_night, participants) = create_in(&mut world, conn, "night");
    assert_eq!(participants, json!(["driver_1", "control_1"]));

    let mut world = World::over(world.store, unhurried());
    let conn = world.connect(&driver());
    let (of_control, participants) = create_in(&mut world, conn, "night");
    assert_eq!(participants, json!(["driver_1", "control_1", "control_2"]), "P4: before anybody connects");
    let staff = world.connect(&control("control_1", "night"));
    assert_eq!(listed(&mut world, staff), std::slice::from_ref(&of_control));
    say(&mut world, conn, &of_night);
    assert_eq!(world.take(staff), [] as [Value; 0], "P5: a user of another team hears");

    let mut world = World::over(world.store, by_words());
    let staff = world.connect(&control("control_1", "night"));
    assert_eq!(listed(&mut world, staff), std::slice::from_ref(&of_night));
    let conn = world.connect(&driver());
    say(&mut world, conn, &of_night);
    assert_eq!(live_seqs(&world.take(staff)), [3]);
}

#[test]
fn a_changed_policy_takes_effect_for_field_users_when_they_connect() {
    let depot = named("regulator_1", Role::QueueRegulator, "depot", "Queue");
    let mut world = World::new(unhurried());
    world.connect(&depot);
    let mut world = World::over(world.store, by_words());
    let driver = world.connect(&driver());
    let (conversation, participants) = create_in(&mut world, driver, "depot");
    assert_eq!(participants, json!(["driver_1"]));
    let conn = world.connect(&depot);
    assert_eq!(listed(&mut world, conn), std::slice::from_ref(&conversation));
    say(&mut world, driver, &conversation);
    assert_eq!(live_seqs(&world.take(conn)), [2]);
}

#[test]
fn a_change_of_teams_ends_the_other_sessions() {
    for by_import in [true, false] {
        let mut world = World::new(by_words());
        let before = world.connect(&control("sam", "north"));
        let driver = world.connect(&driver());
        let [(north, _), (south, _)] = ["north", "south"].map(|team| create_in(&mut world, driver, team));
        if by_import {
            world.command(Command::Import(control("sam", "south")));
        }
        let after = world.connect(&control("sam", "south"));
        assert_eq!(closed(&world, before), Some(CloseCode::RightsChanged), "{by_import}");
        assert_eq!(kinds(&world.take(before)), [&NEW[..], &["error"]].concat());
        assert_eq!(listed(&mut world, after), std::slice::from_ref(&south));
        world.take(after);
        say(&mut world, driver, &north);
        assert_eq!(world.take(after), [] as [Value; 0], "P5: hears what it has left");
        say(&mut world, driver, &south);
        assert_eq!(live_seqs(&world.take(after)), [2]);
    }
}

/// A user added by name while in control, outside of the user's teams.
#[test]
fn a_membership_of_control_sleeps_while_the_user_is_not_in_control() {
    let mut world = World::new(by_words());
    let driver = world.connect(&driver());
    let (id, _) = create_in(&mut world, driver, "north");
    world.command(Command::Import(control("sam", "")));
    world.command(Command::Enrol { conversation: id.as_str().into(), user: "sam".into() });
    for (role, takes_part) in
        [(Role::ControlStaff, true), (Role::BusDriver, false), (Role::ControlAdmin, true)]
    {
        let user = named("sam", role, "", "Smith");
        world.advance(secs(1));
        world.command(Command::Import(user.clone()));
        let sam = world.connect(&user);
        say(&mut world, driver, &id);
        let heard = world.take(sam);
        assert_eq!(kinds(&heard), if takes_part { vec!["new_message"] } else { vec![] }, "P4, P5: {role:?}");
        assert_eq!(listed(&mut world, sam), if takes_part { vec![id.clone()] } else { vec![] }, "{role:?}");
    }
}

#[test]
fn a_change_of_names_within_the_teams_ends_no_session() {
    let mut world = World::new(by_words());
    let conn = world.connect(&control("sam", "north"));
    world.command(Command::Import(User { last_name: "Jones".into(), ..control("sam", "north") }));
    assert_eq!(closed(&world, conn), None);
}

/// A connection hears message 2 if its account is in the team, unless the connection was closed.
fn assert_hears_or_is_closed(world: &mut World, conn: ConnectionId, hears: bool, team: &str) {
    let seqs = live_seqs(&world.take(conn));
    match closed(world, conn) {
        Some(code) => assert_eq!((code, seqs), (CloseCode::RightsChanged, vec![])),
        None => assert_eq!(seqs, if hears { vec![2] } else { vec![] }, "P4, P5: {team}"),
    }
}

/// A token with other names than the account, which is older than these names, and so names other
/// teams.
#[test]
fn a_token_of_other_teams_than_the_account_hears_those_of_the_account_or_is_closed() {
    for (team, hears) in [("north", false), ("south", true)] {
        let mut world = World::new(by_words());
        let driver = world.connect(&driver());
        let (conversation, _) = create_in(&mut world, driver, team);
        world.command(Command::Import(control("sam", "north")));
        world.advance(secs(5));
        world.command(Command::Import(control("sam", "south")));
        world.hold = true;
        let conn = world.connect_issued(&control("sam", "north"), NOON.plus(secs(3)));
        let data = about(&conversation, json!({"content": "anybody there?"}));
        world.request(driver, "send_chat_message", data);
        answer_commit(&mut world, Answer::Good);
        world.settle();
        assert_hears_or_is_closed(&mut world, conn, hears, team);
    }
}

/// An import changes the teams of a user whose connection is being admitted.
#[test]
fn who_changes_teams_while_being_admitted_hears_the_new_ones_or_is_closed() {
    for (team, hears) in [("north", false), ("south", true)] {
        let mut world = World::new(by_words());
        let driver = world.connect(&driver());
        let (conversation, _) = create_in(&mut world, driver, team);
        world.command(Command::Import(control("sam", "north")));
        world.hold = true;
        world.advance(secs(5));
        let conn = world.connect_issued(&control("sam", "north"), NOON.plus(secs(3)));
        let import = world.command(Command::Import(control("sam", "south")));
        world.answer(1, Answer::Good);
        answer_commit(&mut world, Answer::Good);
        assert!(world.answers[&import].is_ok());
        let data = about(&conversation, json!({"content": "anybody there?"}));
        world.request(driver, "send_chat_message", data);
        answer_commit(&mut world, Answer::Good);
        world.settle();
        assert_hears_or_is_closed(&mut world, conn, hears, team);
    }
}

//! The ways into a conversation and out of it. Whoever takes part misses nothing (P4), and nobody
//! else hears or reads anything (P5).

use chat_core::engine::{Command, ConnectionId, Settings, SupportRequest, Teams};
use chat_core::id::TeamId;
use chat_core::protocol::{CloseCode, Role, User};
use chat_core::testing::World;
use chat_core::testing::world::START as NOON;
use core_test_support::*;
use serde_json::{Value, json};

fn desk() -> User {
    named("sam", Role::ControlStaff, "Sam", "Both")
}

fn phone() -> User {
    named("sam", Role::BusDriver, "Sam", "Both")
}

/// A driver with three conversations.
struct Line {
    world: World,
    driver: ConnectionId,
    conversations: Vec<String>,
}

impl Line {
    fn new() -> Self {
        Self::with(unhurried())
    }

    fn with(settings: Settings) -> Self {
        let mut world = World::new(settings);
        let driver = world.connect(&driver());
        let conversations = (0..3).map(|_| create(&mut world, driver)).collect();
        Self { world, driver, conversations }
    }

    /// The conversations that a connection lists, by their places. It must be able to read exactly
    /// these, and hear their messages.
    fn known_to(&mut self, conn: ConnectionId) -> Vec<usize> {
        let listed = self.world.ask(conn, "get_active_conversations", json!({}))[0].clone();
        let rows = listed["conversations"].as_array().expect("a list").clone();
        let is_listed = |id: &String| rows.iter().any(|row| row["id"] == json!(id));
        for id in self.conversations.clone() {
            let read = self.world.ask(conn, "get_conversation_messages", about(&id, json!({})));
            let data = about(&id, json!({"content": "anybody there?"}));
            self.world.ask(self.driver, "send_chat_message", data);
            let heard = live_seqs(&self.world.take(conn)).len();
            if is_listed(&id) {
                assert_eq!((&read[0]["success"], heard), (&json!(true), 1), "P4: {conn:?} misses {id}");
            } else {
                assert_eq!((read, heard), (vec![not_found()], 0), "P5: {conn:?} learns of {id}");
            }
        }
        let places = self.conversations.iter().enumerate().filter(|(_, id)| is_listed(id));
        places.map(|(place, _)| place).collect()
    }

    /// The participants of a conversation, as the driver is told.
    fn participants(&mut self, place: usize) -> Vec<String> {
        let data = about(&self.conversations[place], json!({}));
        let row = self.world.ask(self.driver, "get_active_conversations", data)[0].clone();
        let users = row["conversations"][0]["participants"].as_array().expect("a row").clone();
        users.iter().map(|user| user["id"].as_str().expect("an id").to_owned()).collect()
    }

    fn enrol(&mut self, place: usize, user: &User) {
        let (conversation, user) = (self.conversations[place].as_str().into(), user.id.clone());
        let id = self.world.command(Command::Enrol { conversation, user });
        assert!(self.world.answers[&id].is_ok());
    }

    fn withdraw(&mut self, place: usize, user: &User) {
        let (conversation, user) = (self.conversations[place].as_str().into(), user.id.clone());
        let id = self.world.command(Command::Withdraw { conversation, user });
        assert!(self.world.answers[&id].is_ok());
    }
}

const NONE: [usize; 0] = [];

#[test]
fn who_becomes_control_by_token_takes_part_in_all_that_there_is() {
    let mut line = Line::new();
    let before = line.world.connect(&phone());
    assert_eq!(line.known_to(before), NONE);
    let after = line.world.connect(&desk());
    assert_eq!(closed(&line.world, before), Some(CloseCode::RightsChanged));
    assert_eq!(line.known_to(after), [0, 1, 2]);
    assert_eq!(line.participants(0), ["driver_1", "sam"]);
}

#[test]
fn who_becomes_control_by_import_takes_part_in_all_that_there_is() {
    for is_known in [true, false] {
        let mut line = Line::new();
        let before = is_known.then(|| line.world.connect(&phone()));
        line.world.command(Command::Import(desk()));
        if let Some(conn) = before {
            assert_eq!(closed(&line.world, conn), Some(CloseCode::RightsChanged));
        }
        assert_eq!(line.participants(0), ["driver_1", "sam"], "without a connection");
        let after = line.world.connect(&desk());
        assert_eq!(line.known_to(after), [0, 1, 2]);
    }
}

#[test]
fn who_ceases_to_be_control_by_token_keeps_only_its_own() {
    let mut line = Line::new();
    let first = line.world.connect(&phone());
    let own = create(&mut line.world, first);
    let at_desk = line.world.connect(&desk());
    assert_eq!(line.known_to(at_desk), [0, 1, 2]);
    let on_phone = line.world.connect(&phone());
    assert_eq!(closed(&line.world, at_desk), Some(CloseCode::RightsChanged));
    assert_eq!(line.known_to(on_phone), NONE);
    assert_eq!(line.participants(0), ["driver_1"]);
    line.conversations.push(own);
    let listed = line.world.ask(on_phone, "get_active_conversations", json!({}));
    assert_eq!(
        (&listed[0]["count"], &listed[0]["conversations"][0]["id"]),
        (&json!(1), &json!(line.conversations[3]))
    );
    let data = json!({"title": "t", "content": "c"});
    let later = line.world.ask(line.driver, "create_support_conversation", data);
    assert_eq!(later[0]["participants"], json!(["driver_1"]));
    assert_eq!(line.world.take(on_phone), [] as [Value; 0]);
}

#[test]
fn who_ceases_to_be_control_by_import_is_left_with_nothing() {
    let mut line = Line::new();
    let at_desk = line.world.connect_issued(&desk(), NOON.minus(secs(10)));
    assert_eq!(line.known_to(at_desk), [0, 1, 2]);
    line.world.command(Command::Import(phone()));
    assert_eq!(closed(&line.world, at_desk), Some(CloseCode::RightsChanged));
    assert_eq!(line.participants(0), ["driver_1"]);
    let again = line.world.connect_issued(&desk(), NOON.minus(secs(10)));
    assert_eq!(closed(&line.world, again), Some(CloseCode::RightsChanged));
    let on_phone = line.world.connect(&phone());
    assert_eq!(line.known_to(on_phone), NONE);
}

#[test]
fn who_is_deactivated_takes_part_in_nothing_until_activated() {
    let mut line = Line::new();
    let at_desk = line.world.connect(&desk());
    assert_eq!(line.known_to(at_desk), [0, 1, 2]);
    line.enrol(0, &desk());
    line.world.command(Command::Deactivate(desk().id));
    assert_eq!(closed(&line.world, at_desk), Some(CloseCode::Deactivated));
    assert_eq!(line.participants(0), ["driver_1"]);
    let (conversation, user) = (line.conversations[0].as_str().into(), desk().id);
    let send = Command::Send { user, conversation, content: "x".into(), client_message_id: None };
    let id = line.world.command(send);
    assert_eq!(line.world.answers[&id].as_ref().unwrap_err().code.as_str(), "deactivated");
    let data = about(&line.conversations[0], json!({"content": "meanwhile"}));
    let meanwhile = line.world.ask(line.driver, "send_chat_message", data);

    line.world.command(Command::Activate(desk().id));
    assert_eq!(line.participants(0), ["driver_1", "sam"]);
    let back = line.world.connect(&desk());
    let data = about(&line.conversations[0], json!({"limit": 1}));
    let newest = line.world.ask(back, "get_conversation_messages", data);
    assert_eq!(newest[0]["messages"][0]["id"], meanwhile[0]["message_id"], "P4: misses the time between");
    assert_eq!(line.known_to(back), [0, 1, 2]);
}

#[test]
fn who_is_withdrawn_by_name_takes_no_part_in_any_role_until_enrolled() {
    let mut line = Line::new();
    let at_desk = line.world.connect(&desk());
    let other = line.world.connect(&staff());
    line.withdraw(0, &desk());
    assert_eq!(line.known_to(at_desk), [1, 2]);
    assert_eq!(line.known_to(other), [0, 1, 2]);
    assert_eq!(line.participants(0), ["driver_1", "control_1"]);
    assert_eq!(line.participants(1), ["driver_1", "control_1", "sam"]);

    let on_phone = line.world.connect(&phone());
    line.enrol(1, &phone());
    assert_eq!(line.known_to(on_phone), [1]);
    let at_desk = line.world.connect(&desk());
    assert_eq!(line.known_to(at_desk), [1, 2]);
    line.enrol(0, &desk());
    assert_eq!(line.known_to(at_desk), [0, 1, 2]);
    assert_eq!(line.participants(0), ["driver_1", "control_1", "sam"]);
}

#[test]
fn a_creator_who_is_withdrawn_takes_no_part() {
    let mut line = Line::new();
    let second = line.world.connect(&staff());
    line.withdraw(0, &driver());
    let data = about(&line.conversations[0], json!({"content": "among us"}));
    line.world.ask(second, "send_chat_message", data.clone());
    assert_eq!(line.world.take(line.driver), [] as [Value; 0], "P5: hears");
    assert_eq!(line.world.ask(line.driver, "send_chat_message", data), [not_found()]);
    let row = about(&line.conversations[0], json!({}));
    assert_eq!(line.world.ask(line.driver, "get_active_conversations", row.clone()), [not_found()]);
    let row = line.world.ask(second, "get_active_conversations", row)[0].clone();
    let participants = row["conversations"][0]["participants"].as_array().expect("a row");
    assert_eq!((participants.len(), &participants[0]["id"]), (1, &json!("control_1")));
}

#[test]
fn a_creator_who_takes_part_by_team_comes_first_in_rows_of_either_kind() {
    let mut line = Line::new();
    let second = line.world.connect(&staff());
    line.withdraw(0, &driver());
    line.world.command(Command::Import(User { role: Role::ControlStaff, ..driver() }));
    line.enrol(0, &driver());
    for brief in [false, true] {
        let mut data = about(&line.conversations[0], json!({}));
        if brief {
            data["participants"] = "brief".into();
        }
        let row = line.world.ask(second, "get_active_conversations", data)[0]["conversations"][0].clone();
        assert_eq!(row["participants"][0]["id"], "driver_1", "{row}");
    }
}

#[test]
fn a_field_user_enrolled_by_name_takes_part_in_whatever_role() {
    let mut line = Line::new();
    let conn = line.world.connect(&phone());
    line.enrol(1, &phone());
    assert_eq!(line.known_to(conn), [1]);
    assert_eq!(line.participants(1), ["driver_1", "sam"]);
    assert_eq!(line.participants(0), ["driver_1"]);
    let at_desk = line.world.connect(&desk());
    assert_eq!(line.known_to(at_desk), [0, 1, 2]);
    let conn = line.world.connect(&phone());
    assert_eq!(line.known_to(conn), [1]);
}

/// A policy that puts nobody in a team.
struct Nobody;

impl Teams for Nobody {
    fn of_request(&self, _: &SupportRequest<'_>) -> Vec<TeamId> {
        vec!["control".into()]
    }

    fn of_user(&self, _: &User) -> Vec<TeamId> {
        Vec::new()
    }
}

#[test]
fn a_control_user_enrolled_by_name_takes_part_while_in_control() {
    let mut line = Line::with(Settings { teams: Box::new(Nobody), ..unhurried() });
    let at_desk = line.world.connect(&desk());
    assert_eq!(line.known_to(at_desk), NONE);
    line.enrol(2, &desk());
    assert_eq!(line.known_to(at_desk), [2]);
    assert_eq!(line.participants(2), ["driver_1", "sam"]);
    let on_phone = line.world.connect(&phone());
    assert_eq!(line.known_to(on_phone), NONE);
    assert_eq!(line.participants(2), ["driver_1"], "P5: names a user without a part");
}

#[test]
fn a_repeated_creation_names_who_was_enrolled_while_in_control() {
    let mut world = World::new(Settings { teams: Box::new(Nobody), ..unhurried() });
    let driver = world.connect(&driver());
    let at_desk = world.connect(&desk());
    let data = json!({"title": "t", "content": "c", "client_message_id": "a"});
    let first = world.ask(driver, "create_support_conversation", data.clone());
    let conversation = first[0]["conversation_id"].as_str().unwrap().into();
    world.command(Command::Enrol { conversation, user: desk().id });
    let again = world.ask(driver, "create_support_conversation", data);
    assert_eq!(again[0]["participants"], json!(["driver_1", "sam"]));
    assert_eq!(closed(&world, at_desk), None);
}

/// Another node has taken the user's rights. This engine finds out by the conflict.
#[test]
fn a_message_decided_before_a_demotion_does_not_land_after_it() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.staff, "too late");
    elsewhere(&mut scene, Command::Import(User { role: Role::BusDriver, ..staff() }));
    scene.world.settle();
    let heard = scene.world.take(scene.staff);
    assert_eq!(heard.last().map(|told| &told["code"]), Some(&json!("rights_changed")), "the session ends");
    assert_eq!(scene.ids().len(), 1, "P5: a user without rights has written");

    let mut scene = Scene::new();
    scene.world.hold = true;
    let (user, conversation) = (staff().id, scene.conversation.as_str().into());
    let send = Command::Send { user, conversation, content: "too late".into(), client_message_id: None };
    let id = scene.world.command(send);
    scene.world.answer(0, chat_core::testing::world::Answer::Good);
    elsewhere(&mut scene, Command::Deactivate(staff().id));
    scene.world.settle();
    assert_eq!(scene.world.answers[&id].as_ref().unwrap_err().code.as_str(), "deactivated");
    assert_eq!(scene.ids().len(), 1, "P5: a user without rights has written");
}

#[test]
fn a_conversation_decided_before_its_creator_became_control_is_not_created() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.world.request(scene.driver, "create_support_conversation", json!({"title": "t", "content": "c"}));
    elsewhere(&mut scene, Command::Import(User { role: Role::ControlStaff, ..driver() }));
    scene.world.settle();
    assert_eq!(scene.world.take(scene.driver)[0]["code"], "rights_changed", "the session ends");
    assert_eq!(scene.world.store.export().conversations.len(), 1);
}

#[test]
fn a_conversation_that_control_is_absent_from_waits_for_it() {
    let mut world = World::new(unhurried());
    let driver = world.connect_for(&driver(), secs(60 * 86_400));
    let old = create(&mut world, driver);
    world.advance(secs(31 * 86_400));
    let newer = create(&mut world, driver);
    let staff = world.connect(&staff());
    let listed = world.ask(staff, "get_active_conversations", json!({}));
    assert_eq!((&listed[0]["count"], &listed[0]["conversations"][0]["id"]), (&json!(1), &json!(newer)));
    let reply = world.ask(driver, "send_chat_message", about(&old, json!({"content": "still there?"})));
    assert_eq!(reply[0]["seq"], 2);
    let heard = world.take(staff);
    assert_eq!(heard[0]["message"]["content"], "still there?", "nobody is stranded");
    let listed = world.ask(staff, "get_active_conversations", json!({}));
    assert_eq!((&listed[0]["count"], &listed[0]["conversations"][0]["id"]), (&json!(2), &json!(old)));
}

#[test]
fn all_active_control_users_take_part_and_nobody_else() {
    let mut world = World::new(unhurried());
    world.connect(&staff());
    let gone = world.connect(&admin());
    world.disconnect(gone);
    world.connect(&other_driver());
    world.connect(&regulator());
    world.command(Command::Import(User::new("control_3", Role::ControlStaff)));
    world.command(Command::Import(User::new("control_4", Role::ControlStaff)));
    world.command(Command::Deactivate("control_4".into()));
    world.command(Command::ImportInactive(User::new("control_5", Role::ControlStaff)));
    let driver = world.connect(&driver());
    let reply = world.ask(driver, "create_support_conversation", json!({"title": "t", "content": "c"}));
    assert_eq!(reply[0]["participants"], json!(["driver_1", "control_1", "control_2", "control_3"]));
}

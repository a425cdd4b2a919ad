//! The work on a conversation: winners, losers, and the events for everybody.

use chat_core::engine::{Command, ConnectionId};
use chat_core::protocol::{Role, User};
use core_test_support::*;
use serde_json::{Value, json};

/// A scene with an admin too.
fn scene() -> (Scene, ConnectionId) {
    let mut scene = Scene::new();
    let admin = scene.world.connect(&admin());
    (scene, admin)
}

fn change(scene: &mut Scene, conn: ConnectionId, action: &str, version: u64, more: Value) -> Vec<Value> {
    let mut data = more;
    data["version"] = version.into();
    let data = scene.data(data);
    scene.world.ask(conn, &format!("{action}_conversation"), data)
}

fn work(state: &str, assignee: Option<&str>, version: u64) -> Value {
    json!({
        "state": state, "assignee": assignee, "since": START, "waiting_since": START, "version": version,
    })
}

/// The work that a row of the list shows.
fn listed(scene: &mut Scene, conn: ConnectionId) -> Value {
    let rows = scene.world.ask(conn, "get_active_conversations", json!({"participants": "brief"}));
    rows[0]["conversations"][0]["work"].clone()
}

#[test]
fn a_taken_conversation_is_told_to_everybody() {
    let (mut scene, _) = scene();
    let (staff, driver) = (scene.staff, scene.driver);
    let heard = change(&mut scene, staff, "take", 0, json!({}));
    let taken = work("TAKEN", Some("control_1"), 2);
    let id = &scene.ids()[1];
    let reply = json!({
        "success": true, "message": "Conversation changed successfully", "message_id": id,
        "conversation_id": scene.conversation, "seq": 2, "timestamp": START, "work": taken,
    });
    let mut shown = taken.clone();
    shown["action"] = "TAKE".into();
    let message = json!({
        "id": id, "sender_id": "control_1", "content": "Jane Smith has taken this conversation.",
        "message_type": "TEXT", "sent_at": START, "seq": 2, "work": shown,
    });
    let event = json!({"type": "new_message", "conversation_id": scene.conversation, "message": message});
    assert_eq!(heard, [reply, event.clone()]);
    assert_eq!(scene.world.take(driver).last(), Some(&event));
    assert_eq!(listed(&mut scene, driver), taken);
    let data = scene.data(json!({"after_seq": 1, "epoch": "epoch_1"}));
    let joined = scene.world.ask(driver, "join_conversation", data);
    assert_eq!((&joined[0]["work"], &joined[0]["messages"][0]["work"]), (&taken, &event["message"]["work"]));
}

#[test]
fn of_two_that_take_one_wins_and_the_other_is_told_who() {
    let (mut scene, admin) = scene();
    let staff = scene.staff;
    scene.world.hold = true;
    for conn in [staff, admin] {
        let data = scene.data(json!({"version": 0}));
        scene.world.request(conn, "take_conversation", data);
    }
    scene.world.hold = false;
    scene.world.settle();
    let won = replies(&scene.world.take(staff))[0].clone();
    assert_eq!(won["work"], work("TAKEN", Some("control_1"), 2));
    let lost = replies(&scene.world.take(admin))[0].clone();
    assert_eq!(lost["code"], "conflict");
    assert_eq!(lost["work"], won["work"]);
    assert_eq!(scene.ids().len(), 2, "nothing is stored for the loser");
}

#[test]
fn the_winners_repeat_gets_the_original_reply() {
    let (mut scene, admin) = scene();
    let staff = scene.staff;
    let key = json!({"client_message_id": "once"});
    let first = change(&mut scene, staff, "take", 0, key.clone());
    change(&mut scene, admin, "take", 2, json!({}));
    scene.world.take(staff);
    let again = change(&mut scene, staff, "take", 0, key.clone());
    assert_eq!(again, first[..1], "though an admin has the conversation by now");
    let other = change(&mut scene, staff, "resolve", 0, key);
    assert_eq!(other[0]["code"], "client_message_id_reused");
}

#[test]
fn a_conversation_is_handed_to_a_colleague_by_name() {
    let (mut scene, admin) = scene();
    let staff = scene.staff;
    change(&mut scene, staff, "take", 0, json!({}));
    for nobody in ["driver_1", "control_9", ""] {
        let heard = change(&mut scene, staff, "transfer", 2, json!({"to": nobody}));
        assert_eq!(heard[0]["code"], "user_not_found", "{nobody:?}");
    }
    let heard = change(&mut scene, staff, "transfer", 2, json!({"to": "control_2"}));
    assert_eq!(heard[0]["work"], work("TAKEN", Some("control_2"), 3));
    assert_eq!(heard[1]["message"]["content"], "Jane Smith has handed this conversation to Ada Boss.");
    let foreign = change(&mut scene, staff, "resolve", 3, json!({}));
    assert_eq!(foreign[0]["code"], "forbidden");
    scene.world.take(admin);
    let resolved = change(&mut scene, admin, "resolve", 3, json!({}));
    let resolved = (&resolved[0]["work"]["state"], &resolved[0]["work"]["waiting_since"]);
    assert_eq!(resolved, (&json!("RESOLVED"), &Value::Null));
}

#[test]
fn a_reply_takes_and_a_question_reopens() {
    let (mut scene, _) = scene();
    let (staff, driver) = (scene.staff, scene.driver);
    let heard = scene.send(staff, "I am on it");
    let shown = &heard[1]["message"]["work"];
    assert_eq!((&shown["state"], &shown["assignee"]), (&json!("TAKEN"), &json!("control_1")));
    assert_eq!((&shown["action"], &shown["waiting_since"]), (&Value::Null, &Value::Null));
    change(&mut scene, staff, "resolve", 2, json!({}));
    scene.world.take(driver);
    let heard = scene.send(driver, "One more thing");
    let shown = &heard[1]["message"]["work"];
    assert_eq!(
        (&shown["state"], &shown["assignee"], &shown["version"]),
        (&json!("TAKEN"), &json!("control_1"), &json!(4))
    );
}

#[test]
fn an_entry_moves_nothing_and_ends_no_typing() {
    let (mut scene, admin) = scene();
    let (staff, driver) = (scene.staff, scene.driver);
    scene.typing(staff, true);
    scene.world.take(driver);
    change(&mut scene, staff, "take", 0, json!({}));
    let heard = scene.world.take(driver);
    assert!(of_type(&heard, "typing_status").is_empty(), "{heard:?}");
    let rows = scene.world.ask(admin, "get_active_conversations", json!({}));
    let rows = rows.iter().find(|frame| frame["conversations"].is_array()).expect("the reply");
    let row = &rows["conversations"][0];
    assert_eq!((&row["last_message"]["id"], &row["last_seq"]), (&json!(scene.ids()[0]), &json!(2)));
    let rows = scene.world.ask(driver, "get_active_conversations", json!({}));
    assert_eq!(rows[0]["conversations"][0]["unread_count"], 0);
}

#[test]
fn an_assignee_who_is_deactivated_counts_as_nobody_at_once() {
    let (mut scene, admin) = scene();
    let (staff, driver) = (scene.staff, scene.driver);
    change(&mut scene, staff, "take", 0, json!({}));
    scene.world.command(Command::Deactivate("control_1".into()));
    scene.world.settle();
    assert_eq!(listed(&mut scene, driver), work("WAITING", None, 2));
    scene.world.take(admin);
    let heard = change(&mut scene, admin, "take", 2, json!({}));
    assert_eq!(heard[0]["work"], work("TAKEN", Some("control_2"), 3));
}

#[test]
fn work_is_a_matter_of_control() {
    let (mut scene, _) = scene();
    let driver = scene.driver;
    for action in ["take", "release", "resolve", "reopen"] {
        let heard = change(&mut scene, driver, action, 0, json!({}));
        assert_eq!(heard[0]["code"], "forbidden", "{action}");
    }
}

#[test]
fn nobody_is_the_server() {
    let mut scene = Scene::new();
    let conn = scene.world.connect(&User::new("chat:server", Role::ControlAdmin));
    let heard = scene.world.take(conn);
    assert_eq!(heard[0]["code"], "not_authenticated");
    let id = scene.world.command(Command::Import(User::new("chat:server", Role::BusDriver)));
    scene.world.settle();
    assert!(scene.world.answers[&id].is_err());
}

//! Control speaks first.

use chat_core::engine::{Command, ConnectionId};
use chat_core::protocol::{Role, User};
use core_test_support::*;
use serde_json::{Value, json};

fn start(scene: &mut Scene, conn: ConnectionId, to: &[&str], more: &Value) -> Vec<Value> {
    let mut data = json!({"to": to, "title": "Detour", "content": "Take the second exit."});
    if let (Some(data), Some(more)) = (data.as_object_mut(), more.as_object()) {
        data.extend(more.clone());
    }
    scene.world.ask(conn, "start_conversation", data)
}

#[test]
fn a_started_conversation_reaches_its_addressees_and_the_team() {
    let mut scene = Scene::new();
    let (staff, driver) = (scene.staff, scene.driver);
    let colleague = scene.world.connect(&admin());
    let regulator = scene.world.connect(&regulator());
    let other = scene.world.connect(&other_driver());
    let heard = start(&mut scene, staff, &["regulator_1", "driver_1", "driver_1"], &json!({}));
    let id = heard[0]["conversation_id"].clone();
    let work = json!({
        "state": "TAKEN", "assignee": "control_1", "since": START, "waiting_since": null, "version": 1,
    });
    let reply = json!({
        "success": true, "message": "Conversation started successfully", "conversation_id": id,
        "title": "Detour", "participants": ["control_1", "driver_1", "regulator_1", "control_2"],
        "timestamp": START, "work": work,
    });
    assert_eq!(heard[0], reply);
    let event = of_type(&heard, "new_message")[0].clone();
    assert_eq!(event["message"]["content"], "Take the second exit.");
    assert_eq!((&event["message"]["seq"], &event["message"]["work"]), (&json!(1), &work));
    for conn in [driver, regulator, colleague] {
        let heard = scene.world.take(conn);
        assert_eq!(of_type(&heard, "new_message"), [&event]);
        assert!(of_type(&heard, "new_support_conversation").is_empty(), "nobody has asked for help");
    }
    assert!(scene.world.take(other).is_empty(), "P5: the others hear nothing");
    let rows = scene.world.ask(driver, "get_active_conversations", json!({}));
    let row = &rows[0]["conversations"][0];
    assert_eq!(
        (&row["id"], &row["title"], &row["room_type"]),
        (&id, &json!("Detour"), &json!("driver_support"))
    );
}

#[test]
fn an_answer_of_the_field_waits_for_who_has_started_it() {
    let mut scene = Scene::new();
    let (staff, driver) = (scene.staff, scene.driver);
    let heard = start(&mut scene, staff, &["driver_1"], &json!({}));
    let id = heard[0]["conversation_id"].as_str().unwrap().to_owned();
    scene.world.take(driver);
    let data = about(&id, json!({"content": "Which one?"}));
    let heard = scene.world.ask(driver, "send_chat_message", data);
    let work = &heard[1]["message"]["work"];
    assert_eq!((&work["assignee"], &work["waiting_since"]), (&json!("control_1"), &json!(START)));
    assert_eq!(work["version"], 1, "no entry");
}

#[test]
fn only_active_users_in_the_field_are_spoken_to() {
    let mut scene = Scene::new();
    let staff = scene.staff;
    scene.world.command(Command::ImportInactive(User::new("gone", Role::BusDriver)));
    for to in [&["nobody"][..], &["gone"], &["control_1"], &["driver_1", "nobody"], &[""]] {
        let heard = start(&mut scene, staff, to, &json!({}));
        assert_eq!(heard[0]["code"], "user_not_found", "{to:?}");
    }
    scene.world.command(Command::Import(User::new("away", Role::QueueRegulator)));
    let heard = start(&mut scene, staff, &["away"], &json!({}));
    assert_eq!(heard[0]["success"], true, "a user who is not connected: {heard:?}");
    let driver = scene.driver;
    assert_eq!(start(&mut scene, driver, &["driver_1"], &json!({}))[0]["code"], "forbidden");
}

#[test]
fn a_repeated_start_gets_the_original_reply() {
    let mut scene = Scene::new();
    let (staff, key) = (scene.staff, json!({"client_message_id": "once"}));
    let first = start(&mut scene, staff, &["driver_1"], &key);
    let again = start(&mut scene, staff, &["driver_1"], &key);
    assert_eq!(again, first[..1]);
    let other = json!({"client_message_id": "once", "content": "Take the third exit."});
    assert_eq!(start(&mut scene, staff, &["driver_1"], &other)[0]["code"], "client_message_id_reused");
    let others = start(&mut scene, staff, &["driver_1", "control_1"], &key);
    assert_eq!(others[0]["code"], "client_message_id_reused", "other addressees");
}

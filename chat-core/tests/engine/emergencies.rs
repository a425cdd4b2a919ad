//! The life of an emergency: alerts, who has it, its end, and second presses.

use chat_core::engine::{Command, ConnectionId};
use chat_core::protocol::{Role, User};
use chat_core::testing::World;
use core_test_support::*;
use serde_json::{Value, json};

/// A scene with an admin, and an emergency of the driver.
struct Emergency {
    scene: Scene,
    admin: ConnectionId,
    id: String,
}

impl Emergency {
    fn new() -> Self {
        let mut scene = Scene::new();
        let admin = scene.world.connect(&admin());
        let heard = press(&mut scene.world, scene.driver, "Help", "once");
        let id = heard[0]["conversation_id"].as_str().expect("an id").to_owned();
        scene.world.take(scene.staff);
        scene.world.take(admin);
        Self { scene, admin, id }
    }

    fn ask(&mut self, conn: ConnectionId, kind: &str, more: Value) -> Vec<Value> {
        self.scene.world.ask(conn, kind, about(&self.id, more))
    }

    /// The emergency that a row of the list shows.
    fn listed(&mut self) -> Value {
        let data = json!({"conversation_id": self.id});
        let heard = self.scene.world.ask(self.scene.staff, "get_active_conversations", data);
        heard[0]["conversations"][0]["emergency"].clone()
    }

    /// The alerts that control hears in the next seconds.
    fn alerts(&mut self, seconds: u64) -> Vec<Value> {
        self.scene.world.advance(secs(seconds));
        let heard = self.scene.world.take(self.scene.staff);
        of_type(&heard, "new_message").into_iter().map(|event| event["message"].clone()).collect()
    }
}

fn press(world: &mut World, conn: ConnectionId, content: &str, name: &str) -> Vec<Value> {
    let data = json!({
        "title": "Emergency", "content": content, "room_type": "emergency_support", "client_message_id": name,
    });
    world.ask(conn, "create_support_conversation", data)
}

#[test]
fn control_is_alerted_until_somebody_takes_it() {
    let mut emergency = Emergency::new();
    let open = json!({
        "state": "OPEN", "level": 0, "by": null, "since": START, "reason": null, "version": 1,
        "alerted_at": START,
    });
    assert_eq!(emergency.listed(), open);
    assert_eq!(emergency.alerts(29), [] as [Value; 0]);
    let alert = emergency.alerts(1).remove(0);
    assert_eq!((&alert["sender_id"], &alert["seq"]), (&json!("chat:server"), &json!(2)));
    assert_eq!(alert["content"], "Nobody has taken this emergency yet (alert 1).");
    let shown = &alert["emergency"];
    assert_eq!((&shown["action"], &shown["level"]), (&json!("ESCALATE"), &json!(1)));
    assert_eq!((&shown["version"], &alert["work"]), (&json!(1), &Value::Null));
    let heard = emergency.scene.world.take(emergency.scene.driver);
    assert_eq!(of_type(&heard, "new_message").last().map(|event| &event["message"]), Some(&alert));
    assert_eq!(emergency.alerts(59), [] as [Value; 0]);
    assert_eq!(emergency.alerts(1)[0]["emergency"]["level"], 2);
    let admin = emergency.admin;
    let taken = emergency.ask(admin, "take_conversation", json!({"version": 0}));
    assert_eq!(taken[0]["work"]["state"], "TAKEN");
    let entry = emergency.alerts(0).remove(0);
    assert_eq!(entry["work"]["action"], "TAKE");
    assert_eq!(
        (&entry["emergency"]["state"], &entry["emergency"]["by"], &entry["emergency"]["action"]),
        (&json!("TAKEN"), &json!("control_2"), &Value::Null)
    );
    assert_eq!(emergency.alerts(3_600), [] as [Value; 0], "somebody has it");
    let released = emergency.ask(admin, "release_conversation", json!({"version": 4}));
    assert_eq!(released[0]["success"], true, "{released:?}");
    let heard = emergency.alerts(0);
    assert_eq!(heard[0]["emergency"]["state"], "OPEN");
    assert_eq!(heard[1]["emergency"]["level"], 3, "at once, because it was silent for long: {heard:?}");
}

#[test]
fn an_emergency_of_a_deactivated_user_alerts_again() {
    let mut emergency = Emergency::new();
    let staff = emergency.scene.staff;
    let admin = emergency.admin;
    emergency.ask(admin, "take_conversation", json!({"version": 0}));
    emergency.scene.world.take(staff);
    assert_eq!(emergency.alerts(100), [] as [Value; 0]);
    emergency.scene.world.command(Command::Deactivate("control_2".into()));
    let alert = emergency.alerts(0).remove(0);
    assert_eq!((&alert["emergency"]["state"], &alert["emergency"]["by"]), (&json!("OPEN"), &Value::Null));
    assert_eq!(emergency.listed()["level"], 1);
}

#[test]
fn a_second_press_goes_into_the_first_emergency() {
    let mut emergency = Emergency::new();
    let (driver, id) = (emergency.scene.driver, emergency.id.clone());
    let heard = press(&mut emergency.scene.world, driver, "Help again", "twice");
    let reply = heard[0].clone();
    assert_eq!((&reply["conversation_id"], &reply["repeated"]), (&json!(id), &json!(true)));
    assert_eq!(
        (&reply["title"], &reply["participants"][0]),
        (&json!("Support: Emergency"), &json!("driver_1"))
    );
    let repeat = press(&mut emergency.scene.world, driver, "Help again", "twice");
    assert_eq!(repeat, [reply], "the original reply, and no second message");
    let told = emergency.alerts(0);
    assert_eq!(told.iter().map(|told| &told["content"]).collect::<Vec<_>>(), ["Help again"]);
    for number in 0..20 {
        let heard = press(&mut emergency.scene.world, driver, "Help", &format!("press {number}"));
        assert_eq!(heard[0]["repeated"], true, "no rate of creations: {heard:?}");
    }
    let staff = emergency.scene.staff;
    let end = json!({"version": 1, "reason": "false_alarm", "client_message_id": "end"});
    let ended = emergency.ask(staff, "end_emergency", end.clone());
    assert_eq!(
        (&ended[0]["emergency"]["state"], &ended[0]["emergency"]["by"]),
        (&json!("ENDED"), &json!("control_1"))
    );
    assert_eq!(ended[1]["message"]["content"], "Jane Smith has ended this emergency: false alarm.");
    assert_eq!(emergency.ask(staff, "end_emergency", end)[0], ended[0], "a repeat");
    let heard = press(&mut emergency.scene.world, driver, "Another one", "later");
    assert_eq!(heard[0]["repeated"], Value::Null);
    assert_ne!(heard[0]["conversation_id"], json!(id), "the first is over");
}

#[test]
fn presses_at_once_make_one_emergency() {
    let mut scene = Scene::new();
    let (driver, other) = (scene.driver, scene.world.connect(&driver()));
    scene.world.hold = true;
    for (number, conn) in [driver, other, driver].into_iter().enumerate() {
        let data = json!({
            "title": "Emergency", "content": format!("press {number}"), "room_type": "emergency_support",
        });
        scene.world.request(conn, "create_support_conversation", data);
    }
    scene.world.hold = false;
    scene.world.settle();
    let heard = [scene.world.take(driver), scene.world.take(other)];
    let replies: Vec<_> = heard.iter().flat_map(|heard| replies(heard)).collect();
    let repeated: Vec<_> = replies.iter().filter(|reply| reply["repeated"] == true).collect();
    assert_eq!((replies.len(), repeated.len()), (3, 2), "{replies:?}");
    assert!(replies.iter().all(|reply| reply["conversation_id"] == replies[0]["conversation_id"]));
}

#[test]
fn its_creator_withdraws_it_until_it_is_taken() {
    let mut emergency = Emergency::new();
    let (driver, staff) = (emergency.scene.driver, emergency.scene.staff);
    emergency.scene.world.take(driver);
    let foreign = emergency.ask(staff, "withdraw_emergency", json!({"version": 1}));
    assert_eq!(foreign[0]["code"], "forbidden");
    let withdrawn = emergency.ask(driver, "withdraw_emergency", json!({"version": 1}));
    assert_eq!(withdrawn[0]["emergency"]["reason"], "withdrawn");
    assert_eq!(withdrawn[1]["message"]["content"], "John Doe has withdrawn this emergency.");
    assert_eq!(emergency.alerts(600).len(), 1, "its end, and no alert");
    let heard = press(&mut emergency.scene.world, driver, "For real", "second");
    emergency.id = heard[0]["conversation_id"].as_str().expect("an id").to_owned();
    emergency.ask(staff, "take_conversation", json!({"version": 0}));
    let late = emergency.ask(driver, "withdraw_emergency", json!({"version": 1}));
    let late = late.iter().find(|frame| frame["success"] == false).expect("a refusal");
    assert_eq!((&late["code"], &late["emergency"]["by"]), (&json!("conflict"), &json!("control_1")));
    let wrong = emergency.ask(staff, "end_emergency", json!({"version": 2, "reason": "withdrawn"}));
    assert_eq!(wrong[0]["code"], "invalid_parameter");
    let ordinary = emergency.scene.data(json!({"version": 0, "reason": "solved"}));
    let wrong = emergency.scene.world.ask(staff, "end_emergency", ordinary);
    assert_eq!(wrong[0]["error"], "Invalid parameter: conversation_id names no emergency");
}

#[test]
fn an_engine_that_starts_alerts_of_earlier_emergencies() {
    let emergency = Emergency::new();
    let store = emergency.scene.world.store.clone();
    let mut world = World::over(store, unhurried());
    let staff = world.connect(&User { role: Role::ControlStaff, ..staff() });
    world.advance(secs(30));
    let heard = world.take(staff);
    assert_eq!(of_type(&heard, "new_message")[0]["message"]["emergency"]["level"], 1);
}

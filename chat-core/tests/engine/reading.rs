//! Read means "up to this message": monotonic, stored, told once.

use core_test_support::*;
use serde_json::{Value, json};

fn listed(scene: &mut Scene, conn: chat_core::engine::ConnectionId) -> (Value, Value) {
    let reply = scene.world.ask(conn, "get_active_conversations", json!({}));
    let row = &replies(&reply)[0]["conversations"][0];
    (row["read_up_to"].clone(), row["unread_count"].clone())
}

#[test]
fn an_older_or_the_same_message_again_succeeds_and_is_not_broadcast() {
    let mut scene = Scene::new();
    let own = scene.world.connect(&staff());
    scene.send(scene.driver, "two");
    scene.send(scene.driver, "three");
    let ids = scene.ids();
    assert_eq!(listed(&mut scene, own), (json!(0), json!(3)));
    scene.world.take(scene.staff);
    assert_eq!(scene.read(scene.staff, &ids[1]), [json!({"success": true})]);
    assert_eq!(of_type(&scene.world.take(scene.driver), "message_read").len(), 1);
    assert_eq!(scene.world.take(own)[0]["read_up_to"], 2);
    for old in [&ids[1], &ids[0]] {
        assert_eq!(scene.read(scene.staff, old), [json!({"success": true})]);
    }
    assert!(scene.world.take(scene.driver).is_empty() && scene.world.take(own).is_empty());
    assert_eq!(listed(&mut scene, own), (json!(2), json!(1)));
    scene.read(own, &ids[2]);
    assert_eq!(scene.world.take(scene.driver)[0]["message_id"], json!(ids[2]));
    assert_eq!(listed(&mut scene, own), (json!(3), json!(0)));
}

#[test]
fn sending_does_not_mark_as_read_and_own_messages_are_not_unread() {
    let mut scene = Scene::new();
    scene.send(scene.staff, "mine");
    scene.send(scene.staff, "mine too");
    assert_eq!(
        {
            let staff = scene.staff;
            listed(&mut scene, staff)
        },
        (json!(0), json!(1))
    );
    let driver = scene.driver;
    assert_eq!(listed(&mut scene, driver), (json!(0), json!(2)));
}

#[test]
fn positions_outlive_a_restart() {
    let mut scene = Scene::new();
    let ids = scene.ids();
    scene.read(scene.staff, &ids[0]);
    scene.world = chat_core::testing::World::over(scene.world.store, unhurried());
    scene.staff = scene.world.connect(&staff());
    let staff = scene.staff;
    assert_eq!(listed(&mut scene, staff), (json!(1), json!(0)));
}

#[test]
fn each_side_sees_how_far_the_other_has_read() {
    let mut scene = Scene::new();
    let second = scene.world.connect(&admin());
    scene.send(scene.driver, "two");
    let ids = scene.ids();
    scene.world.take(scene.driver);
    scene.read(second, &ids[0]);
    scene.read(scene.staff, &ids[1]);
    let frames = scene.world.take(scene.driver);
    let told = of_type(&frames, "message_read");
    let told: Vec<_> = told.iter().map(|read| (&read["read_up_to"], &read["by_control"])).collect();
    assert_eq!(told, [(&json!(1), &json!(true)), (&json!(2), &json!(true))], "{told:?}");
    scene.read(scene.driver, &ids[1]);
    let frames = scene.world.take(second);
    let heard = of_type(&frames, "message_read");
    assert_eq!(heard.last().unwrap()["by_control"], Value::Null, "a driver is not in control");
    let expected = json!([
        {"user_id": "chat:control", "read_up_to": 2},
        {"user_id": driver().id, "read_up_to": 2},
    ]);
    for conn in [scene.driver, scene.staff] {
        let list = scene.world.ask(conn, "get_active_conversations", json!({}));
        assert_eq!(replies(&list)[0]["conversations"][0]["positions"], expected);
        let join = json!({"conversation_id": scene.conversation, "after_seq": 2});
        let joined = scene.world.ask(conn, "join_conversation", join);
        assert_eq!(replies(&joined)[0]["positions"], expected);
    }
}

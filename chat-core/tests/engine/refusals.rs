//! "Unknown" and "forbidden" are answered alike: the same bytes after the same number of loads
//! (P5).

use chat_core::engine::ConnectionId;
use chat_core::protocol::{EventType, Role};
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::{Value, json};

/// The replies to a request, and the number of its loads.
fn probe(world: &mut World, conn: ConnectionId, kind: &str, data: Value) -> (Vec<Value>, usize) {
    world.hold = true;
    world.take(conn);
    world.request(conn, kind, data);
    let mut loads = 0;
    while !world.questions.is_empty() {
        assert!(matches!(world.questions[0], Question::Load(..)), "nothing is committed");
        loads += 1;
        world.answer(0, Answer::Good);
    }
    world.hold = false;
    (world.take(conn), loads)
}

fn requests(conversation: &str, message: &str) -> Vec<(&'static str, Value)> {
    let data = |more| about(conversation, more);
    vec![
        ("send_chat_message", data(json!({"content": "x"}))),
        ("send_chat_message", data(json!({"content": "x", "client_message_id": "a"}))),
        ("join_conversation", data(json!({}))),
        ("join_conversation", data(json!({"after_seq": 0, "epoch": "other"}))),
        ("typing_indicator", data(json!({"is_typing": true}))),
        ("typing_indicator", data(json!({"is_typing": false}))),
        ("get_active_conversations", data(json!({}))),
        ("get_active_conversations", data(json!({"participants": "brief"}))),
        ("get_conversation_messages", data(json!({}))),
        ("get_conversation_messages", data(json!({"after_seq": 0}))),
        ("mark_message_read", data(json!({"message_id": message}))),
        ("take_conversation", data(json!({"version": 0}))),
        ("release_conversation", data(json!({"version": 0}))),
        ("transfer_conversation", data(json!({"version": 0, "to": "control_1"}))),
        ("resolve_conversation", data(json!({"version": 0}))),
        ("reopen_conversation", data(json!({"version": 0}))),
        ("end_emergency", data(json!({"version": 1, "reason": "solved"}))),
        ("withdraw_emergency", data(json!({"version": 1}))),
        ("answer_message", data(json!({"message_id": message, "answer": 0}))),
        ("withdraw_order", data(json!({"message_id": message}))),
        ("add_note", data(json!({"content": "x"}))),
    ]
}

fn role_forbids() -> Value {
    error("forbidden", "Insufficient permissions for the requested action")
}

#[test]
fn every_request_about_a_conversation_is_probed() {
    let probed = requests("conv_none", "");
    for event in EventType::ALL.iter().filter(|event| event.rules().membership) {
        assert!(probed.iter().any(|(kind, _)| *kind == event.as_str()), "{event:?}");
    }
}

#[test]
fn a_foreign_conversation_is_answered_as_one_that_does_not_exist() {
    for cached in [1, 20_000] {
        let mut scene = Scene::with(settings(|limits| {
            limits.rates = chat_core::limits::RateSetting::Lifted;
            limits.engine.cached_conversations = cached;
        }));
        scene.send(scene.driver, "it is remembered because of others");
        let message = scene.ids()[0].clone();
        for stranger in [other_driver(), regulator()] {
            let stranger = scene.world.connect(&stranger);
            let foreign = requests(&scene.conversation, &message);
            for ((kind, foreign), (_, unknown)) in foreign.into_iter().zip(requests("conv_none", &message)) {
                let forbidden = probe(&mut scene.world, stranger, kind, foreign);
                assert_eq!(forbidden, probe(&mut scene.world, stranger, kind, unknown), "{kind}");
                let may_ask = EventType::named(kind).unwrap().rules().roles.include(Role::BusDriver);
                let expected = if may_ask { not_found() } else { role_forbids() };
                assert_eq!(forbidden.0, [expected], "{kind}");
            }
        }
        assert_eq!(scene.ids().len(), 2);
        assert!(of_type(&scene.world.take(scene.staff), "typing_status").is_empty());
    }
}

#[test]
fn field_staff_cant_tell_whether_there_are_notes() {
    let mut scene = Scene::new();
    let notes = format!("notes_{}", scene.conversation);
    let (driver, staff) = (scene.driver, scene.staff);
    let data = scene.data(json!({"content": "a note"}));
    let first = |scene: &Scene| scene.world.store.export().conversations[&*notes].messages[0].id.to_string();
    for message in [None, Some(first)] {
        let message = message.map_or_else(|| "msg_zzzzzzzzzzzzzzzz1".to_owned(), |first| first(&scene));
        let of_notes = requests(&notes, &message);
        for ((kind, of_notes), (_, unknown)) in of_notes.into_iter().zip(requests("conv_none", &message)) {
            let refused = probe(&mut scene.world, driver, kind, of_notes);
            assert_eq!(refused, probe(&mut scene.world, driver, kind, unknown), "{kind}");
        }
        scene.world.ask(staff, "add_note", data.clone());
    }
}

#[test]
fn who_was_withdrawn_is_answered_as_a_stranger() {
    let mut scene = Scene::new();
    let (conversation, user) = (scene.conversation.as_str().into(), staff().id);
    scene.world.command(chat_core::engine::Command::Withdraw { conversation, user });
    let message = scene.ids()[0].clone();
    let foreign = requests(&scene.conversation, &message);
    for ((kind, foreign), (_, unknown)) in foreign.into_iter().zip(requests("conv_none", &message)) {
        let withdrawn = probe(&mut scene.world, scene.staff, kind, foreign);
        assert_eq!(withdrawn, probe(&mut scene.world, scene.staff, kind, unknown), "{kind}");
    }
}

#[test]
fn roles_are_refused_before_anything_is_loaded() {
    let mut scene = Scene::new();
    let forbidden = error("forbidden", "Insufficient permissions for the requested action");
    let create = json!({"title": "t", "content": "c"});
    let refused = (vec![forbidden], 0);
    assert_eq!(probe(&mut scene.world, scene.staff, "create_support_conversation", create), refused);
    assert_eq!(probe(&mut scene.world, scene.driver, "join_support_room", json!({})), refused);
}

#[test]
fn a_message_of_another_conversation_is_not_found_in_this_one() {
    let mut scene = Scene::new();
    let other = create(&mut scene.world, scene.driver);
    let foreign = scene.world.store.export().conversations[other.as_str()].messages[0].id.to_string();
    let refusal = error("message_not_found", "Message not found in this conversation");
    for id in [foreign.as_str(), "msg_456", "msg_zzzzzzzzzzzzzzzz1", ""] {
        assert_eq!(scene.read(scene.driver, id), std::slice::from_ref(&refusal), "{id}");
    }
}

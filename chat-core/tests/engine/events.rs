//! Each event of the protocol document, answered field for field. Additions are named as additions.

use core_test_support::*;
use serde_json::{Value, json};

/// The reply of the document, with the additions.
fn with(document: Value, added: Value) -> Value {
    let (Value::Object(mut reply), Value::Object(added)) = (document, added) else { panic!("objects") };
    reply.extend(added);
    reply.into()
}

fn participant(id: &str, role: &str, first: &str, last: &str) -> Value {
    json!({"id": id, "email": format!("{id}@example.com"), "role": role, "first_name": first, "last_name": last})
}

#[test]
fn send_chat_message() {
    let mut scene = Scene::new();
    let heard = scene.send(scene.driver, "Hello, I need assistance with route changes.");
    let id = &scene.ids()[1];
    assert!(id.starts_with("msg_"));
    let reply = json!({
        "success": true, "message": "Message sent successfully", "message_id": id,
        "conversation_id": scene.conversation, "timestamp": START,
    });
    let message = json!({
        "id": id, "sender_id": "driver_1", "content": "Hello, I need assistance with route changes.",
        "message_type": "TEXT", "sent_at": START,
    });
    let message = with(message, json!({"seq": 2}));
    let event = json!({"type": "new_message", "conversation_id": scene.conversation, "message": message});
    assert_eq!(heard, [with(reply, json!({"seq": 2})), event.clone()]);
    assert_eq!(scene.world.take(scene.staff), [event]);
}

#[test]
fn create_support_conversation() {
    let mut scene = Scene::new();
    scene.world.connect(&admin());
    let data = json!({"title": "Route Change Request", "content": "Road construction."});
    let heard = scene.world.ask(scene.driver, "create_support_conversation", data);
    let id = heard[0]["conversation_id"].as_str().unwrap();
    assert!(id.starts_with("conv_"));
    let reply = json!({
        "success": true, "message": "Support conversation created successfully", "conversation_id": id,
        "title": "Support: Route Change Request", "participants": ["driver_1", "control_1", "control_2"],
        "timestamp": START,
    });
    assert_eq!(heard[0], reply);
    assert_eq!(
        (&heard[1]["type"], &heard[1]["message"]["content"]),
        (&json!("new_message"), &json!("Road construction."))
    );
    let notification = json!({
        "type": "new_support_conversation", "conversation_id": id, "title": "Support: Route Change Request",
        "creator_id": "driver_1", "creator_name": "John Doe", "creator_role": "BUS_DRIVER",
        "room_type": "driver_support",
        "message": "New support request from John Doe (BUS_DRIVER): Route Change Request", "timestamp": START,
    });
    let heard_by_staff = scene.world.take(scene.staff);
    assert_eq!(heard_by_staff, [notification, heard[1].clone()]);
}

#[test]
fn get_active_conversations() {
    let mut scene = Scene::new();
    scene.world.advance(secs(300));
    scene.send(scene.staff, "I'll help you with that route change.");
    scene.world.advance(secs(300));
    let reply = scene.world.ask(scene.driver, "get_active_conversations", json!({}));
    let participants = [
        participant("driver_1", "BUS_DRIVER", "John", "Doe"),
        participant("control_1", "CONTROL_STAFF", "Jane", "Smith"),
    ];
    let last = json!({
        "id": scene.ids()[1], "content": "I'll help you with that route change.", "sender_id": "control_1",
        "sent_at": "2024-01-15T10:35:00.000Z",
    });
    let conversation = json!({
        "id": scene.conversation, "title": "Support: Route Change Request", "status": "ACTIVE",
        "created_by": "driver_1", "last_message_at": "2024-01-15T10:35:00.000Z", "participants": participants,
        "last_message": last,
    });
    let work = json!({
        "state": "TAKEN", "assignee": "control_1", "since": "2024-01-15T10:35:00.000Z",
        "waiting_since": null, "version": 2,
    });
    let added = json!({
        "room_type": "driver_support", "last_seq": 2, "read_up_to": 0, "unread_count": 1, "work": work,
    });
    let document = json!({
        "success": true, "conversations": [with(conversation, added)], "count": 1,
        "timestamp": "2024-01-15T10:40:00.000Z",
    });
    assert_eq!(reply, [with(document, json!({"epoch": "epoch_1"}))]);
}

#[test]
fn join_conversation() {
    let mut scene = Scene::new();
    let data = scene.data(json!({}));
    let reply = json!({
        "success": true, "message": format!("Joined conversation {}", scene.conversation),
        "conversation_id": scene.conversation,
    });
    assert_eq!(
        scene.world.ask(scene.driver, "join_conversation", data.clone()),
        std::slice::from_ref(&reply)
    );
    assert_eq!(scene.world.ask(scene.staff, "join_conversation", data), [reply]);
}

#[test]
fn join_support_room() {
    let mut scene = Scene::new();
    let rooms = ["general_support", "emergency_support", "driver_support", "regulator_support"];
    for room in rooms {
        let reply = json!({
            "success": true, "message": format!("Joined {} room successfully", room.replace('_', " ")),
            "room_id": format!("support:{room}"), "room_type": room, "timestamp": START,
        });
        assert_eq!(scene.world.ask(scene.staff, "join_support_room", json!({"room_type": room})), [reply]);
    }
    let missing = scene.world.ask(scene.staff, "join_support_room", json!({}));
    assert_eq!(missing[0]["room_type"], "general_support");
    let unknown = scene.world.ask(scene.staff, "join_support_room", json!({"room_type": "lobby"}));
    assert_eq!(unknown[0]["code"], "invalid_parameter");
}

#[test]
fn typing_indicator() {
    let mut scene = Scene::new();
    assert_eq!(scene.typing(scene.driver, true), [json!({"success": true})]);
    let event = json!({
        "type": "typing_status", "conversation_id": scene.conversation, "user_id": "driver_1",
        "is_typing": true, "timestamp": START,
    });
    assert_eq!(scene.world.take(scene.staff), [event]);
}

#[test]
fn get_conversation_messages() {
    let mut scene = Scene::new();
    scene.world.advance(secs(60));
    scene.send(scene.staff, "How can I help you?");
    let data = scene.data(json!({"limit": 50, "skip": 0}));
    let ids = scene.ids();
    let message = |seq: usize, sender: &str, content: &str, at: &str| {
        let document = json!({
            "id": ids[seq - 1], "conversation_id": scene.conversation, "sender_id": sender, "content": content,
            "message_type": "TEXT", "sent_at": at,
        });
        with(document, json!({"seq": seq}))
    };
    let at = "2024-01-15T10:31:00.000Z";
    let taken = json!({
        "state": "TAKEN", "assignee": "control_1", "since": at, "waiting_since": null, "version": 2,
    });
    let answer = message(2, "control_1", "How can I help you?", at);
    let begun = json!({
        "state": "WAITING", "assignee": null, "since": START, "waiting_since": START, "version": 0,
    });
    let asked = message(1, "driver_1", "Road construction.", START);
    let messages = [with(asked, json!({"work": begun})), with(answer, json!({"work": taken}))];
    let document =
        json!({"success": true, "messages": messages, "count": 2, "conversation_id": scene.conversation});
    let reply = scene.world.ask(scene.driver, "get_conversation_messages", data);
    assert_eq!(replies(&reply), [&with(document, json!({"last_seq": 2}))]);
}

#[test]
fn mark_message_read() {
    let mut scene = Scene::new();
    let ids = scene.ids();
    assert_eq!(scene.read(scene.staff, &ids[0]), [json!({"success": true})]);
    let event = json!({
        "type": "message_read", "conversation_id": scene.conversation, "user_id": "control_1",
        "message_id": ids[0], "timestamp": START,
    });
    let additions = json!({"read_up_to": 1, "by_control": true});
    assert_eq!(scene.world.take(scene.driver).pop(), Some(with(event, additions)));
}

#[test]
fn every_reply_carries_the_request_id_and_nothing_else_is_added() {
    let mut scene = Scene::new();
    let ids = scene.ids();
    let data = |more| scene.data(more);
    let requests = [
        ("send_chat_message", data(json!({"content": "x"}))),
        ("create_support_conversation", json!({"title": "t", "content": "c"})),
        ("get_active_conversations", json!({})),
        ("join_conversation", data(json!({}))),
        ("join_support_room", json!({})),
        ("typing_indicator", data(json!({"is_typing": true}))),
        ("get_conversation_messages", data(json!({}))),
        ("mark_message_read", data(json!({"message_id": ids[0]}))),
        ("refresh_token", json!({"token": "none"})),
        ("no_such_event", json!({})),
    ];
    for (kind, data) in requests {
        let frame = json!({"type": kind, "data": data, "request_id": "r-\u{e9}1"}).to_string();
        scene.world.take(scene.driver);
        scene.world.text(scene.driver, &frame);
        let heard = scene.world.take(scene.driver);
        assert_eq!(replies(&heard).len(), 1, "{kind}");
        assert_eq!(replies(&heard)[0]["request_id"], "r-\u{e9}1", "{kind}");
    }
}

#[test]
fn a_bad_frame_is_answered_and_the_connection_lives_on() {
    let mut scene = Scene::new();
    let deep = format!(r#"{{"type": "x", "data": {}{}}}"#, "[".repeat(32), "]".repeat(32));
    let cases = [
        ("not json", "invalid_json"),
        ("[1]", "invalid_frame"),
        ("{}", "missing_parameter"),
        (r#"{"type": 7}"#, "invalid_frame"),
        (r#"{"type": "send_chat_message", "data": {"content": "x"}}"#, "missing_parameter"),
        (
            r#"{"type": "send_chat_message", "data": {"conversation_id": 7, "content": "x"}}"#,
            "invalid_parameter",
        ),
        (
            r#"{"type": "send_chat_message", "data": {"conversation_id": "c", "content": " "}}"#,
            "invalid_parameter",
        ),
        (deep.as_str(), "too_deep"),
    ];
    for (frame, code) in cases {
        scene.world.take(scene.driver);
        scene.world.text(scene.driver, frame);
        let heard = scene.world.take(scene.driver);
        assert_eq!(
            (heard.len(), &heard[0]["success"], &heard[0]["code"]),
            (1, &json!(false), &json!(code)),
            "{frame}"
        );
    }
    assert_eq!(scene.send(scene.driver, "still here")[0]["success"], true);
}

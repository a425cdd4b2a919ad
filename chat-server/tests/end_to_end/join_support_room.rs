//! Event 5.

use chat_core::protocol::{Role, User};
use serde_json::json;
use server_test_support::{Server, assert_shape, create, jane, john};

#[tokio::test]
async fn each_room_is_answered_as_the_document_shows() {
    let server = Server::start();
    let mut jane = server.connect(&jane()).await;
    for (room, name) in [
        ("general_support", "general support"),
        ("emergency_support", "emergency support"),
        ("driver_support", "driver support"),
        ("regulator_support", "regulator support"),
    ] {
        let reply = jane.plain_request("join_support_room", json!({"room_type": room})).await;
        assert_shape(
            &reply,
            &json!({
                "success": true, "message": format!("Joined {name} room successfully"),
                "room_id": format!("support:{room}"), "room_type": room, "timestamp": "<time>",
            }),
        );
    }
    let reply = jane.plain_request("join_support_room", json!({})).await;
    assert_eq!(reply["room_type"], json!("general_support"));
    assert_eq!(jane.refused("join_support_room", json!({"room_type": "bar"})).await, "invalid_parameter");
}

#[tokio::test]
async fn the_field_may_not_join_a_room() {
    let server = Server::start();
    let mut john = server.connect(&john()).await;
    assert_eq!(john.refused("join_support_room", json!({"room_type": "general_support"})).await, "forbidden");
}

#[tokio::test]
async fn a_room_filters_notifications_and_not_messages() {
    let server = Server::start();
    let mut jane = server.connect(&jane()).await;
    let mut john = server.connect(&john()).await;
    let mut regulator = server.connect(&User::new("user_r", Role::QueueRegulator)).await;
    jane.request("join_support_room", json!({"room_type": "regulator_support"})).await;
    create(&mut john, "Of a driver", "hello").await;
    jane.event("new_message").await;
    create(&mut regulator, "Of a regulator", "hello").await;
    jane.event("new_support_conversation").await;
    jane.event("new_message").await;
    let data = json!({"title": "Fire", "content": "help", "room_type": "emergency_support"});
    john.request("create_support_conversation", data).await;
    assert_eq!(jane.event("new_support_conversation").await["room_type"], json!("emergency_support"));
}

//! Event 8.

use serde_json::json;
use server_test_support::{Server, assert_shape, conversation, jane, send};

#[tokio::test]
async fn reading_is_told_to_the_others_and_to_the_readers_own_devices() {
    let server = Server::start();
    let (mut john, mut jane_, id) = conversation(&server).await;
    let mut other_device = server.connect(&jane()).await;
    let message = send(&mut john, &id, "Read this.").await;
    john.event("new_message").await;
    jane_.event("new_message").await;
    other_device.event("new_message").await;

    let data = json!({"conversation_id": id, "message_id": message});
    let reply = jane_.plain_request("mark_message_read", data.clone()).await;
    assert_eq!(reply, json!({"success": true}));
    assert_shape(
        &john.event("message_read").await,
        &json!({
            "type": "message_read", "conversation_id": id, "user_id": "user_jane", "message_id": message,
            "timestamp": "<time>", "read_up_to": 2, "by_control": true,
        }),
    );
    assert_shape(
        &other_device.event("read_position").await,
        &json!({
            "type": "read_position", "conversation_id": id, "message_id": message, "read_up_to": 2,
            "timestamp": "<time>",
        }),
    );
    assert_eq!(jane_.plain_request("mark_message_read", data).await, json!({"success": true}), "again");
    john.nothing_heard().await;
    jane_.nothing_heard().await;
}

#[tokio::test]
async fn only_a_message_of_the_conversation_can_be_read() {
    let server = Server::start();
    let (mut john, _jane, id) = conversation(&server).await;
    for message in ["msg_456", "msg_00000000000000001", ""] {
        let data = json!({"conversation_id": id, "message_id": message});
        assert_eq!(john.refused("mark_message_read", data).await, "message_not_found");
    }
}

//! Event 6.

use serde_json::json;
use server_test_support::{Server, assert_shape, conversation, jane, send};

#[tokio::test]
async fn typing_is_shown_to_the_others_and_ends_with_the_message() {
    let server = Server::start();
    let (mut john, mut jane, id) = conversation(&server).await;
    let reply =
        john.plain_request("typing_indicator", json!({"conversation_id": id, "is_typing": true})).await;
    assert_eq!(reply, json!({"success": true}));
    let status = |is_typing| {
        json!({
            "type": "typing_status", "conversation_id": id, "user_id": "user_john", "is_typing": is_typing,
            "timestamp": "<time>",
        })
    };
    assert_shape(&jane.event("typing_status").await, &status(true));
    let reply =
        john.plain_request("typing_indicator", json!({"conversation_id": id, "is_typing": false})).await;
    assert_eq!(reply, json!({"success": true}));
    assert_shape(&jane.event("typing_status").await, &status(false));
    john.nothing_heard().await;

    john.request("typing_indicator", json!({"conversation_id": id, "is_typing": true})).await;
    jane.event("typing_status").await;
    send(&mut john, &id, "That was it.").await;
    let (one, other) = (jane.frame().await.unwrap(), jane.frame().await.unwrap());
    let stopped = [&one, &other].into_iter().find(|frame| frame["type"] == json!("typing_status"));
    assert_shape(stopped.unwrap(), &status(false));
}

#[tokio::test]
async fn typing_ends_with_the_last_connection() {
    let server = Server::start();
    let (mut john, mut jane_, id) = conversation(&server).await;
    jane_.request("typing_indicator", json!({"conversation_id": id, "is_typing": true})).await;
    assert_eq!(john.event("typing_status").await["is_typing"], json!(true));
    let mut other = server.connect(&jane()).await;
    jane_.close().await;
    assert_eq!(john.event("typing_status").await["is_typing"], json!(false));
    other.nothing_heard().await;
}

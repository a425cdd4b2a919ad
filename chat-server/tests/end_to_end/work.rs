//! The additions that change the work on a conversation.

use serde_json::json;
use server_test_support::{Server, assert_shape, conversation, jane as jane_smith, john as john_doe};

#[tokio::test]
async fn a_taken_conversation_is_told_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let (mut john, mut jane, id) = conversation(&server).await;
    let data = json!({"conversation_id": id, "version": 0, "client_message_id": "once"});
    let reply = jane.request("take_conversation", data.clone()).await;
    let work = json!({
        "state": "TAKEN", "assignee": "user_jane", "since": "<time>", "waiting_since": "<time>", "version": 2,
    });
    assert_eq!((&reply["success"], &reply["seq"]), (&json!(true), &json!(2)));
    assert_shape(&reply["work"], &work);
    let heard = john.event("new_message").await;
    assert_eq!(heard["message"]["content"], "Jane Smith has taken this conversation.");
    assert_eq!(heard["message"]["work"]["action"], "TAKE");
    let late = json!({"conversation_id": id, "version": 0});
    assert_eq!(jane.refused("take_conversation", late).await, "conflict");
    assert_eq!(john.refused("take_conversation", data.clone()).await, "forbidden");
    let row = json!({"conversation_id": id});
    let before = john.request("get_active_conversations", row.clone()).await;
    assert!(server.stop().await.0.success());
    let server = Server::start_in(dir.path(), &[]);
    let (mut john, mut jane) = (server.connect(&john_doe()).await, server.connect(&jane_smith()).await);
    let after = john.request("get_active_conversations", row).await;
    assert_eq!(after["conversations"], before["conversations"]);
    let again = jane.request("take_conversation", data).await;
    assert_eq!(again["work"], reply["work"], "the original reply");
}

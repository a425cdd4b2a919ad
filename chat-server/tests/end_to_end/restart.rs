//! A server that is stopped and started again.

use serde_json::json;
use server_test_support::{Server, conversation, jane, john, send};

#[tokio::test]
async fn nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let flags = ["--messages-per-second", "0"];
    let server = Server::start_in(dir.path(), &flags);
    let (mut john_, mut jane_, id) = conversation(&server).await;
    let second = send(&mut jane_, &id, "second").await;
    john_.request("mark_message_read", json!({"conversation_id": id, "message_id": second})).await;
    let once = json!({"conversation_id": id, "content": "once", "client_message_id": "c1"});
    let reply = john_.request("send_chat_message", once.clone()).await;
    let before = john_.request("get_conversation_messages", json!({"conversation_id": id})).await;
    let listed = john_.request("get_active_conversations", json!({})).await;
    assert!(server.stop().await.0.success());

    let server = Server::start_in(dir.path(), &flags);
    let mut john_ = server.connect(&john()).await;
    let mut jane_ = server.connect(&jane()).await;
    assert_eq!(john_.request("get_conversation_messages", json!({"conversation_id": id})).await, before);
    let again = john_.request("get_active_conversations", json!({})).await;
    assert_eq!((&again["conversations"], &again["epoch"]), (&listed["conversations"], &listed["epoch"]));
    assert_eq!(john_.request("send_chat_message", once).await, reply);
    assert_eq!(send_seq(&mut john_, &id).await, 4);
    assert_eq!(jane_.event("new_message").await["message"]["seq"], json!(4));
}

async fn send_seq(client: &mut server_test_support::Client, id: &str) -> u64 {
    let data = json!({"conversation_id": id, "content": "next"});
    client.request("send_chat_message", data).await["seq"].as_u64().unwrap()
}

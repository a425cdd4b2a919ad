//! Many requests without waiting for replies.

use serde_json::json;
use server_test_support::{Server, conversation};

#[tokio::test]
async fn forty_requests_are_answered_in_their_order() {
    let server = Server::start();
    let (mut john, mut jane, id) = conversation(&server).await;
    for i in 0..40 {
        let (kind, data) = match i % 4 {
            0 => ("send_chat_message", json!({"conversation_id": id, "content": i.to_string()})),
            1 => ("get_conversation_messages", json!({"conversation_id": id})),
            2 => ("nonsense", json!({})),
            _ => ("typing_indicator", json!({"conversation_id": id, "is_typing": true})),
        };
        john.send_text(json!({"type": kind, "data": data, "request_id": i}).to_string()).await;
    }
    for i in 0..40 {
        let reply = john.reply().await;
        assert_eq!(reply["request_id"], json!(i));
        assert_eq!(reply["success"], json!(i % 4 != 2), "{reply}");
        if i % 4 == 1 {
            assert_eq!(reply["count"], json!(2 + i / 4), "a reply shows what was answered before it");
        }
    }
    let mut heard = Vec::new();
    while heard.len() < 10 {
        let frame = jane.frame().await.unwrap();
        if frame["type"] == json!("new_message") {
            heard.push(frame["message"]["seq"].as_u64().unwrap());
        }
    }
    assert_eq!(heard, (2..12).collect::<Vec<_>>());
}

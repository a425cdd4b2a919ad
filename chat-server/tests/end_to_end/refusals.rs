//! Refused requests, each with a code for programs and a text for people.

use serde_json::json;
use server_test_support::{Server, conversation, john};

#[tokio::test]
async fn an_unknown_conversation_is_refused_by_every_event_about_one() {
    let server = Server::start();
    let mut john = server.connect(&john()).await;
    let id = "conv_0000000000000000";
    for (kind, data) in [
        ("send_chat_message", json!({"conversation_id": id, "content": "x"})),
        ("join_conversation", json!({"conversation_id": id})),
        ("typing_indicator", json!({"conversation_id": id, "is_typing": true})),
        ("get_conversation_messages", json!({"conversation_id": id})),
        ("mark_message_read", json!({"conversation_id": id, "message_id": "msg_00000000000000001"})),
    ] {
        let reply = john.plain_request(kind, data).await;
        let refused = json!({
            "success": false, "error": "Conversation not found or access denied", "code": "conversation_not_found",
        });
        assert_eq!(reply, refused, "{kind}");
    }
}

#[tokio::test]
async fn too_many_messages_are_refused_with_a_time_to_wait() {
    let server = Server::start_with(&["--messages-per-second", "1"]);
    let (mut john, mut jane, id) = conversation(&server).await;
    let mut refused = None;
    for i in 0..20 {
        let reply =
            john.request("send_chat_message", json!({"conversation_id": id, "content": i.to_string()})).await;
        if reply["success"] == json!(false) {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a burst of 6, then one a second");
    assert_eq!(refused["code"], json!("rate_limited"));
    assert!(refused["retry_after_ms"].as_u64().unwrap() > 0);
    jane.request("send_chat_message", json!({"conversation_id": id, "content": "others may"})).await;
}

#[tokio::test]
async fn an_eleventh_connection_replaces_the_longest_silent() {
    let server = Server::start();
    let mut first = server.connect(&john()).await;
    let mut others = Vec::new();
    for _ in 0..10 {
        others.push(server.connect(&john()).await);
    }
    assert_eq!(first.close_code().await, Some(4504));
    for other in &mut others {
        other.nothing_heard().await;
    }
}

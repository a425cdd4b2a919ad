//! Event 7.

use serde_json::{Value, json};
use server_test_support::{Server, assert_shape, conversation, send};

fn numbers(reply: &Value) -> Vec<u64> {
    reply["messages"].as_array().unwrap().iter().map(|message| message["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn history_is_shown_as_the_document_does() {
    let server = Server::start();
    let (mut john, mut jane, id) = conversation(&server).await;
    let second = send(&mut jane, &id, "How can I help you?").await;
    let data = json!({"conversation_id": id, "limit": 50, "skip": 0});
    let reply = john.plain_request("get_conversation_messages", data).await;
    let begun = json!({
        "state": "WAITING", "assignee": null, "since": "<time>", "waiting_since": "<time>", "version": 0,
    });
    let work = json!({
        "state": "TAKEN", "assignee": "user_jane", "since": "<time>", "waiting_since": null, "version": 2,
    });
    assert_shape(
        &reply,
        &json!({
            "success": true, "count": 2, "conversation_id": id, "last_seq": 2,
            "messages": [
                {"id": "<msg>", "conversation_id": id, "sender_id": "user_john", "content": "Where do I go?",
                 "message_type": "TEXT", "sent_at": "<time>", "seq": 1, "work": begun},
                {"id": second, "conversation_id": id, "sender_id": "user_jane", "content": "How can I help you?",
                 "message_type": "TEXT", "sent_at": "<time>", "seq": 2, "work": work},
            ],
        }),
    );
}

#[tokio::test]
async fn pages_count_back_from_the_newest() {
    let server = Server::start();
    let (mut john, _jane, id) = conversation(&server).await;
    for _ in 2..=120 {
        send(&mut john, &id, "more").await;
    }
    for (data, expected) in [
        (json!({}), 71..=120),
        (json!({"limit": 1000}), 21..=120),
        (json!({"limit": 3, "skip": 2}), 116..=118),
        (json!({"limit": 10, "skip": 115}), 1..=5),
        (json!({"limit": 3, "before_seq": 10}), 7..=9),
        (json!({"limit": 3, "after_seq": 10}), 11..=13),
    ] {
        let mut data = data;
        data["conversation_id"] = json!(id);
        let reply = john.request("get_conversation_messages", data.clone()).await;
        assert_eq!(numbers(&reply), expected.collect::<Vec<_>>(), "{data}");
    }
    for bad in [json!({"limit": 0}), json!({"limit": -1}), json!({"skip": -1}), json!({"limit": "50"})] {
        let mut bad = bad;
        bad["conversation_id"] = json!(id);
        assert_eq!(john.refused("get_conversation_messages", bad).await, "invalid_parameter");
    }
}

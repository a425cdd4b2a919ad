//! Event 4.

use serde_json::json;
use server_test_support::{Server, assert_shape, conversation, send};

#[tokio::test]
async fn joining_is_answered_as_the_document_shows() {
    let server = Server::start();
    let (mut john, _jane, id) = conversation(&server).await;
    let reply = john.plain_request("join_conversation", json!({"conversation_id": id})).await;
    assert_shape(
        &reply,
        &json!({"success": true, "message": format!("Joined conversation {id}"), "conversation_id": id}),
    );
}

#[tokio::test]
async fn who_says_what_it_holds_gets_what_it_lacks() {
    let server = Server::start();
    let (mut john, mut jane, id) = conversation(&server).await;
    let missed = send(&mut jane, &id, "Take the bridge.").await;
    let reply = john.request("join_conversation", json!({"conversation_id": id, "after_seq": 1})).await;
    let work = json!({
        "state": "TAKEN", "assignee": "user_jane", "since": "<time>", "waiting_since": null, "version": 2,
    });
    assert_shape(
        &reply,
        &json!({
            "success": true, "message": format!("Joined conversation {id}"), "conversation_id": id,
            "messages": [{
                "id": missed, "conversation_id": id, "sender_id": "user_jane", "content": "Take the bridge.",
                "message_type": "TEXT", "sent_at": "<time>", "seq": 2, "work": work,
            }],
            "last_seq": 2, "epoch": "<text>", "complete": true, "work": work,
        }),
    );
    let data = json!({"conversation_id": id, "after_seq": 2, "epoch": "of another store"});
    let reset = john.request("join_conversation", data).await;
    assert_eq!((&reset["reset"], &reset["messages"][0]["seq"]), (&json!(true), &json!(1)));
}

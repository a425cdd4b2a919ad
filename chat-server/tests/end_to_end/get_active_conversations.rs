//! Event 3.

use std::time::Duration;

use serde_json::json;
use server_test_support::{Server, assert_shape, conversation, create, jane, john, send};
use tokio::time::sleep;

#[tokio::test]
async fn the_list_shows_each_conversation_as_the_document_does() {
    let server = Server::start();
    let (mut john, mut jane, id) = conversation(&server).await;
    let message = send(&mut jane, &id, "I'll help you with that route change.").await;
    let reply = john.plain_request("get_active_conversations", json!({})).await;
    let work = json!({
        "state": "TAKEN", "assignee": "user_jane", "since": "<time>", "waiting_since": null, "version": 2,
    });
    assert_shape(
        &reply,
        &json!({
            "success": true, "count": 1, "timestamp": "<time>", "epoch": "<text>",
            "conversations": [{
                "id": id, "title": "Support: Road closed", "status": "ACTIVE", "created_by": "user_john",
                "last_message_at": "<time>",
                "participants": [
                    {"id": "user_john", "email": "john@example.com", "role": "BUS_DRIVER",
                     "first_name": "John", "last_name": "Doe"},
                    {"id": "user_jane", "email": "jane@example.com", "role": "CONTROL_STAFF",
                     "first_name": "Jane", "last_name": "Smith"},
                ],
                "last_message": {
                    "id": message, "content": "I'll help you with that route change.", "sender_id": "user_jane",
                    "sent_at": "<time>",
                },
                "room_type": "driver_support", "last_seq": 2, "read_up_to": 0, "unread_count": 1,
                "work": work,
            }],
        }),
    );
}

#[tokio::test]
async fn without_conversations_the_list_is_empty() {
    let server = Server::start();
    let mut john = server.connect(&john()).await;
    let empty =
        json!({"success": true, "conversations": [], "count": 0, "timestamp": "<time>", "epoch": "<text>"});
    assert_shape(&john.plain_request("get_active_conversations", json!({})).await, &empty);
}

#[tokio::test]
async fn the_newest_activity_comes_first() {
    let server = Server::start();
    let _jane = server.connect(&jane()).await;
    let mut john = server.connect(&john()).await;
    let mut ids = Vec::new();
    for title in ["one", "two", "three"] {
        ids.push(create(&mut john, title, "hello").await);
    }
    // Activity is told apart by the millisecond.
    sleep(Duration::from_millis(2)).await;
    send(&mut john, &ids[0], "again").await;
    let page = john.request("get_active_conversations", json!({"limit": 2})).await;
    assert_eq!(page["conversations"][0]["id"], json!(ids[0]), "{page}");
    assert_eq!((&page["count"], &page["has_more"]), (&json!(2), &json!(true)));
    let rest = john.request("get_active_conversations", json!({"limit": 2, "skip": 2})).await;
    assert_eq!((&rest["count"], &rest["has_more"]), (&json!(1), &json!(null)));
}

//! Event 2.

use chat_core::protocol::{Role, User};
use serde_json::json;
use server_test_support::{Server, assert_shape, jane, john};

#[tokio::test]
async fn a_conversation_is_answered_and_control_is_told() {
    let server = Server::start();
    let mut jane = server.connect(&jane()).await;
    let mut john = server.connect(&john()).await;
    let data = json!({"title": "Route Change Request", "content": "Road construction."});
    let reply = john.plain_request("create_support_conversation", data).await;
    assert_shape(
        &reply,
        &json!({
            "success": true, "message": "Support conversation created successfully", "conversation_id": "<conv>",
            "title": "Support: Route Change Request", "participants": ["user_john", "user_jane"],
            "timestamp": "<time>",
        }),
    );
    assert_shape(
        &jane.event("new_support_conversation").await,
        &json!({
            "type": "new_support_conversation", "conversation_id": reply["conversation_id"],
            "title": "Support: Route Change Request", "creator_id": "user_john", "creator_name": "John Doe",
            "creator_role": "BUS_DRIVER", "room_type": "driver_support", "timestamp": reply["timestamp"],
            "message": "New support request from John Doe (BUS_DRIVER): Route Change Request",
        }),
    );
    let work = json!({
        "state": "WAITING", "assignee": null, "since": reply["timestamp"],
        "waiting_since": reply["timestamp"], "version": 0,
    });
    let first = json!({
        "type": "new_message", "conversation_id": reply["conversation_id"],
        "message": {
            "id": "<msg>", "sender_id": "user_john", "content": "Road construction.", "message_type": "TEXT",
            "sent_at": reply["timestamp"], "seq": 1, "work": work,
        },
    });
    assert_shape(&jane.event("new_message").await, &first);
    assert_shape(&john.event("new_message").await, &first);
}

#[tokio::test]
async fn control_may_not_create() {
    let server = Server::start();
    for role in [Role::ControlStaff, Role::ControlAdmin] {
        let mut client = server.connect(&User::new("user_c", role)).await;
        let data = json!({"title": "t", "content": "c"});
        assert_eq!(client.refused("create_support_conversation", data).await, "forbidden");
        client.close().await;
    }
}

#[tokio::test]
async fn a_driver_is_never_stranded() {
    let server = Server::start();
    let mut john = server.connect(&john()).await;
    let data = json!({"title": "Anyone?", "content": "Hello?"});
    let reply = john.request("create_support_conversation", data).await;
    assert_eq!(reply["participants"], json!(["user_john"]));
    john.event("new_message").await;
    // Control comes later and is enrolled by a job in the background: asks until it is.
    let mut jane = server.connect(&jane()).await;
    let mut found = json!([]);
    while found == json!([]) {
        found = jane.request("get_active_conversations", json!({})).await["conversations"].take();
    }
    assert_eq!(found[0]["id"], reply["conversation_id"]);
}

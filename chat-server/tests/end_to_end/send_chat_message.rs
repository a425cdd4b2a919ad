//! Event 1.

use serde_json::json;
use server_test_support::{Server, assert_shape, conversation, text};

#[tokio::test]
async fn a_message_is_answered_and_heard_by_all_participants() {
    let server = Server::start();
    let (mut john, mut jane, id) = conversation(&server).await;
    let data = json!({"conversation_id": id, "content": "Hello, I need assistance with route changes."});
    let reply = john.plain_request("send_chat_message", data).await;
    assert_shape(
        &reply,
        &json!({
            "success": true, "message": "Message sent successfully", "message_id": "<msg>", "conversation_id": id,
            "timestamp": "<time>", "seq": 2,
        }),
    );
    let broadcast = json!({
        "type": "new_message", "conversation_id": id,
        "message": {
            "id": reply["message_id"], "sender_id": "user_john", "message_type": "TEXT",
            "content": "Hello, I need assistance with route changes.", "sent_at": reply["timestamp"], "seq": 2,
        },
    });
    assert_shape(&jane.event("new_message").await, &broadcast);
    assert_shape(&john.event("new_message").await, &broadcast);
}

#[tokio::test]
async fn a_repeat_gives_the_original_reply_and_nothing_else() {
    let server = Server::start();
    let (mut john, mut jane, id) = conversation(&server).await;
    let data = json!({"conversation_id": id, "content": "once", "client_message_id": "c1"});
    let first = john.request("send_chat_message", data.clone()).await;
    let second = john.request("send_chat_message", data).await;
    assert_eq!(first, second);
    john.event("new_message").await;
    jane.event("new_message").await;
    john.nothing_heard().await;
    jane.nothing_heard().await;
    let other = json!({"conversation_id": id, "content": "twice", "client_message_id": "c1"});
    assert_eq!(john.refused("send_chat_message", other).await, "client_message_id_reused");
}

#[tokio::test]
async fn a_message_is_passed_on_exactly_as_sent() {
    let server = Server::start();
    let (mut john, mut jane, id) = conversation(&server).await;
    for content in ["<b>\"\\\u{0}\u{7f}é\u{1f68c}\u{202e}</b>", &"\u{1f68c}".repeat(4_000), " spaced \n"] {
        john.request("send_chat_message", json!({"conversation_id": id, "content": content})).await;
        assert_eq!(text(&jane.event("new_message").await["message"], "content"), content);
    }
}

#[tokio::test]
async fn who_takes_no_part_hears_nothing_and_may_not_send() {
    let server = Server::start();
    let (mut john, _jane, id) = conversation(&server).await;
    let mut stranger = server
        .connect(&chat_core::protocol::User { id: "user_x".into(), ..server_test_support::john() })
        .await;
    let data = json!({"conversation_id": id, "content": "let me in"});
    let forbidden = stranger.plain_request("send_chat_message", data).await;
    let unknown = json!({"conversation_id": "conv_0000000000000000", "content": "let me in"});
    assert_eq!(
        forbidden,
        stranger.plain_request("send_chat_message", unknown).await,
        "the two are not told apart"
    );
    assert_eq!(forbidden["code"], json!("conversation_not_found"));
    john.nothing_heard().await;
}

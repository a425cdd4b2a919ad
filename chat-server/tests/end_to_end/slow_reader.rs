//! A client that does not read.

use serde_json::json;
use server_test_support::{Server, conversation, jane, send};

#[tokio::test]
async fn it_is_closed_and_nobody_else_notices() {
    let server = Server::start();
    let (mut john, mut jane_, id) = conversation(&server).await;
    let mut slow = server.connect(&jane()).await;
    let content = "x".repeat(4_000);
    // More than its queue of 2,048 events and all buffers between hold.
    let sent = 4_000;
    for i in 0..sent {
        send(&mut john, &id, &content).await;
        assert_eq!(jane_.event("new_message").await["message"]["seq"], json!(i + 2_u64));
    }
    let mut heard = 0;
    while let Some(frame) = slow.frame().await {
        heard += 1;
        assert_eq!(frame["message"]["seq"], json!(heard + 1), "nothing is dropped silently");
    }
    assert_eq!((slow.closed_with, heard < sent), (Some(4008), true));
    server.connect(&jane()).await.nothing_heard().await;
}

#[tokio::test]
async fn it_can_ask_until_its_replies_fill_the_queue_and_gets_them_all() {
    let server = Server::start();
    let (mut john, _jane, id) = conversation(&server).await;
    for _ in 0..50 {
        send(&mut john, &id, &"x".repeat(1_000)).await;
        john.event("new_message").await;
    }
    // Some 15 MB of replies. The client writes without reading until its own requests are stuck,
    // and then reads.
    let asked = 300;
    for i in 0..asked {
        let data = json!({"conversation_id": id, "limit": 100});
        john.send_text(
            json!({"type": "get_conversation_messages", "data": data, "request_id": i}).to_string(),
        )
        .await;
    }
    for i in 0..asked {
        assert_eq!(john.reply().await["request_id"], json!(i));
    }
}

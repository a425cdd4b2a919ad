//! Two devices of one user.

use serde_json::json;
use server_test_support::{Server, conversation, john, send};

#[tokio::test]
async fn both_hear_each_message_once_and_only_one_is_answered() {
    let server = Server::start();
    let (mut phone, mut jane, id) = conversation(&server).await;
    let mut tablet = server.connect(&john()).await;
    let sent = send(&mut phone, &id, "from the phone").await;
    for device in [&mut phone, &mut tablet, &mut jane] {
        assert_eq!(device.event("new_message").await["message"]["id"], json!(sent));
        device.nothing_heard().await;
    }
    let sent = send(&mut jane, &id, "to both").await;
    for device in [&mut phone, &mut tablet] {
        assert_eq!(device.event("new_message").await["message"]["id"], json!(sent));
    }
    phone.close().await;
    let sent = send(&mut jane, &id, "to the other").await;
    assert_eq!(tablet.event("new_message").await["message"]["id"], json!(sent));
}

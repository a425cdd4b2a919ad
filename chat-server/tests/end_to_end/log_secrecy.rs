//! Neither tokens nor messages are in the log, however much it says.

use serde_json::json;

use crate::support::{Client, Server, conversation, john, token};

#[tokio::test]
async fn the_most_verbose_log_holds_neither_token_nor_text() {
    let everything = "trace,chat_server=trace,tungstenite=trace,async_tungstenite=trace,hyper=trace,sled=trace,tokio=trace";
    let server = Server::start_with(&["--log", everything]);
    let (mut john_, jane, id) = conversation(&server).await;
    let data = json!({"conversation_id": id, "content": "the secret plan"});
    john_.request("send_chat_message", data).await;
    let refreshed = token(&john());
    john_.request("refresh_token", json!({"token": refreshed})).await;
    john_.send_text("the secret plan, no JSON").await;
    john_.reply().await;
    john_.send_raw(b"\x81\x8f\0\0\0\0the secret pla\xff").await;
    john_.close_code().await;
    let bad = Client::connect(&format!("{}?token=the.secret.token", server.url)).await.close_code().await;
    assert_eq!(bad, Some(4501));
    jane.close().await;
    let (status, log, _dir) = server.stop().await;
    assert!(status.success());
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the filter counts: {log}");
    for secret in
        [&refreshed, "secret plan", "Where do I go?", "the.secret.token", "eyJ", crate::support::SECRET]
    {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
}

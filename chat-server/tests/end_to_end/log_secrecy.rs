//! Neither tokens nor messages are in the log, however much it says.

use serde_json::{Value, json};
use server_test_support::{Client, Server, conversation, john, token};

const EVERYTHING: &str = "trace,chat_server=trace,tungstenite=trace,async_tungstenite=trace,hyper=trace,sled=trace,tokio=trace,rustls=trace";

#[tokio::test]
async fn the_most_verbose_log_holds_neither_token_nor_text() {
    let log = most_verbose("text").await;
    assert!(log.contains("TRACE") || log.contains("DEBUG"), "the filter counts: {log}");
}

#[tokio::test]
async fn a_log_for_programs_says_who_asked_what_and_neither_token_nor_text() {
    let log = most_verbose("json").await;
    let records: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect();
    let told = |message: &str| -> Vec<&Value> {
        records.iter().filter(|record| record["message"] == *message).collect()
    };
    let johns = |record: &&Value| record["user"] == json!(john().id.as_str());
    let opened = *told("connection opened").iter().find(|record| johns(record)).expect("John has come");
    assert_eq!((&opened["role"], &opened["level"]), (&json!("BUS_DRIVER"), &json!("DEBUG")));
    let asked: Vec<_> = told("request answered").into_iter().filter(johns).collect();
    assert!(asked.iter().all(|record| record["connection"] == opened["connection"]), "{asked:?}");
    let is = |request: &str, id: &Value, outcome: &str| {
        let mut fields =
            asked.iter().map(|record| (&record["request"], &record["request_id"], &record["outcome"]));
        assert!(
            fields.any(|fields| fields == (&json!(request), id, &json!(outcome))),
            "{request}: {asked:?}"
        );
    };
    is("create_support_conversation", &json!("1"), "ok");
    is("send_chat_message", &json!("2"), "ok");
    is("refresh_token", &json!("3"), "ok");
    is("none", &Value::Null, "invalid_json");
    assert!(told("connection ended").iter().any(johns));
}

/// The most verbose log of a server, after everything that could bring a token or a text into the
/// log.
async fn most_verbose(format: &str) -> String {
    let server = Server::start_with(&["--log", EVERYTHING, "--log-format", format]);
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
    for secret in
        [&refreshed, "secret plan", "Where do I go?", "the.secret.token", "eyJ", server_test_support::SECRET]
    {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    log
}

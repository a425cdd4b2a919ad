//! Each kind of bad token: the upgrade is accepted, then the reason comes in a frame and in the
//! close code.

use std::time::Duration;

use async_tungstenite::tungstenite::client::IntoClientRequest as _;
use chat_server::auth::{Expected, Secret, issue};
use serde_json::json;
use server_test_support::program::now;
use server_test_support::{Client, SECRET, Server, assert_shape, john, token};

async fn refusal(mut client: Client) -> (String, Option<u16>) {
    let error = client.frame().await.unwrap();
    assert_shape(&error, &json!({"type": "error", "success": false, "error": "<text>", "code": "<text>"}));
    (error["code"].as_str().unwrap().to_owned(), client.close_code().await)
}

fn signed_by(secret: &str, seconds_ago: u64) -> String {
    let secret = Secret::new(secret.as_bytes(), "the tests").unwrap();
    issue(
        &secret,
        &john(),
        now().minus(Duration::from_secs(seconds_ago)),
        Duration::ZERO,
        &Expected::default(),
    )
}

#[tokio::test]
async fn a_token_that_is_no_good_is_told_by_4501() {
    let server = Server::start();
    let foreign = signed_by("another secret that nobody here shares", 0);
    let good = token(&john());
    // {"alg":"none"}
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", good.split('.').nth(1).unwrap());
    for query in [
        String::new(),
        "?token=".into(),
        "?token=garbage".into(),
        format!("?token={foreign}"),
        format!("?token={unsigned}"),
    ] {
        let client = Client::connect(&format!("{}{query}", server.url)).await;
        assert_eq!(refusal(client).await, ("not_authenticated".to_owned(), Some(4501)), "{query}");
    }
}

#[tokio::test]
async fn a_token_that_is_only_expired_is_told_by_4001() {
    let server = Server::start();
    let client = Client::connect(&format!("{}?token={}", server.url, signed_by(SECRET, 31))).await;
    assert_eq!(refusal(client).await, ("token_expired".to_owned(), Some(4001)));
}

#[tokio::test]
async fn a_token_can_come_by_header_or_subprotocol() {
    let server = Server::start();
    let good = token(&john());
    let bearer = format!("Bearer {good}");
    let pair = format!("bearer, {good}");
    for (name, value, answered) in
        [("authorization", &bearer, None), ("sec-websocket-protocol", &pair, Some("bearer"))]
    {
        let mut request = server.url.as_str().into_client_request().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let (mut client, answer) = Client::open(request).await.unwrap();
        let subprotocol = answer.headers().get("sec-websocket-protocol").map(|value| value.to_str().unwrap());
        assert_eq!(subprotocol, answered);
        client.nothing_heard().await;
    }
}

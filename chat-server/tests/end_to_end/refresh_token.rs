//! An addition to the document: a new token on a connection that stands.

use std::time::Duration;

use chat_core::protocol::{Role, User};
use chat_server::auth::{Expected, Secret, issue};
use serde_json::json;
use server_test_support::program::{now, token_for};
use server_test_support::{Client, Server, assert_shape, john, token};

#[tokio::test]
async fn a_new_token_prolongs_the_session() {
    let server = Server::start();
    let mut client = server.connect(&john()).await;
    let data = json!({"token": token_for(&john(), Duration::from_hours(2))});
    let reply = client.plain_request("refresh_token", data).await;
    assert_shape(&reply, &json!({"success": true, "expires_at": "<time>"}));
    let in_90_minutes = now().plus(Duration::from_mins(90)).to_string();
    assert!(reply["expires_at"].as_str().unwrap() > in_90_minutes.as_str(), "{reply}");
}

#[tokio::test]
async fn a_token_of_another_user_or_role_changes_nothing() {
    let server = Server::start();
    let mut client = server.connect(&john()).await;
    let other_user = token(&User { id: "user_x".into(), ..john() });
    let other_role = token(&User { role: Role::ControlAdmin, ..john() });
    for bad in [other_user.as_str(), other_role.as_str(), "", "garbage"] {
        assert_eq!(client.refused("refresh_token", json!({"token": bad})).await, "token_mismatch");
    }
    client.nothing_heard().await;
}

#[tokio::test]
async fn a_session_ends_with_its_token() {
    let server = Server::start();
    // Expired, but within the leeway for different clocks: the session ends after the leeway.
    let secret = Secret::new(server_test_support::SECRET.as_bytes(), "the tests").unwrap();
    let past = now().minus(Duration::from_secs(29));
    let old = issue(&secret, &john(), past, Duration::ZERO, &Expected::default());
    let mut client = Client::connect(&format!("{}?token={old}", server.url)).await;
    let error = client.frame().await.unwrap();
    assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("token_expired")));
    assert_eq!(client.close_code().await, Some(4001));
}

//! Close code 4002: a session whose rights have changed is told so, and ends.

use std::time::Duration;

use chat_core::protocol::{Role, User};
use serde_json::json;
use server_test_support::program::{now, token_issued};
use server_test_support::{Client, Server, john, token};

use crate::administration::users::{says, users};

const PROMOTED: &str = r#"{"id":"user_john","role":"CONTROL_STAFF"}"#;

fn promoted() -> User {
    User { role: Role::ControlStaff, ..john() }
}

async fn connect(server: &Server, token: &str) -> Client {
    Client::connect(&format!("{}?token={token}", server.url)).await
}

/// Asserts the error of changed rights as the next frame, and close code 4002 after it.
async fn assert_ended(client: &mut Client) {
    let event = client.event("error").await;
    assert_eq!((&event["success"], &event["code"]), (&json!(false), &json!("rights_changed")), "{event}");
    assert_eq!(client.frame().await, None, "nothing follows the error");
    assert_eq!(client.closed_with, Some(4002));
}

#[tokio::test]
async fn a_change_of_role_ends_the_other_session_with_4002() {
    let server = Server::start();
    let mut phone = server.connect(&john()).await;
    phone.nothing_heard().await;
    let mut desk = server.connect(&promoted()).await;
    assert_ended(&mut phone).await;
    desk.nothing_heard().await;
}

#[tokio::test]
async fn an_import_ends_a_session_of_another_role_and_refuses_older_tokens_with_4002() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let mut phone = server.connect(&john()).await;
    phone.nothing_heard().await;
    says(&users(dir.path(), &["import", "-"], PROMOTED), "1 users imported\n");
    assert_ended(&mut phone).await;
    let issued = now().minus(Duration::from_mins(1));
    for user in [john(), promoted()] {
        assert_ended(&mut connect(&server, &token_issued(&user, issued)).await).await;
    }
    connect(&server, &token(&promoted())).await.nothing_heard().await;
}

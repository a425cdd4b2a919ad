//! Shared helpers of the tests and benchmarks of chat-server: a server of its own for each test,
//! its clients, and a store without a server.

#![expect(missing_docs, reason = "most names and fields here say what they are")]
#![expect(
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "a helper fails only where its test has failed"
)]

pub mod apps;
pub mod client;
pub mod http;
pub mod issuer;
pub mod program;
pub mod receiver;
pub mod report;
pub mod shape;
pub mod store;
pub mod tls;

pub use client::Client;
pub use program::{SECRET, Server, token};
pub use shape::assert_shape;

use std::time::Duration;

use chat_core::protocol::{Role, User};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

/// Patience for an awaited state. Reached only when a test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// Asks again and again until a condition holds. `what` names the condition in the failure.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let held = async {
        while !holds().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, held).await.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"));
}

/// Bus driver John Doe.
pub fn john() -> User {
    User {
        email: "john@example.com".into(),
        first_name: "John".into(),
        last_name: "Doe".into(),
        ..User::new("user_john", Role::BusDriver)
    }
}

/// Jane Smith of the control centre.
pub fn jane() -> User {
    User {
        email: "jane@example.com".into(),
        first_name: "Jane".into(),
        last_name: "Smith".into(),
        ..User::new("user_jane", Role::ControlStaff)
    }
}

/// Connected John and Jane, and a conversation between them of which both have read the first
/// events.
pub async fn conversation(server: &Server) -> (Client, Client, String) {
    let mut jane = server.connect(&jane()).await;
    let mut john = server.connect(&john()).await;
    let id = create(&mut john, "Road closed", "Where do I go?").await;
    john.event("new_message").await;
    jane.event("new_support_conversation").await;
    jane.event("new_message").await;
    (john, jane, id)
}

/// Creates a conversation and gives its id.
pub async fn create(client: &mut Client, title: &str, content: &str) -> String {
    let reply =
        client.request("create_support_conversation", json!({"title": title, "content": content})).await;
    text(&reply, "conversation_id")
}

/// Sends a message and gives its id.
pub async fn send(client: &mut Client, conversation: &str, content: &str) -> String {
    let data = json!({"conversation_id": conversation, "content": content});
    let reply = client.request("send_chat_message", data).await;
    text(&reply, "message_id")
}

/// The text under a name of an object.
pub fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_else(|| panic!("no {name} in {object}")).to_owned()
}

//! A slow receiver, or one that refuses something, holds up little.

use std::collections::BTreeSet;
use std::time::Duration;

use chat_core::protocol::{Role, User};
use serde_json::json;
use server_test_support::receiver::{Heard, Receiver, WebhookAnswer};
use server_test_support::{Client, create, john, send, text};
use tokio::time::timeout;

use crate::administration::webhook::{server, until_told};

/// Deadline for events beside or behind others that are not taken. Reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

async fn emergency(client: &mut Client) -> String {
    let data = json!({"title": "Accident", "content": "help", "room_type": "emergency_support"});
    text(&client.request("create_support_conversation", data).await, "conversation_id")
}

fn conversation(heard: &Heard) -> String {
    text(&heard.body["data"], "conversation_id")
}

#[tokio::test]
async fn an_event_that_is_never_taken_holds_up_its_conversation_alone() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    let server = server(dir.path(), &receiver, &[]).await;
    let mut phone = server.connect(&john()).await;
    let bad = create(&mut phone, "t", "c").await;
    receiver.next().await;
    receiver.answer_of(&bad, WebhookAnswer::Status(500));
    let refused = send(&mut phone, &bad, "refused").await;
    assert_eq!(receiver.next().await.id, refused);
    send(&mut phone, &bad, "waits for it").await;

    let good = create(&mut phone, "t", "c").await;
    let messages = [send(&mut phone, &good, "1").await, send(&mut phone, &good, "2").await];
    let mut heard = Vec::new();
    let others = async {
        while heard.len() < 3 {
            let next = receiver.next().await;
            if conversation(&next) == good {
                heard.push(next.id);
            } else {
                assert_eq!(next.id, refused);
            }
        }
    };
    timeout(PATIENCE, others).await.expect("the other conversation is told meanwhile");
    assert_eq!(heard[1..], messages);
}

#[tokio::test]
async fn an_event_that_is_refused_while_others_are_taken_is_set_aside_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    let server = server(dir.path(), &receiver, &[]).await;
    let mut phone = server.connect(&john()).await;
    let good = create(&mut phone, "t", "c").await;
    receiver.next().await;
    receiver.answer_otherwise(WebhookAnswer::Status(400));
    let bad = emergency(&mut phone).await;
    let refused = receiver.next().await;
    let after = send(&mut phone, &bad, "after it").await;
    receiver.answer_of(&good, WebhookAnswer::Status(204));
    send(&mut phone, &good, "taken").await;
    until_told(dir.path(), "chat_webhook_refused_total", |refused| refused > 0).await;
    receiver.answer_otherwise(WebhookAnswer::Status(204));
    while receiver.next().await.id != after {}
    let (_, log, _) = server.stop().await;
    let told = log.lines().find(|line| line.contains("rejects this notification and accepts others"));
    assert!(told.is_some_and(|line| line.contains(&refused.id) && line.contains(&bad)), "{log}");
}

#[tokio::test]
async fn an_emergency_passes_a_backlog_of_everything_else() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    // Nothing but emergencies is ever answered, so every other call stays under way.
    receiver.answer_otherwise(WebhookAnswer::Nothing);
    let flags = ["--messages-per-second", "0"];
    let server = server(dir.path(), &receiver, &flags).await;
    let mut phone = server.connect(&john()).await;
    // More conversations than may have something to tell at once.
    for _ in 0..300 {
        create(&mut phone, "t", "c").await;
    }
    let mut other = server.connect(&User::new("user_mary", Role::BusDriver)).await;
    let id = emergency(&mut other).await;
    let told = async { while conversation(&receiver.next().await) != id {} };
    timeout(PATIENCE, told).await.expect("the emergency is told meanwhile");
}

#[tokio::test]
async fn a_restart_goes_on_in_each_conversation_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut receiver = Receiver::start().await;
    let flags = ["--messages-per-second", "0"];
    let first = server(dir.path(), &receiver, &flags).await;
    let mut phone = first.connect(&john()).await;
    let (behind, other) = (create(&mut phone, "t", "c").await, create(&mut phone, "t", "c").await);
    let taken = BTreeSet::from([receiver.next().await.id, receiver.next().await.id]);
    receiver.answer_of(&behind, WebhookAnswer::Status(503));
    // More than wait in memory.
    let mut missing = Vec::new();
    for n in 0..200 {
        missing.push(send(&mut phone, &behind, &n.to_string()).await);
    }
    let last = send(&mut phone, &other, "taken").await;
    while receiver.next().await.id != last {}
    first.stop().await;
    receiver.rest();

    receiver.answer_of(&behind, WebhookAnswer::Status(204));
    let _second = server(dir.path(), &receiver, &flags).await;
    for message in &missing {
        let heard = receiver.next().await.id;
        assert!(heard == *message && heard != last && !taken.contains(&heard), "{heard} for {message}");
    }
}

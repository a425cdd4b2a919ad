//! How fast one user may go, over all its connections.

use std::time::Duration;

use serde_json::{Value, json};
use server_test_support::{Client, Server, john};
use tokio::time::{Instant, sleep};

use crate::harness::{Tally, john_and_jane, under_attack, wire};

/// Requests sent at once: far more than any burst.
const ASKED: u64 = 300;

/// Asks without waiting, over several connections of one user, and checks that no more was granted
/// than the rate allows in that time. A client that waits as long as told is served.
async fn too_fast(clients: &mut [Client], kind: &str, data: Value, burst: u64, every: Duration) -> Tally {
    let start = Instant::now();
    for i in 0..ASKED {
        let client = &mut clients[usize::try_from(i).unwrap() % 2];
        client.send_text(wire::request(kind, &data)).await;
    }
    let mut replies = Vec::new();
    for i in 0..ASKED {
        replies.push(clients[usize::try_from(i).unwrap() % 2].reply().await);
    }
    let granted = replies.iter().filter(|reply| reply["success"] == json!(true)).count() as u64;
    let flowed_in = start.elapsed().as_millis() / every.as_millis();
    assert!(u128::from(granted) <= u128::from(burst) + flowed_in + 1, "{granted} in {:?}", start.elapsed());
    let pauses = replies.iter().filter(|reply| reply["success"] != json!(true)).map(pause);
    let longest = pauses.max().expect("something was refused");
    sleep(longest.min(Duration::from_secs(1))).await;
    if longest <= Duration::from_secs(1) {
        let reply = clients[0].plain_request(kind, data).await;
        assert_eq!(reply["success"], json!(true), "{reply}");
    }
    Tally { tried: ASKED, refused: ASKED - granted }
}

/// How long a refused request is told to wait.
fn pause(refused: &Value) -> Duration {
    assert_eq!(refused["code"], json!("rate_limited"), "{refused}");
    let pause = Duration::from_millis(refused["retry_after_ms"].as_u64().unwrap());
    assert!(!pause.is_zero(), "{refused}");
    pause
}

async fn two_of_john(server: &Server) -> Vec<Client> {
    vec![server.connect(&john()).await, server.connect(&john()).await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_of_a_user() {
    under_attack("requests of a user", 4, &[], async |server| {
        let mut clients = two_of_john(server).await;
        let every = Duration::from_millis(20);
        too_fast(&mut clients, "get_active_conversations", json!({}), 100, every).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn messages_of_a_user() {
    under_attack("messages of a user", 4, &[], async |server| {
        let (first, _jane, id) = john_and_jane(server).await;
        let mut clients = vec![first, server.connect(&john()).await];
        let data = json!({"conversation_id": id, "content": "x"});
        too_fast(&mut clients, "send_chat_message", data, 60, Duration::from_millis(100)).await
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn creations_of_a_user() {
    under_attack("creations of a user", 4, &[], async |server| {
        let mut clients = two_of_john(server).await;
        let data = json!({"title": "t", "content": "c"});
        too_fast(&mut clients, "create_support_conversation", data, 6, Duration::from_secs(10)).await
    })
    .await;
}

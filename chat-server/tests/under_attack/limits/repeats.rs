//! Repeated requests: each is answered, and the change is made once.

use serde_json::json;
use server_test_support::{Client, john as driver, send};
use tokio::time::Instant;

use crate::harness::{Tally, UNHURRIED, hear_until, john_and_jane, under_attack, wire};

const OFTEN: usize = 2_000;

/// Asks the same over and over, without waiting, and checks that each time is answered alike.
async fn ask_often(client: &mut Client, kind: &str, data: &serde_json::Value) {
    for _ in 0..OFTEN {
        client.send_text(wire::request(kind, data)).await;
    }
    let first = client.reply().await;
    assert_eq!(first["success"], json!(true), "{first}");
    for _ in 1..OFTEN {
        assert_eq!(client.reply().await, first);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn messages() {
    // Under the default rates: an accepted message is never reported refused.
    under_attack("repeats of a message", 4, &[], async |server| {
        let (mut john, mut jane, id) = john_and_jane(server).await;
        let data = json!({"conversation_id": id, "content": "once", "client_message_id": "a"});
        ask_often(&mut john, "send_chat_message", &data).await;
        send(&mut john, &id, "and on").await;
        let heard = hear_until(&mut jane, &id, "and on").await;
        assert_eq!(heard.last().unwrap()["message"]["seq"], json!(3));
        Tally { tried: OFTEN as u64, refused: OFTEN as u64 - 1 }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn typing() {
    under_attack("repeats of typing", 4, UNHURRIED, async |server| {
        let (mut john, mut jane, id) = john_and_jane(server).await;
        let start = Instant::now();
        ask_often(&mut john, "typing_indicator", &json!({"conversation_id": id, "is_typing": true})).await;
        let most = 1 + start.elapsed().as_millis() / 3_000;
        send(&mut john, &id, "and on").await;
        let heard = hear_until(&mut jane, &id, "and on").await;
        let told = heard.iter().filter(|event| event["is_typing"] == json!(true)).count();
        assert!((1..=most).contains(&(told as u128)), "{told} times, and {most} at most");
        Tally { tried: OFTEN as u64, refused: (OFTEN - told) as u64 }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn reading() {
    under_attack("repeats of a read position", 4, UNHURRIED, async |server| {
        let (mut john, mut jane, id) = john_and_jane(server).await;
        let mut other_phone = server.connect(&driver()).await;
        let first = send(&mut john, &id, "first").await;
        let second = send(&mut john, &id, "second").await;
        for message in [&second, &first] {
            let data = json!({"conversation_id": id, "message_id": message});
            ask_often(&mut jane, "mark_message_read", &data).await;
        }
        send(&mut john, &id, "and on").await;
        let heard = hear_until(&mut other_phone, &id, "and on").await;
        let told = heard.iter().filter(|event| event["type"] == json!("message_read")).count();
        assert_eq!(told, 1, "what is older, or the same, is told to nobody");
        Tally { tried: 2 * OFTEN as u64, refused: 2 * OFTEN as u64 - 1 }
    })
    .await;
}

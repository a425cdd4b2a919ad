//! Limits of a frame.

use futures::future::join_all;
use serde_json::{Value, json};
use server_test_support::Server;

use crate::harness::{Tally, UNHURRIED, closed_with, hear_until, john_and_jane, under_attack, wire};

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn length_of_a_frame() {
    under_attack("length of a frame", 8, UNHURRIED, async |server| {
        let whole = wire::frame(wire::TEXT, &vec![b'x'; 1 << 20]);
        let mut announced = wire::header(wire::TEXT, 1 << 40);
        announced.extend(vec![b'x'; 1 << 16]);
        let attempts = (0..80).map(async |number| {
            let mut client = server.connect(&wire::nobody_known(number)).await;
            // All at once: the server would have to hold all at once.
            let bytes = if number % 2 == 0 { &whole } else { &announced };
            client.send_raw(bytes).await;
            closed_with(&mut client).await == Some(1009)
        });
        all_refused(Tally::of(join_all(attempts).await))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn fields_of_a_frame() {
    under_attack("fields of a frame", 4, UNHURRIED, async |server| {
        let (mut john, mut jane, id) = john_and_jane(server).await;
        let text = |length| "😀".repeat(length);
        let send =
            |content: String| ("send_chat_message", json!({"conversation_id": id, "content": content}));
        let create = |title: String| ("create_support_conversation", json!({"title": title, "content": "c"}));
        let named = |name: String| {
            ("send_chat_message", json!({"conversation_id": id, "content": "c", "client_message_id": name}))
        };
        let mut tried = 0;
        for (kind, data) in [send(text(4_001)), send(text(15_000)), create(text(201)), named(text(65))] {
            for _ in 0..50 {
                assert_eq!(john.refused(kind, data.clone()).await, "invalid_parameter", "{kind}");
                tried += 1;
            }
        }
        for (kind, data) in [send(text(4_000)), create(text(200)), named(text(64))] {
            assert_eq!(john.request(kind, data).await["success"], json!(true), "{kind}: of the limit");
        }
        let long_id = json!({"type": "get_active_conversations", "request_id": text(65)}).to_string();
        john.send_text(long_id).await;
        assert_eq!(john.reply().await["code"], json!("invalid_frame"));
        let heard = hear_until(&mut jane, &id, "😀").await;
        assert_eq!(heard.last().unwrap()["message"]["content"], json!(text(4_000)));
        Tally::all(tried + 1)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn nesting_of_a_frame() {
    under_attack("nesting of a frame", 4, UNHURRIED, async |server| {
        let within = |levels| {
            format!(
                r#"{{"type":"get_active_conversations","data":{{"x":{}{}}}}}"#,
                "[".repeat(levels),
                "]".repeat(levels)
            )
        };
        let mut tried = 0;
        for deep in [within(31), within(10_000), "[".repeat(65_000), r#"{"data":"#.repeat(8_000)] {
            for _ in 0..10 {
                assert_eq!(answer(server, &deep).await["code"], json!("too_deep"));
                tried += 1;
            }
        }
        assert_eq!(answer(server, &within(30)).await["success"], json!(true), "of the limit");
        Tally::all(tried)
    })
    .await;
}

async fn answer(server: &Server, text: &str) -> Value {
    let mut client = server.connect(&wire::nobody_known(0)).await;
    client.send_text(text).await;
    let reply = client.reply().await;
    client.close().await;
    reply
}

#[track_caller]
fn all_refused(tally: Tally) -> Tally {
    assert_eq!(tally.tried, tally.refused);
    tally
}

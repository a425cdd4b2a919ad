//! Queues of a client that asks too fast or reads too slowly.

use std::time::Duration;

use chat_core::protocol::User;
use futures::future::join_all;
use serde_json::{Value, json};
use server_test_support::{Client, create, john, send};
use tokio::time::sleep;

use crate::harness::{Tally, UNHURRIED, hear_until, john_and_jane, under_attack, wire};

/// Lengths in characters of which each takes four bytes.
const LONG: usize = 4_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_under_way_and_replies_that_wait() {
    under_attack("requests under way, and replies that wait", 16, UNHURRIED, async |server| {
        let (mut sender, _jane, id) = john_and_jane(server).await;
        for _ in 0..100 {
            send(&mut sender, &id, &"x".repeat(1_000)).await;
        }
        // Some 50 MB of replies, asked for at once. Of them 64 are made before the client reads.
        let asked = 400;
        let mut greedy = wire::connect_narrow(server, &john()).await;
        let page = json!({"conversation_id": id, "limit": 100});
        for i in 0..asked {
            let request = json!({"type": "get_conversation_messages", "data": page, "request_id": i});
            greedy.send_text(request.to_string()).await;
        }
        for i in 0..asked {
            sleep(Duration::from_millis(8)).await;
            assert_eq!(greedy.reply().await["request_id"], json!(i), "each is answered in its turn");
        }
        Tally::all(1)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn live_events_that_wait() {
    under_attack("live events that wait", 28, UNHURRIED, async |server| {
        // The readers are the driver's, because a driver hears nothing of the bystanders, whose
        // messages would take up room.
        let (mut reader, mut jane, id) = john_and_jane(server).await;
        let mut slow = wire::connect_narrow(server, &john()).await;
        let (typed, messages) = (4_000, 100);
        type_often(&mut jane, &id, typed).await;
        for i in 0..messages {
            send(&mut jane, &id, &format!("after typing {i}")).await;
        }
        let heard = hear_until(&mut slow, &id, &format!("after typing {}", messages - 1)).await;
        let statuses = heard.iter().filter(|event| event["type"] == json!("typing_status")).count();
        assert!(statuses < typed, "some typing was shed");
        assert_eq!(seqs(&heard), (2..messages + 2).collect::<Vec<_>>(), "and no message");
        hear_until(&mut reader, &id, &format!("after typing {}", messages - 1)).await;

        // 16 MiB and the system's buffers hold some 1,050 of these. The flood is only a little
        // longer: the server waits 2 s until a reader takes the close frame, and this reader reads
        // nothing before the end of the flood.
        let flood = 1_100;
        for _ in 0..flood {
            send(&mut jane, &id, &"😀".repeat(LONG)).await;
            hear_until(&mut reader, &id, "😀").await;
        }
        let mut heard = Vec::new();
        while let Some(event) = slow.frame().await {
            if event["conversation_id"] == *id {
                heard.push(event);
            }
        }
        let heard = seqs(&heard);
        assert_eq!(heard, (messages + 2..).take(heard.len()).collect::<Vec<_>>(), "no hole before the end");
        assert_eq!(slow.closed_with, Some(4008));
        Tally { tried: typed as u64 + flood, refused: (typed - statuses) as u64 + flood - heard.len() as u64 }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn bytes_that_wait_on_all_connections() {
    let flags = ["--messages-per-second", "0", "--max-waiting-mib", "4"];
    under_attack("bytes that wait on all connections", 16, &flags, async |server| {
        // Nine conversations, each with a slow reader. In each wait fewer bytes than on one
        // connection may, and in all of them nearly twice as many as on all connections.
        let messages = 52;
        let mut slow = Vec::new();
        for number in 0..9 {
            let driver = User { id: format!("driver_{number}").into(), ..john() };
            let mut sender = server.connect(&driver).await;
            slow.push(wire::connect_narrow(server, &driver).await);
            let id = create(&mut sender, "t", "c").await;
            for _ in 0..messages {
                send(&mut sender, &id, &"😀".repeat(LONG)).await;
            }
        }
        let heard = slow.iter_mut().map(async |reader| {
            let mut heard = 0;
            while heard <= messages && reader.frame().await.is_some() {
                heard += 1;
            }
            heard > messages || reader.closed_with == Some(4008)
        });
        assert!(join_all(heard).await.into_iter().all(|is_so| is_so), "whole, or told why not");
        let closed = slow.iter().filter(|reader| reader.closed_with.is_some()).count() as u64;
        assert!((1..9).contains(&closed), "{closed} of 9 are closed");
        Tally { tried: 9, refused: closed }
    })
    .await;
}

/// Types and stops, over and over: each is a live event of its own.
async fn type_often(client: &mut Client, conversation: &str, times: usize) {
    for i in 0..times {
        let data = json!({"conversation_id": conversation, "is_typing": i % 2 == 0});
        client.send_text(wire::request("typing_indicator", &data)).await;
    }
    for _ in 0..times {
        assert_eq!(client.reply().await, json!({"success": true}));
    }
}

fn seqs(events: &[Value]) -> Vec<u64> {
    events.iter().filter_map(|event| event["message"]["seq"].as_u64()).collect()
}

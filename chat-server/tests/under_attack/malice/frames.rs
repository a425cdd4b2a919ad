//! Frames that no library would send.

use std::time::Duration;

use async_tungstenite::tungstenite::Message;
use async_tungstenite::tungstenite::client::IntoClientRequest as _;
use futures::future::join_all;
use serde_json::json;
use server_test_support::{Client, john, token};
use tokio::time::timeout;

use crate::harness::{Tally, UNHURRIED, closed_with, john_and_jane, under_attack, wire};

pub async fn single_bytes(name: &str) {
    under_attack(name, 8, UNHURRIED, async |server| {
        let (mut client, _jane, id) = john_and_jane(server).await;
        client.event("new_message").await;
        let request =
            wire::request("send_chat_message", &json!({"conversation_id": id, "content": "é".repeat(500)}));
        let bytes = request.as_bytes();
        let mut frames = wire::frame(wire::TEXT_BEGINS, &bytes[..1]);
        for byte in &bytes[1..bytes.len() - 1] {
            frames.extend(wire::frame(wire::GOES_ON, &[*byte]));
        }
        frames.extend(wire::frame(wire::ENDS, &bytes[bytes.len() - 1..]));
        for byte in &frames {
            client.send_raw(&[*byte]).await;
        }
        assert_eq!(client.reply().await["success"], json!(true));
        assert_eq!(client.event("new_message").await["message"]["content"], json!("é".repeat(500)));
        Tally { tried: 1, refused: 0 }
    })
    .await;
}

pub async fn compressed(name: &str) {
    under_attack(name, 8, UNHURRIED, async |server| {
        let mut offering = format!("{}?token={}", server.url, token(&john())).into_client_request().unwrap();
        let offer = "permessage-deflate; client_max_window_bits".parse().unwrap();
        offering.headers_mut().insert("sec-websocket-extensions", offer);
        let (client, answer) = Client::open(offering).await.unwrap();
        assert!(!answer.headers().contains_key("sec-websocket-extensions"));
        let mut clients = vec![client];
        for number in 0..20 {
            clients.push(server.connect(&wire::nobody_known(number)).await);
        }
        let tried = clients.len() as u64;
        for mut client in clients {
            // The beginning of gigabytes of zeros.
            client.send_raw(&wire::frame(wire::TEXT | wire::COMPRESSED, &[0xec; 1_000])).await;
            assert_eq!(closed_with(&mut client).await, Some(1002));
        }
        Tally::all(tried)
    })
    .await;
}

pub async fn fragments(name: &str) {
    under_attack(name, 12, UNHURRIED, async |server| {
        let attempts = (0..40).map(async |number| {
            let mut client = server.connect(&wire::nobody_known(number)).await;
            client.send_raw(&wire::frame(wire::TEXT_BEGINS, b"[")).await;
            // Without end, as far as the server is concerned.
            let piece = wire::frame(wire::GOES_ON, &[b' '; 1_000]);
            client.send_raw(&piece.repeat(1_000)).await;
            closed_with(&mut client).await == Some(1009)
        });
        let tally = Tally::of(join_all(attempts).await);
        assert_eq!(tally.tried, tally.refused);
        tally
    })
    .await;
}

pub async fn empty_fragments(name: &str) {
    under_attack(name, 4, UNHURRIED, async |server| {
        let mut client = server.connect(&john()).await;
        client.send_raw(&wire::frame(wire::TEXT_BEGINS, br#"{"type":"get_active"#)).await;
        // Enough frames to show any memory kept for each.
        client.send_raw(&wire::frame(wire::GOES_ON, b"").repeat(1_000_000)).await;
        client.send_raw(&wire::frame(wire::ENDS, br#"_conversations"}"#)).await;
        assert_eq!(client.reply().await["success"], json!(true));
        Tally { tried: 1, refused: 0 }
    })
    .await;
}

pub async fn pings(name: &str) {
    under_attack(name, 8, UNHURRIED, async |server| {
        let mut flooded = wire::connect_narrow(server, &john()).await;
        let many = wire::frame(wire::PING, &[7; 125]).repeat(100);
        let mut sent = 0;
        // Until the server stops reading, because its answers are not taken.
        while timeout(Duration::from_secs(1), flooded.send_raw(&many)).await.is_ok() {
            sent += 100;
            assert!(sent < 1_000_000, "read on and on");
        }
        let mut polite = server.connect(&wire::nobody_known(0)).await;
        for _ in 0..1_000 {
            polite.send(Message::Ping(vec![7; 125].into())).await;
        }
        polite.nothing_heard().await;
        Tally { tried: 2, refused: 1 }
    })
    .await;
}

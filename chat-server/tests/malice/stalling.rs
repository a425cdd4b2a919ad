//! Clients that make the server wait.

use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{john, send};
use crate::under_attack::{Tally, UNHURRIED, john_and_jane, process, under_attack, wire};

/// Files that the server opens and closes by itself.
const OWN_FILES: usize = 8;

pub async fn slow_handshakes(name: &str) {
    under_attack(name, 16, UNHURRIED, async |server| {
        let before = process::open_files(server);
        let mut all = JoinSet::new();
        for _ in 0..300 {
            let stream = TcpStream::connect(server.authority()).await.unwrap();
            all.spawn(async move {
                let (mut read, mut write) = stream.into_split();
                let drip = async {
                    let head = "GET /api/websocket/connect HTTP/1.1\r\nx: ";
                    for byte in head.bytes().chain(std::iter::repeat(b'x')) {
                        if write.write_all(&[byte]).await.is_err() {
                            break;
                        }
                        sleep(Duration::from_millis(500)).await;
                    }
                };
                let mut sent = Vec::new();
                let end = read.read_to_end(&mut sent);
                futures::future::select(Box::pin(drip), Box::pin(end)).await;
            });
        }
        let ended = all.join_all().await.len();
        process::until_open_files(server, before + OWN_FILES).await;
        Tally::all(ended as u64)
    })
    .await;
}

pub async fn never_reads(name: &str) {
    under_attack(name, 48, UNHURRIED, async |server| {
        let (mut sender, jane, id) = john_and_jane(server).await;
        jane.close().await;
        for _ in 0..100 {
            send(&mut sender, &id, &"x".repeat(1_000)).await;
        }
        let before = process::open_files(server);
        let page = wire::request("get_conversation_messages", &json!({"conversation_id": id, "limit": 100}));
        let mut silent = Vec::new();
        for _ in 0..4 {
            let mut client = wire::connect_narrow(server, &john()).await;
            for _ in 0..200 {
                client.send_text(page.as_str()).await;
            }
            silent.push(client);
        }
        // They still stand when the server has left them: what was never read is thrown away.
        process::until_open_files(server, before + OWN_FILES - silent.len()).await;
        Tally { tried: 800, refused: 800 - 4 * 64 }
    })
    .await;
}

//! Clients that make the server wait.

use std::time::Duration;

use futures::future::{Either, select};
use serde_json::json;
use server_test_support::{john, send};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::harness::{Tally, UNHURRIED, john_and_jane, process, under_attack, wire};

/// Files that the server opens and closes by itself.
const OWN_FILES: usize = 4;

pub async fn slow_handshakes(name: &str) {
    under_attack(name, 16, UNHURRIED, async |server| {
        let before = process::open_files(server);
        let mut all = JoinSet::new();
        for _ in 0..300 {
            let stream = TcpStream::connect(server.authority()).await.unwrap();
            all.spawn(is_closed_while_it_drips(stream));
        }
        let tally = Tally::of(all.join_all().await);
        assert_eq!(tally.tried, tally.refused);
        process::until_open_files(server, before + OWN_FILES).await;
        tally
    })
    .await;
}

/// Sends a head byte by byte, for longer than a handshake may take; whether the server has ended it
/// meanwhile.
async fn is_closed_while_it_drips(stream: TcpStream) -> bool {
    let (mut read, mut write) = stream.into_split();
    let drip = async {
        for byte in "GET /api/websocket/connect HTTP/1.1\r\nx: yyyyyyyyyyyyyyyyyyyy".bytes() {
            if write.write_all(&[byte]).await.is_err() {
                return true;
            }
            sleep(Duration::from_millis(500)).await;
        }
        false
    };
    let end = async {
        // A reset is an end too.
        let _ = read.read_to_end(&mut Vec::new()).await;
        true
    };
    let (Either::Left((is_closed, _)) | Either::Right((is_closed, _))) =
        select(Box::pin(drip), Box::pin(end)).await;
    is_closed
}

pub async fn never_reads(name: &str) {
    under_attack(name, 64, UNHURRIED, async |server| {
        let (mut sender, jane, id) = john_and_jane(server).await;
        jane.close().await;
        for _ in 0..100 {
            send(&mut sender, &id, &"x".repeat(500)).await;
        }
        sender.close().await;
        let before = process::open_files(server);
        let page = wire::request("get_conversation_messages", &json!({"conversation_id": id, "limit": 100}));
        let mut silent = Vec::new();
        for _ in 0..10 {
            let mut client = wire::connect_narrow(server, &john()).await;
            for _ in 0..200 {
                client.send_text(page.as_str()).await;
            }
            silent.push(client);
        }
        // The attackers are still there, and the server has left them all the same.
        process::until_open_files(server, before + OWN_FILES).await;
        drop(silent);
        Tally::all(10)
    })
    .await;
}

//! Coming and going.

use std::time::Duration;

use futures::future::join_all;
use server_test_support::{Server, token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::sleep;

use crate::harness::{Tally, UNHURRIED, process, under_attack, wire};

/// Files that the server opens and closes by itself.
const OWN_FILES: usize = 8;

/// Connections at once.
const AT_ONCE: usize = 20;

/// Bytes that may stay in memory once all clients are gone.
const KEPT: u64 = 8 << 20;

pub async fn connects(name: &str) {
    under_attack(name, 24, UNHURRIED, async |server| {
        let tokens: Vec<String> = (0..50).map(|number| token(&wire::nobody_known(number))).collect();
        // Users stay known after their first connection: that is no leak.
        come_and_go(server, &tokens, 1_000).await;
        let (files, memory) = (process::open_files(server), process::resident(server));
        come_and_go(server, &tokens, 9_000).await;
        process::until_open_files(server, files + OWN_FILES).await;
        let grown = process::resident(server).saturating_sub(memory);
        assert!(grown <= KEPT, "{grown} bytes more than before");
        Tally { tried: 10_000, refused: 0 }
    })
    .await;
}

async fn come_and_go(server: &Server, tokens: &[String], times: usize) {
    join_all((0..AT_ONCE).map(async |first| {
        for number in (first..times).step_by(AT_ONCE) {
            let stream = TcpStream::connect(server.authority()).await.unwrap();
            visit(stream, number, &tokens[number / 4 % tokens.len()]).await;
        }
    }))
    .await;
    sleep(Duration::from_millis(1)).await;
}

/// Says nothing, or half a request, or shows a bad token, or a good one; and goes without a word.
async fn visit(mut stream: TcpStream, number: usize, token: &str) {
    let token = if number % 4 == 2 { "garbage" } else { token };
    let request = wire::opening(&format!("token={token}"));
    match number % 4 {
        0 => {}
        1 => stream.write_all(&request.as_bytes()[..60]).await.unwrap(),
        _ => {
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = [0; 12];
            stream.read_exact(&mut answer).await.unwrap();
            assert_eq!(&answer, b"HTTP/1.1 101");
        }
    }
    // A reset, because ten thousand closed connections would use up the ports of this machine.
    stream.set_zero_linger().unwrap();
}

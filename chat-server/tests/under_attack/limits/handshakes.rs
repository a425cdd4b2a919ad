//! Connections without a token yet: their number, their time, and the bytes they may send.

use std::time::Duration;

use futures::future::join_all;
use server_test_support::{Client, john};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::harness::wire::until_end;
use crate::harness::{Tally, UNHURRIED, process, under_attack};

/// Connections without a token that the server holds of one address, and as many more of its own
/// files as open and close by themselves.
const OF_ONE_ADDRESS: usize = 256;
const OTHER_FILES: usize = 80;

/// The shortest time that a server grants for a request. A connection closed sooner was evicted.
const PATIENCE: Duration = Duration::from_secs(5);

/// Loopback is a stranger like any other.
const NO_PROXY_HERE: &[&str] = &["--messages-per-second", "0", "--trusted-proxy", "192.0.2.1"];

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn newcomers_of_an_address_and_the_time_of_a_handshake() {
    process::raise_own_file_limit();
    under_attack("newcomers, and the time of a handshake", 40, NO_PROXY_HERE, async |server| {
        let before = process::open_files(server);
        let mut silent = JoinSet::new();
        for _ in 0..2_000 {
            let authority = server.authority().to_owned();
            silent.spawn(async move {
                let mut stream = TcpStream::connect(authority).await.unwrap();
                let start = Instant::now();
                stream.write_all(b"GET /api/websocket/connect?token=").await.unwrap();
                (until_end(&mut stream).await, start.elapsed())
            });
        }
        // The oldest give way to those that come after them.
        for _ in 0..2_000 - OF_ONE_ADDRESS {
            let (heard, age) = silent.join_next().await.unwrap().unwrap();
            assert!(heard.is_empty());
            assert!(age < PATIENCE, "closed after {age:?}, when its time was up");
        }
        let (now, bound) = (process::open_files(server), before + OF_ONE_ADDRESS + OTHER_FILES);
        assert!(now <= bound, "{now} files are open, and {bound} may be");
        server.connect(&john()).await.nothing_heard().await;
        // The others are left when their time is up.
        while let Some(ended) = silent.join_next().await {
            assert!(ended.unwrap().0.is_empty());
        }
        Tally::all(2_000)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn newcomers_of_a_trusted_proxy_have_no_limit_of_their_own() {
    under_attack("newcomers of a trusted proxy", 40, UNHURRIED, async |server| {
        let mut silent = Vec::new();
        for _ in 0..2 * OF_ONE_ADDRESS {
            silent.push(TcpStream::connect(server.authority()).await.unwrap());
        }
        server.connect(&john()).await.nothing_heard().await;
        let head = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n";
        for stream in &mut silent {
            stream.write_all(head).await.unwrap();
            assert!(until_end(stream).await.starts_with(b"HTTP/1.1 200 "), "all of them are there");
        }
        Tally { tried: 2 * OF_ONE_ADDRESS as u64, refused: 0 }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_head_of_a_handshake() {
    under_attack("head of a handshake", 8, UNHURRIED, async |server| {
        let attempts = (0..60).map(async |_| {
            let mut stream = TcpStream::connect(server.authority()).await.unwrap();
            stream.write_all(b"GET /api/websocket/connect HTTP/1.1\r\nx: ").await.unwrap();
            let mut sent = 0;
            // A server that reads no more is an end as well.
            while sent < 1 << 20 && stream.write_all(&[b'x'; 16 * 1024]).await.is_ok() {
                sent += 16 * 1024;
            }
            let answer = until_end(&mut stream).await;
            answer.is_empty() || answer.starts_with(b"HTTP/1.1 431 ")
        });
        let refused = Tally::of(join_all(attempts).await);
        assert_eq!(refused.tried, refused.refused);
        Client::connect(&server.url).await.close_code().await;
        refused
    })
    .await;
}

//! Who has not shown a token yet: how many, how long, and what they may send.

use std::time::Duration;

use futures::future::join_all;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{Client, john};
use crate::under_attack::wire::until_end;
use crate::under_attack::{Tally, UNHURRIED, process, under_attack};

/// Connections without a token that the server holds at once, and as many more of its own files as open and close by
/// themselves.
const NEWCOMERS: usize = 1_024;
const OTHER_FILES: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn newcomers_and_the_time_of_a_handshake() {
    process::raise_own_file_limit();
    under_attack("newcomers, and the time of a handshake", 40, UNHURRIED, async |server| {
        let before = process::open_files(server);
        let mut silent = JoinSet::new();
        for _ in 0..2_000 {
            let authority = server.authority().to_owned();
            silent.spawn(async move {
                let mut stream = TcpStream::connect(authority).await.unwrap();
                stream.write_all(b"GET /api/websocket/connect?token=").await.unwrap();
                until_end(&mut stream).await
            });
        }
        // For as long as the first of them are held.
        let mut most = 0;
        for _ in 0..60 {
            most = most.max(process::open_files(server));
            sleep(Duration::from_millis(50)).await;
        }
        let bound = before + NEWCOMERS + OTHER_FILES;
        assert!(most <= bound, "{most} files are open, and {bound} may be");
        // They are left when their time is up, and who came after them has waited for no longer.
        for _ in 0..NEWCOMERS {
            assert!(silent.join_next().await.unwrap().unwrap().is_empty());
        }
        silent.shutdown().await;
        server.connect(&john()).await.nothing_heard().await;
        Tally { tried: 2_000, refused: NEWCOMERS as u64 }
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

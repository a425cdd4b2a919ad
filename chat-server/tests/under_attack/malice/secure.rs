//! Attacks on a TLS server before and during the TLS handshake.

use std::time::Duration;

use server_test_support::tls::Authority;
use server_test_support::{create, jane, john, send};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, split};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_rustls::rustls::ClientConnection;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::harness::{Tally, UNHURRIED, hear_until, process};

/// Of each kind.
const ATTEMPTS: usize = 100;

/// Files that the server opens and closes by itself.
const OWN_FILES: usize = 4;

pub async fn handshakes(name: &str) {
    let dir = tempfile::tempdir().unwrap();
    let authority = Authority::new(dir.path());
    let server = authority.serve(UNHURRIED);
    let mut jane = authority.connect(&server, &jane()).await;
    let mut john = authority.connect(&server, &john()).await;
    let id = create(&mut john, "Meanwhile", "first").await;
    let before = process::open_files(&server);
    let hello = hello(&authority);
    let mut all = JoinSet::new();
    for _ in 0..ATTEMPTS {
        let connect = async || TcpStream::connect(server.authority()).await.unwrap();
        all.spawn(is_ended_while_it_drips(connect().await, hello.clone()));
        all.spawn(is_ended_while_it_drips(connect().await, Vec::new()));
        all.spawn(is_ended(connect().await, vec![0x16; 70_000]));
        // TLS, and then a head without end.
        let head = b"GET /api/websocket/connect HTTP/1.1\r\nx: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy".to_vec();
        all.spawn(is_ended_while_it_drips(authority.reach(&server).await.unwrap(), head));
    }
    let talk = async {
        for number in 0.. {
            let content = format!("message {number}");
            send(&mut john, &id, &content).await;
            hear_until(&mut jane, &id, &content).await;
            sleep(Duration::from_millis(5)).await;
        }
    };
    let outcomes = tokio::select! {
        outcomes = all.join_all() => outcomes,
        () = talk => unreachable!("it goes on for ever"),
    };
    let tally = Tally::of(outcomes);
    assert_eq!(tally.tried, tally.refused);
    process::until_open_files(&server, before + OWN_FILES).await;
    tally.report(name, "");
}

/// The first message of a TLS client.
fn hello(authority: &Authority) -> Vec<u8> {
    let name = ServerName::try_from("localhost").unwrap();
    let mut bytes = Vec::new();
    ClientConnection::new(authority.trusted(), name).unwrap().write_tls(&mut bytes).unwrap();
    bytes
}

/// Sends bytes one by one, then none, for longer than a handshake may take; whether the server ends
/// it meanwhile.
async fn is_ended_while_it_drips(stream: impl AsyncRead + AsyncWrite, bytes: Vec<u8>) -> bool {
    let (mut read, mut write) = split(stream);
    let drip = async {
        for byte in bytes {
            // The reader sees a failed write.
            let _ = write.write_all(&[byte]).await;
            let _ = write.flush().await;
            sleep(Duration::from_millis(250)).await;
        }
        sleep(Duration::from_mins(1)).await;
    };
    let mut heard = Vec::new();
    tokio::select! {
        // A reset is an end too.
        _ = read.read_to_end(&mut heard) => true,
        () = drip => false,
    }
}

/// Sends all at once; whether the server ends it.
async fn is_ended(mut stream: TcpStream, bytes: Vec<u8>) -> bool {
    let _reset = stream.write_all(&bytes).await;
    is_ended_while_it_drips(stream, Vec::new()).await
}

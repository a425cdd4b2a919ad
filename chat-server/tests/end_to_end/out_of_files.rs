//! A server that may open no more files.

use std::process::Command;
use std::time::Duration;

use server_test_support::program::without_settings;
use server_test_support::{Client, Server, john, token};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Patience for a connection. Reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn silent_connections_leave_files_for_a_client() {
    let dir = tempfile::tempdir().unwrap();
    let mut shell = without_settings(Command::new("sh"));
    shell.args(["-c", r#"ulimit -n 48 && exec "$0" "$@""#, env!("CARGO_BIN_EXE_chat-server")]);
    let server = Server::spawn(shell, dir.path(), &[]);
    let mut witness = server.connect(&john()).await;
    let mut idle = Vec::new();
    for _ in 0..64 {
        idle.push(TcpStream::connect(server.authority()).await.unwrap());
    }
    witness.nothing_heard().await;
    let url = format!("{}?token={}", server.url, token(&john()));
    let late = timeout(PATIENCE, Client::connect(&url));
    late.await.expect("a file is left for a client with a token").nothing_heard().await;
    drop(idle);
    let (status, log, _) = server.stop().await;
    assert!(status.success() && log.contains("connections without a token were closed"), "{log}");
}

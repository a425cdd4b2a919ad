//! Health checks of a load balancer or a supervisor.

use std::time::Duration;

use server_test_support::Server;
use server_test_support::http::{ask, probe};
use server_test_support::program::program;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

#[tokio::test]
async fn a_server_that_serves_lives_and_is_ready() {
    let server = Server::start();
    assert_eq!(probe(&server, "/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(probe(&server, "/readyz").await, (200, "ready\n".to_owned()));
    let head = ask(&server, "HEAD /readyz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!((head.header("cache-control"), head.header("connection")), (Some("no-store"), Some("close")));
    let post = ask(&server, "POST /livez HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("get, head")));
}

/// A pipe in the place of a file holds the opening of the store up.
#[tokio::test]
async fn a_server_whose_store_is_being_opened_lives_and_is_not_ready() {
    let dir = tempfile::tempdir().unwrap();
    let pipe = dir.path().join("data/state");
    assert!(Server::start_in(dir.path(), &[]).stop().await.0.success());
    std::fs::remove_file(&pipe).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let mut command = program();
    command.arg("--data-dir").arg(dir.path().join("data")).args(["--listen", &free.to_string()]);
    let _starting = tokio::process::Command::from(command).kill_on_drop(true).spawn().unwrap();
    let held = spawn_blocking(move || std::fs::File::options().write(true).open(pipe));
    let _held = held.await.unwrap().unwrap();
    let answer = async |path: &str| {
        let mut stream = TcpStream::connect(free).await.unwrap();
        stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = String::new();
        let read = timeout(Duration::from_mins(1), stream.read_to_string(&mut answer)).await;
        read.expect("it answers").unwrap();
        answer
    };
    let (lives, ready) = (answer("/livez").await, answer("/readyz").await);
    assert!(lives.starts_with("HTTP/1.1 200") && lives.ends_with("alive\n"), "{lives}");
    assert!(ready.starts_with("HTTP/1.1 503") && ready.contains("not ready: the index"), "{ready}");
}

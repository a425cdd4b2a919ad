//! Access to the administrative API, and its limits.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

use rustix::process::Signal;
use serde_json::json;
use server_test_support::http::Answer;
use server_test_support::program::{program, without_settings};
use server_test_support::{SECRET, Server, john, until};
use tokio::net::TcpStream;

use crate::administration::asking::{ask, ask_over, socket_in};

const TOKEN: &str = "the token of those who administer it";

/// The error of a server that does not start in this directory.
fn refusal(dir: &Path, flags: &[&str]) -> String {
    let data = dir.join("data");
    let output = program()
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()])
        .args(flags)
        .env("CHAT_JWT_SECRET", SECRET)
        .output()
        .unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn the_socket_tells_its_owner_alone_what_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let socket = socket_in(dir.path());
    assert_eq!(socket.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    let answer = ask(dir.path(), "GET", "/", "").await;
    assert_eq!((answer.status, &answer.json()["version"]), (200, &json!(env!("CARGO_PKG_VERSION"))));
    assert!(answer.json()["uptime_seconds"].is_u64(), "{answer:?}");
    assert_eq!(answer.json()["routes"][0]["path"], "/");
    server.stop().await;
    assert!(!socket.exists());
}

#[tokio::test]
async fn health_is_told_at_the_socket_whatever_the_public_port_does() {
    let dir = tempfile::tempdir().unwrap();
    // Fewer files than silent connections: the public port uses up all that it may.
    let mut shell = without_settings(Command::new("sh"));
    shell.args(["-c", r#"ulimit -n 48 && exec "$0" "$@""#, env!("CARGO_BIN_EXE_chat-server")]);
    let server = Server::spawn(shell, dir.path(), &["--drain-seconds", "3600"]);
    let _drained = server.connect(&john()).await;
    let mut silent = Vec::new();
    for _ in 0..64 {
        silent.push(TcpStream::connect(server.authority()).await.unwrap());
    }
    let told = async |path: &str| {
        let answer = ask(dir.path(), "GET", path, "").await;
        (answer.status, answer.body)
    };
    assert_eq!(told("/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(told("/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(ask(dir.path(), "POST", "/livez", "").await.status, 405);
    server.signal(Signal::TERM);
    until("the socket tells of the stop", async || told("/readyz").await.0 != 200).await;
    assert_eq!(told("/readyz").await, (503, "not ready: the server is stopping\n".to_owned()));
    assert_eq!(told("/livez").await, (200, "alive\n".to_owned()));
    server.kill().await;
}

#[tokio::test]
async fn a_socket_that_a_killed_server_left_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    Server::start_in(dir.path(), &[]).kill().await;
    assert!(socket_in(dir.path()).exists());
    let _server = Server::start_in(dir.path(), &[]);
    assert_eq!(ask(dir.path(), "GET", "/", "").await.status, 200);
}

#[tokio::test]
async fn what_is_asked_for_wrongly_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let _server = Server::start_in(dir.path(), &[]);
    let refused = |answer: &Answer| (answer.status, answer.json()["error"].as_str().unwrap().to_owned());
    let nothing = ask(dir.path(), "GET", "/nothing", "").await;
    assert_eq!(refused(&nothing), (404, "there is nothing here: GET / lists what there is".to_owned()));
    let post = ask(dir.path(), "POST", "/", "").await;
    assert_eq!(refused(&post), (405, "ask with GET".to_owned()));
    assert!(post.head.contains("\nallow: get\n"), "{post:?}");
    let long = ask(dir.path(), "GET", "/", &"x".repeat(1024 * 1024 + 1)).await;
    assert_eq!(long.status, 413, "{long:?}");
    let long_head = "x".repeat(64 * 1024);
    assert_eq!(ask(dir.path(), "GET", &format!("/?{long_head}"), "").await.status, 431);
}

#[tokio::test]
async fn over_tcp_a_token_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, format!("{TOKEN}\n")).unwrap();
    // Nothing says where port 0 led but the log, which ends with the server.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let flags = ["--admin-listen", &port.to_string(), "--admin-token-file", file.to_str().unwrap()];
    let server = Server::start_in(dir.path(), &flags);
    let ask =
        async |head: String| ask_over(TcpStream::connect(port).await.unwrap(), "GET", "/", &head, "").await;
    assert_eq!(ask(format!("authorization: Bearer {TOKEN}\r\n")).await.status, 200);
    let wrong = format!("{}x", &TOKEN[..TOKEN.len() - 1]);
    for head in [
        String::new(),
        format!("authorization: Bearer {wrong}\r\n"),
        format!("authorization: Bearer {}\r\n", &TOKEN[1..]),
        format!("authorization: Basic {TOKEN}\r\n"),
        format!("authorization: Bearer {SECRET}\r\n"),
    ] {
        let answer = ask(head).await;
        assert_eq!(answer.status, 401, "{answer:?}");
        assert!(answer.head.contains("\nwww-authenticate: bearer\n") && !answer.body.contains("version"));
    }
    let (_, log, _) = server.stop().await;
    assert!(!log.contains(TOKEN), "{log}");
}

#[tokio::test]
async fn a_token_for_reading_changes_nothing() {
    const READ: &str = "the token of those who only look at it";
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, READ).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let flags = ["--admin-listen", &port.to_string(), "--admin-read-token-file", file.to_str().unwrap()];
    let _server = Server::start_in(dir.path(), &flags);
    let head = format!("authorization: Bearer {READ}\r\n");
    for (method, path, head, status) in [
        ("GET", "/metrics", &*head, 200),
        ("GET", "/users", &head, 200),
        ("GET", "/metrics", "", 401),
        ("POST", "/users/deactivate", &head, 403),
        ("POST", "/backup", &head, 403),
        ("HEAD", "/metrics", &head, 403),
    ] {
        let answer = ask_over(TcpStream::connect(port).await.unwrap(), method, path, head, "{}").await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
    }
}

#[tokio::test]
async fn strangers_at_the_port_keep_nobody_from_the_socket() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    fs::write(&file, TOKEN).unwrap();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let flags = ["--admin-listen", &port.to_string(), "--admin-token-file", file.to_str().unwrap()];
    let _server = Server::start_in(dir.path(), &flags);
    let mut strangers = Vec::new();
    for _ in 0..64 {
        strangers.push(TcpStream::connect(port).await.unwrap());
    }
    for _ in 0..3 {
        assert_eq!(ask(dir.path(), "GET", "/", "").await.status, 200);
    }
    for stranger in &strangers {
        let read = stranger.try_read(&mut [0]);
        assert!(read.is_err(), "who came by the socket waited until strangers were gone: {read:?}");
    }
}

#[test]
fn a_server_that_administrators_could_not_reach_safely_does_not_start() {
    let dir = tempfile::tempdir().unwrap();
    let short = dir.path().join("short");
    fs::write(&short, "short").unwrap();
    let short = short.to_str().unwrap();
    let tcp = ["--admin-listen", "127.0.0.1:0"];
    assert!(refusal(dir.path(), &tcp).contains("without a token: give --admin-token-file"));
    let with_short = refusal(dir.path(), &[&tcp[..], &["--admin-token-file", short]].concat());
    assert!(with_short.contains("has 5 bytes, and a secret needs at least 32"), "{with_short}");

    let file = refusal(dir.path(), &["--admin-socket", short]);
    assert!(file.contains("something else is there already"), "{file}");
    let elsewhere = dir.path().join("other.sock");
    let _other = UnixListener::bind(&elsewhere).unwrap();
    let in_use = refusal(dir.path(), &["--admin-socket", elsewhere.to_str().unwrap()]);
    assert!(in_use.contains("another server answers on the administrative socket"), "{in_use}");
}

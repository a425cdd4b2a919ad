//! A server that is told to stop, and has its clients move by and by.

use std::time::Duration;

use async_tungstenite::tungstenite::Message;
use chat_core::protocol::{Role, User};
use rustix::process::Signal;
use serde_json::json;
use server_test_support::http::{ask, probe};
use server_test_support::{Client, Server, conversation, jane, john, token, until};
use tokio::time::timeout;

const FLAGS: [&str; 4] = ["--messages-per-second", "0", "--drain-seconds", "3"];

/// The head of a request for a WebSocket.
fn opening() -> String {
    format!(
        "GET /api/websocket/connect?token={} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        token(&john())
    )
}

/// Waits until the server's health tells of the stop.
async fn until_draining(server: &Server) {
    until("the server stops", async || probe(server, "/readyz").await.0 != 200).await;
}

#[tokio::test]
async fn clients_are_told_in_batches_while_the_others_talk_on() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &FLAGS);
    // The oldest connections are told first. The busy ones are the newest here, and are among the
    // last.
    let mut idle = Vec::new();
    for number in 0..12 {
        idle.push(server.connect(&User::new(format!("user_{number}").as_str(), Role::BusDriver)).await);
    }
    let (mut john_, _jane, id) = conversation(&server).await;
    server.signal(Signal::TERM);
    let first = idle.remove(0).close_code().await;
    assert_eq!(first, Some(1001));
    let told = async {
        for mut client in idle {
            assert_eq!(client.close_code().await, Some(1001));
        }
    };
    let ((), acknowledged) = futures::join!(told, talk(&mut john_, &id));
    assert!(acknowledged > 0, "who is not told yet is served");
    assert_eq!(john_.closed_with, Some(1001));
    let (status, log, _) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");

    let server = Server::start_in(dir.path(), &FLAGS);
    let mut jane_ = server.connect(&jane()).await;
    let history = jane_.request("get_conversation_messages", json!({"conversation_id": id})).await;
    assert_eq!(history["last_seq"], json!(1 + acknowledged), "what was taken was answered, and kept");
}

/// Says one thing after another until the connection is closed; gives how much of it was
/// acknowledged.
async fn talk(client: &mut Client, conversation: &str) -> u64 {
    let data = json!({"conversation_id": conversation, "content": "still here"});
    let request = json!({"type": "send_chat_message", "data": data}).to_string();
    let mut acknowledged = 0;
    while client.try_send(Message::text(request.clone())).await.is_ok() {
        loop {
            let Some(frame) = client.frame().await else { return acknowledged };
            if frame.get("success") == Some(&json!(true)) {
                acknowledged += 1;
                break;
            }
        }
    }
    client.closed_with = client.close_code().await;
    acknowledged
}

#[tokio::test]
async fn meanwhile_nobody_is_let_in_and_probes_are_answered() {
    let server = Server::start_with(&FLAGS);
    let _last = server.connect(&john()).await;
    server.signal(Signal::TERM);
    until_draining(&server).await;
    assert_eq!(probe(&server, "/livez").await, (200, "alive\n".to_owned()));
    assert_eq!(probe(&server, "/readyz").await, (503, "not ready: the server is stopping\n".to_owned()));
    let refused = ask(&server, &opening()).await;
    assert_eq!(
        (refused.status, refused.body.as_str()),
        (503, "the server is stopping, connect again later\n")
    );
    let (status, log, _) = server.ended().await;
    assert_eq!(status.code(), Some(0), "{log}");
}

#[tokio::test]
async fn who_has_not_asked_yet_when_it_begins_is_told_to_come_back() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Server::start_with(&FLAGS);
    let mut early = tokio::net::TcpStream::connect(server.authority()).await.unwrap();
    early.write_all(b"GET /api").await.unwrap();
    server.signal(Signal::TERM);
    until_draining(&server).await;
    early.write_all(&opening().as_bytes()["GET /api".len()..]).await.unwrap();
    let mut answer = String::new();
    early.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
}

#[tokio::test]
async fn a_client_that_is_told_and_stays_holds_nothing_up() {
    let server = Server::start_with(&FLAGS);
    let silent = Client::connect(&format!("{}?token={}", server.url, token(&john()))).await;
    let (status, log, _) = timeout(Duration::from_secs(30), server.stop()).await.expect("it ends");
    assert_eq!(status.code(), Some(0), "{log}");
    drop(silent);
}

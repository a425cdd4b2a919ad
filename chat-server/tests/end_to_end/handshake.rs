//! The HTTP side of connecting.

use serde_json::json;
use server_test_support::{Client, Server, john, token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

async fn answer(server: &Server, request: &str) -> String {
    let mut stream = TcpStream::connect(server.authority()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn what_is_no_websocket_is_refused_in_http() {
    let server = Server::start();
    for (request, status) in [
        ("GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", "404"),
        ("GET /api/websocket/connect HTTP/1.1\r\nhost: x\r\n\r\n", "426"),
        ("POST /api/websocket/connect HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", "405"),
        (
            "GET /api/websocket/connect HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 8\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            "426",
        ),
        (
            "GET /api/websocket/connect HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\n\r\n",
            "400",
        ),
    ] {
        let answer = answer(&server, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}{answer}");
    }
}

#[tokio::test]
async fn frames_may_follow_the_request_at_once() {
    let server = Server::start();
    let mut stream = TcpStream::connect(server.authority()).await.unwrap();
    let request = format!(
        "GET /api/websocket/connect?token={} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        token(&john())
    );
    let mut bytes = request.into_bytes();
    bytes.extend([0x81, 0x82, 0, 0, 0, 0, b'{', b'}']);
    stream.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    while !String::from_utf8_lossy(&answer).contains("missing_parameter") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "{}", String::from_utf8_lossy(&answer));
    }
}

#[tokio::test]
async fn a_full_server_says_when_to_come_back() {
    let server = Server::start_with(&["--max-connections", "1"]);
    let first = server.connect(&john()).await;
    let mut second = server.connect(&john()).await;
    assert_eq!(second.close_code().await, Some(1013));
    first.close().await;
    // The place is free once the server has seen the goodbye through.
    loop {
        let mut third = server.connect(&john()).await;
        third.send_text(json!({"type": "get_active_conversations"}).to_string()).await;
        if third.frame().await.is_some() {
            break;
        }
    }
}

#[tokio::test]
async fn a_heartbeat_out_of_range_is_no_reason_to_refuse() {
    let server = Server::start();
    for heartbeat in ["0", "25", "300", "100000", "soon"] {
        let url = format!("{}?heartbeat={heartbeat}&token={}", server.url, token(&john()));
        Client::connect(&url).await.nothing_heard().await;
    }
}

//! Successful connections, and the server's view of them.

use std::time::Duration;

use async_tungstenite::tungstenite::Message;
use chat_client::transport::{Attempt, Connector as _, ProgressReport};
use chat_client::websocket::WebSocket;
use chat_core::frame::Frame;
use chat_core::protocol::CloseCode;
use futures::{SinkExt as _, StreamExt as _};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use crate::server::{TOKEN, accept, accept_key, attempt, connected, head, listen};

#[tokio::test]
async fn the_server_is_told_token_and_heartbeat() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // By name: all its addresses are tried.
    let mut connector = WebSocket::new(&format!("ws://localhost:{port}/api/connect?tenant=7")).unwrap();
    let attempt = Attempt {
        token: TOKEN.into(),
        heartbeat: Duration::from_mins(4),
        progress: ProgressReport::default(),
    };
    let serve = async { accept(listener.accept().await.unwrap().0).await.1 };
    let (client, request) = futures::join!(connector.connect(attempt), serve);
    client.unwrap();
    assert_eq!(request.uri().to_string(), "/api/connect?tenant=7&heartbeat=240");
    assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(request.headers()["host"], format!("localhost:{port}"));
}

#[tokio::test]
async fn frames_go_both_ways_and_a_long_reply_fits() {
    let (mut client, mut server) = connected().await;
    client.send(Frame::Text("é".into())).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text("é"));

    let list = "x".repeat(48 * 1024 * 1024);
    // A failed client hangs up, and the server stops waiting.
    let receive = async move { client.next().await };
    let (sent, received) = futures::join!(server.send(Message::text(list.clone())), receive);
    let Some(Ok(Frame::Text(received))) = received else { panic!("{received:?}") };
    sent.unwrap();
    assert!(received == list, "{} bytes", received.len());
}

#[tokio::test]
async fn a_frame_on_the_heels_of_the_handshake_is_read() {
    let (listener, mut connector) = listen().await;
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let accept = accept_key(&head(&mut stream).await);
        let answer = format!(
            "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n\
             sec-websocket-accept: {accept}\r\n\r\n\u{1}"
        );
        // The response in two pieces, the second with the first byte of a frame.
        let mut answer = answer.into_bytes();
        *answer.last_mut().unwrap() = 0x81;
        let (one, two) = answer.split_at(40);
        stream.write_all(one).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
        stream.write_all(two).await.unwrap();
        stream.write_all(b"\x05early").await.unwrap();
        stream
    };
    let (client, _stream) = futures::join!(connector.connect(attempt()), serve);
    assert_eq!(client.unwrap().next().await, Some(Ok(Frame::Text("early".into()))));
}

/// Each is allowed by RFC 9110 (sections 5.3, 5.6.1 and 15.2) or RFC 6455 (section 4.1).
#[tokio::test]
async fn every_answer_that_http_allows_opens_the_connection() {
    let usual =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n".to_owned();
    let all = [
        "HTTP/1.1 101 X\r\nConnection: keep-alive\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            .to_owned(),
        "HTTP/1.1 101 X\r\nConnection: keep-alive, UPGRADE\r\nUpgrade: websocket\r\n".to_owned(),
        "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUPGRADE: h2c, WebSocket\r\n".to_owned(),
        "HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: h2c\r\nUpgrade: WebSocket\r\n".to_owned(),
        "HTTP/1.1 101 \r\nCONNECTION: ,UPGRADE,\r\nuPgrade: WebSocket\r\n".to_owned(),
        format!("HTTP/1.1 100 Continue\r\n\r\n{usual}"),
        format!("HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n{usual}"),
        format!("{usual}Sec-WebSocket-Protocol:\r\nSec-WebSocket-Extensions: ,\r\n"),
    ];
    for head_of_answer in all {
        let (listener, mut connector) = listen().await;
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let accept = accept_key(&head(&mut stream).await);
            let answer = format!("{head_of_answer}Sec-WebSocket-Accept: {accept}\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.write_all(b"\x81\x05early").await.unwrap();
            stream
        };
        let (client, _stream) = futures::join!(connector.connect(attempt()), serve);
        let mut client = client.unwrap_or_else(|failure| panic!("{failure}: {head_of_answer}"));
        assert_eq!(client.next().await, Some(Ok(Frame::Text("early".into()))), "{head_of_answer}");
    }
}

#[tokio::test]
async fn a_close_goes_out_after_the_last_frame_and_is_answered() {
    let (mut client, mut server) = connected().await;
    let close = async {
        client.feed(Frame::Text("last".into())).await.unwrap();
        client.feed(Frame::Close(CloseCode::Normal)).await.unwrap();
        client.close().await.unwrap();
        drop(client);
    };
    let serve = async {
        assert_eq!(server.next().await.unwrap().unwrap(), Message::text("last"));
        let Message::Close(Some(close)) = server.next().await.unwrap().unwrap() else { panic!("no close") };
        assert_eq!(u16::from(close.code), 1000);
        assert!(server.next().await.is_none());
        drop(server);
    };
    futures::join!(close, serve);
}

#[tokio::test]
async fn what_is_dropped_ends() {
    let (client, mut server) = connected().await;
    drop(client);
    assert!(server.next().await.unwrap().is_err(), "ended without a goodbye");
}

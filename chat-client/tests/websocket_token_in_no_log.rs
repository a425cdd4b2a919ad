//! What the connector leaves in the log of an app: texts only at `trace`, as the guide says, and the token of the handshake
//! never. A process of its own: the log is the process's.
#![expect(clippy::disallowed_types, reason = "a test has a world")]

use std::fmt::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use chat_client::transport::{Attempt, Connector as _, ProgressReport};
use chat_client::websocket::WebSocket;
use chat_core::frame::Frame;
use futures::{SinkExt as _, StreamExt as _};
use log::{LevelFilter, Log, Metadata, Record};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// Everything that was logged.
struct Everything(Mutex<String>);

static LOG: Everything = Everything(Mutex::new(String::new()));

impl Log for Everything {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        writeln!(*self.0.lock().unwrap(), "{} {}", record.target(), record.args()).unwrap();
    }

    fn flush(&self) {}
}

/// A server without a library, for that would log the request; sends one frame.
async fn serve(listener: TcpListener, token: &str) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.contains(&format!("Authorization: Bearer {token}\r\n")), "{head}");
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    stream.write_all(b"\x81\x06logged").await.unwrap();
    // Until the client has gone.
    while stream.read(&mut [0; 64]).await.unwrap() > 0 {}
}

#[tokio::test]
async fn the_token_of_the_handshake_is_in_no_log_and_a_text_at_trace_alone() {
    let token = "the-token-of-the-handshake";
    log::set_logger(&LOG).unwrap();
    log::set_max_level(LevelFilter::Debug);
    talk(token).await;
    assert!(!LOG.0.lock().unwrap().contains("logged"));
    log::set_max_level(LevelFilter::Trace);
    talk(token).await;
    let log = LOG.0.lock().unwrap();
    assert!(log.contains("logged"), "the log was not heard: {log}");
    assert!(!log.contains(token), "{log}");
}

/// A frame each way.
async fn talk(token: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut connector = WebSocket::new(&format!("ws://{}/", listener.local_addr().unwrap())).unwrap();
    let talk = async {
        let attempt = Attempt {
            token: token.into(),
            heartbeat: Duration::from_secs(25),
            progress: ProgressReport::default(),
        };
        let mut client = connector.connect(attempt).await.unwrap();
        client.send(Frame::Text("hi".into())).await.unwrap();
        assert_eq!(client.next().await, Some(Ok(Frame::Text("logged".into()))));
        drop(client);
    };
    futures::join!(talk, serve(listener, token));
}

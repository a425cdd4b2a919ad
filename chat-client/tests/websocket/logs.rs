//! The connector's traces in an app's log: texts at `trace` only, as the guide says, and the token
//! of the handshake never.
//!
//! The process has one log, and the other tests of this program write to it too. The log of this
//! test keeps only lines with one of its own two strings.

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

/// The token of the handshake.
const TOKEN: &str = "the-token-of-the-handshake";

/// The text of a frame.
const TEXT: &str = "a text that is logged at trace";

/// Every logged line with [`TOKEN`] or [`TEXT`].
struct Lines(Mutex<Vec<String>>);

static LOG: Lines = Lines(Mutex::new(Vec::new()));

impl Log for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = format!("{} {}", record.target(), record.args());
        if line.contains(TOKEN) || line.contains(TEXT) {
            self.0.lock().unwrap().push(line);
        }
    }

    fn flush(&self) {}
}

/// Accepts one client and sends one frame. Written without the WebSocket library, which would log
/// the request.
async fn serve(listener: TcpListener) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.contains(&format!("Authorization: Bearer {TOKEN}\r\n")), "{head}");
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    let accept = derive_accept_key(key.as_bytes());
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
    let length = u8::try_from(TEXT.len()).unwrap();
    stream.write_all(&[&[0x81, length], TEXT.as_bytes()].concat()).await.unwrap();
    // Until the client has gone.
    while stream.read(&mut [0; 64]).await.unwrap() > 0 {}
}

#[tokio::test]
async fn the_token_of_the_handshake_is_in_no_log_and_a_text_at_trace_alone() {
    log::set_logger(&LOG).unwrap();
    log::set_max_level(LevelFilter::Debug);
    talk().await;
    assert_eq!(*LOG.0.lock().unwrap(), [""; 0]);
    log::set_max_level(LevelFilter::Trace);
    talk().await;
    log::set_max_level(LevelFilter::Off);
    let log = LOG.0.lock().unwrap();
    assert!(log.iter().any(|line| line.contains(TEXT)), "the log was not heard");
    assert!(!log.iter().any(|line| line.contains(TOKEN)), "{log:?}");
}

/// A frame each way.
async fn talk() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut connector = WebSocket::new(&format!("ws://{}/", listener.local_addr().unwrap())).unwrap();
    let talk = async {
        let attempt = Attempt {
            token: TOKEN.into(),
            heartbeat: Duration::from_secs(25),
            progress: ProgressReport::default(),
        };
        let mut client = connector.connect(attempt).await.unwrap();
        client.send(Frame::Text("hi".into())).await.unwrap();
        assert_eq!(client.next().await, Some(Ok(Frame::Text(TEXT.into()))));
        drop(client);
    };
    futures::join!(talk, serve(listener));
}

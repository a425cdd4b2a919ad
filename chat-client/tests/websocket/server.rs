//! Servers under a test's control, on a free port.

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{TokioAdapter, accept_hdr_async};
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::handshake::server::{Request, Response};
use chat_client::transport::{Attempt, Connector as _, ProgressReport, TransportError};
use chat_client::websocket::{Socket, WebSocket};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub(crate) const TOKEN: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ1c2VyXzEyMyJ9.c2lnbmF0dXJl";

/// Returns a listener on a free port, and a connector to it.
pub(crate) async fn listen() -> (TcpListener, WebSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let connector = WebSocket::new(&format!("ws://{address}/api/websocket/connect")).unwrap();
    (listener, connector)
}

pub(crate) fn attempt() -> Attempt {
    Attempt { token: TOKEN.into(), heartbeat: Duration::from_secs(25), progress: ProgressReport::default() }
}

/// Accepts the next connection as a WebSocket, and returns its request.
#[expect(clippy::result_large_err, reason = "the callback's type is the library's")]
pub(crate) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
) -> (WebSocketStream<TokioAdapter<S>>, Request) {
    let mut seen = None;
    let keep = |request: &Request, response: Response| {
        seen = Some(request.clone());
        Ok(response)
    };
    let socket = accept_hdr_async(stream, keep).await.unwrap();
    (socket, seen.unwrap())
}

/// Returns both ends of a connection.
pub(crate) async fn connected() -> (Socket<TcpStream>, WebSocketStream<TokioAdapter<TcpStream>>) {
    let (listener, mut connector) = listen().await;
    let serve = async { accept(listener.accept().await.unwrap().0).await.0 };
    let (client, server) = futures::join!(connector.connect(attempt()), serve);
    (client.unwrap(), server)
}

/// Reads the head of a request.
pub(crate) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Returns the `Sec-WebSocket-Accept` for this request.
pub(crate) fn accept_key(head: &str) -> String {
    let key = head.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: ")).unwrap();
    derive_accept_key(key.as_bytes())
}

/// Returns the client's error, if the server answers the handshake with these bytes, made from the
/// request, and hangs up.
pub(crate) async fn failure_after(answer: impl FnOnce(&str) -> Vec<u8>) -> TransportError {
    let (listener, mut connector) = listen().await;
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let answer = answer(&head(&mut stream).await);
        stream.write_all(&answer).await.unwrap();
        stream.shutdown().await.unwrap();
        stream
    };
    let (client, _) = futures::join!(connector.connect(attempt()), serve);
    client.expect_err("a failure")
}

//! A client without any knowledge but JSON.

use std::collections::VecDeque;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tokio::{TokioAdapter, client_async};
use async_tungstenite::tungstenite::client::IntoClientRequest;
use async_tungstenite::tungstenite::handshake::client::Response;
use async_tungstenite::tungstenite::{Error, Message};
use futures::StreamExt as _;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest wait for an expected frame. Reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The stream under a connection: TCP, or TLS over TCP.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Wire for S {}

/// One connection.
pub struct Client {
    socket: WebSocketStream<TokioAdapter<Box<dyn Wire>>>,
    /// Events that came before an awaited reply.
    events: VecDeque<Value>,
    requests: u64,
    /// The code of the close frame, once [`frame`](Self::frame) has met it.
    pub closed_with: Option<u16>,
}

impl Client {
    /// Connects, with the token in the address.
    pub async fn connect(url: &str) -> Self {
        Self::open(url).await.unwrap().0
    }

    /// Connects by any request; gives the answer to the handshake too.
    pub async fn open(request: impl IntoClientRequest) -> Result<(Self, Response), Error> {
        let request = request.into_client_request()?;
        let stream = TcpStream::connect(request.uri().authority().unwrap().as_str()).await?;
        Self::open_over(request, stream).await
    }

    /// The same over a connected stream.
    pub async fn open_over(
        request: impl IntoClientRequest + Unpin,
        stream: TcpStream,
    ) -> Result<(Self, Response), Error> {
        stream.set_nodelay(true)?;
        Self::open_by(request, Box::new(stream)).await
    }

    /// The same over anything.
    pub async fn open_by(
        request: impl IntoClientRequest + Unpin,
        wire: Box<dyn Wire>,
    ) -> Result<(Self, Response), Error> {
        let (socket, answer) = client_async(request, wire).await?;
        Ok((Self { socket, events: VecDeque::new(), requests: 0, closed_with: None }, answer))
    }

    /// Sends any text.
    pub async fn send_text(&mut self, text: impl Into<String>) {
        self.send(Message::text(text.into())).await;
    }

    /// Sends any message.
    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.unwrap();
    }

    /// Sends a message, if the connection still stands.
    pub async fn try_send(&mut self, message: Message) -> Result<(), Error> {
        self.socket.send(message).await
    }

    /// Sends bytes around the WebSocket.
    pub async fn send_raw(&mut self, bytes: &[u8]) {
        use tokio::io::AsyncWriteExt as _;
        self.socket.get_mut().get_mut().write_all(bytes).await.unwrap();
    }

    /// The next JSON frame, reply or event, or `None` if the connection ended.
    pub async fn frame(&mut self) -> Option<Value> {
        Some(serde_json::from_str(&self.frame_text().await?).expect("frames are JSON"))
    }

    /// The same as text.
    pub async fn frame_text(&mut self) -> Option<String> {
        // One limit for the whole wait: pings alone would extend it for ever.
        timeout(PATIENCE, self.next_text()).await.expect("a frame must come")
    }

    async fn next_text(&mut self) -> Option<String> {
        loop {
            match self.socket.next().await?.ok()? {
                Message::Text(text) => return Some(text.to_string()),
                Message::Close(close) => {
                    self.closed_with = close.map(|close| close.code.into());
                    return None;
                }
                _ => {}
            }
        }
    }

    /// Collects all frames to the end of the connection, however long it takes.
    pub async fn collect(&mut self, frames: &mut Vec<Value>) {
        while let Some(frame) = self.next_text().await {
            frames.push(serde_json::from_str(&frame).expect("frames are JSON"));
        }
    }

    /// The next reply. Events on the way are kept.
    pub async fn reply(&mut self) -> Value {
        loop {
            let frame = self.frame().await.expect("a reply must come");
            if frame.get("type").is_none() {
                return frame;
            }
            self.events.push_back(frame);
        }
    }

    /// Asks, and returns the reply. Checks and removes its `request_id`.
    pub async fn request(&mut self, kind: &str, data: Value) -> Value {
        self.requests += 1;
        self.send_text(json!({"type": kind, "data": data, "request_id": self.requests}).to_string()).await;
        let mut reply = self.reply().await;
        let request_id = reply.as_object_mut().unwrap().remove("request_id");
        assert_eq!(request_id, Some(json!(self.requests)), "{reply}");
        reply
    }

    /// Asks in the form of the protocol document, and returns the reply.
    pub async fn plain_request(&mut self, kind: &str, data: Value) -> Value {
        self.send_text(json!({"type": kind, "data": data}).to_string()).await;
        self.reply().await
    }

    /// Sends a request that must be refused, and returns the code.
    pub async fn refused(&mut self, kind: &str, data: Value) -> String {
        let reply = self.request(kind, data).await;
        assert_eq!(reply["success"], json!(false), "{reply}");
        assert!(reply["error"].is_string(), "{reply}");
        reply["code"].as_str().unwrap().to_owned()
    }

    /// The next event, which must be of this type.
    pub async fn event(&mut self, kind: &str) -> Value {
        let event = match self.events.pop_front() {
            Some(event) => event,
            None => self.frame().await.expect("an event must come"),
        };
        assert_eq!(event["type"], json!(kind), "{event}");
        event
    }

    /// Asserts that no event came: sends a request, and finds no event before the reply.
    pub async fn nothing_heard(&mut self) {
        self.request("get_active_conversations", json!({})).await;
        assert!(self.events.is_empty(), "{:?}", self.events);
    }

    /// Reads to the end of the connection; gives the code of the close frame, if there was one.
    pub async fn close_code(&mut self) -> Option<u16> {
        timeout(PATIENCE, self.next_close()).await.expect("the connection must end")
    }

    async fn next_close(&mut self) -> Option<u16> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Close(close))) => return close.map(|close| close.code.into()),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return None,
            }
        }
    }

    /// Says goodbye.
    pub async fn close(mut self) {
        self.socket.close(None).await.unwrap();
        self.close_code().await;
    }
}

//! An HTTP client that sends its input unchanged.

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::Server;

/// The server's answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// The lines of the head, in small letters.
    pub head: String,
    pub body: String,
}

impl Answer {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }
}

/// Asks whether the server lives, or is ready.
pub async fn probe(server: &Server, path: &str) -> (u16, String) {
    let answer = ask(server, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
    (answer.status, answer.body)
}

/// Sends a request unchanged and reads to the end of the connection.
pub async fn ask(server: &Server, request: &str) -> Answer {
    ask_over(TcpStream::connect(server.authority()).await.unwrap(), request).await
}

/// The same over any stream.
pub async fn ask_over(mut stream: impl AsyncRead + AsyncWrite + Unpin, request: &str) -> Answer {
    // A long request may be refused, and its connection closed, before the end of the write.
    let _closed = stream.write_all(request.as_bytes()).await;
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {answer:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    Answer { status: status.unwrap(), head: head.to_lowercase().replace("\r\n", "\n"), body: body.to_owned() }
}

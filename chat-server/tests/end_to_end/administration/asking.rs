//! An HTTP client of the administrative API.

use std::path::{Path, PathBuf};

use server_test_support::http::{self, Answer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;

/// The socket of a server that runs in this directory.
pub fn socket_in(dir: &Path) -> PathBuf {
    dir.join("data/admin.sock")
}

/// Asks a server that runs in this directory.
pub async fn ask(dir: &Path, method: &str, path: &str, body: &str) -> Answer {
    let stream = UnixStream::connect(socket_in(dir)).await.unwrap();
    ask_over(stream, method, path, "", body).await
}

/// Asks over any stream, with more lines of the head.
pub async fn ask_over<S>(stream: S, method: &str, path: &str, head: &str, body: &str) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n{head}");
    http::ask_over(stream, &format!("{head}\r\n{body}")).await
}

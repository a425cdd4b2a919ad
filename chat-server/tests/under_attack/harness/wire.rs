//! Frames and requests that no WebSocket library would send.

use std::time::Duration;

use chat_core::protocol::{Role, User};
use serde_json::{Value, json};
use server_test_support::{Client, Server, token};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

/// How long to wait for the end of a connection. Reached only when a test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The first byte of a frame: the last of its message, and a text.
pub const TEXT: u8 = 0x81;
/// Not the last of its message.
pub const TEXT_BEGINS: u8 = 0x01;
/// More of a message, not the last.
pub const GOES_ON: u8 = 0x00;
/// The last of a message in several frames.
pub const ENDS: u8 = 0x80;
/// A ping.
pub const PING: u8 = 0x89;
/// The bit that `permessage-deflate` marks a compressed message with.
pub const COMPRESSED: u8 = 0x40;

/// A frame as a client must send it, masked with zeros.
pub fn frame(first_byte: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = header(first_byte, payload.len() as u64);
    frame.extend(payload);
    frame
}

/// The head of a frame of this length.
pub fn header(first_byte: u8, length: u64) -> Vec<u8> {
    let mut header = vec![first_byte];
    if let Ok(short @ ..126) = u8::try_from(length) {
        header.push(0x80 | short);
    } else {
        header.push(0x80 | 127);
        header.extend(length.to_be_bytes());
    }
    header.extend([0; 4]);
    header
}

/// A request as text.
pub fn request(kind: &str, data: &Value) -> String {
    json!({"type": kind, "data": data}).to_string()
}

/// A user that no other test knows.
pub fn nobody_known(number: usize) -> User {
    User::new(format!("user_{number}").as_str(), Role::BusDriver)
}

/// A client with small socket buffers: the system takes only a few KiB before the client reads.
pub async fn connect_narrow(server: &Server, user: &User) -> Client {
    let url = format!("{}?token={}", server.url, token(user));
    Client::open_over(url, narrow(server).await).await.unwrap().0
}

async fn narrow(server: &Server) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(server.authority().parse().unwrap()).await.unwrap()
}

/// The head of a request that opens a WebSocket, with this behind `?`.
pub fn opening(query: &str) -> String {
    format!(
        "GET /api/websocket/connect?{query} HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
         upgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
}

/// Opens a WebSocket and leaves it to itself: nothing answers a ping.
pub async fn connect_mute(server: &Server, user: &User, more: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.authority()).await.unwrap();
    stream.write_all(opening(&format!("token={}{more}", token(user))).as_bytes()).await.unwrap();
    stream
}

/// Reads until the server ends the connection, in order or not.
pub async fn until_end(stream: &mut TcpStream) -> Vec<u8> {
    let mut sent = Vec::new();
    // A reset is an end too.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut sent)).await.expect("the server must end it");
    sent
}

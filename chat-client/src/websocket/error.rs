//! Errors of a WebSocket in plain words, with the decision whether to reconnect.

use std::io;

use async_tungstenite::tungstenite::error::{Error, ProtocolError};
use async_tungstenite::tungstenite::protocol::CloseFrame;
use chat_core::frame::Frame;
use chat_core::protocol::CloseCode;

use crate::token::Token;
use crate::transport::TransportError;

/// Maximum of quoted characters from a peer: enough to recognise a page, and fit for one line of a
/// log.
const SHOWN: usize = 200;

/// Minimum of the token's characters at a cut end of a text that count as its beginning.
const TELLING: usize = 4;

/// Converts a received close. An unknown code becomes an error.
///
/// A newer server may have more codes. The range of a code tells the remedy (protocol, close
/// codes).
pub(super) fn closed(frame: Option<&CloseFrame>) -> Result<Frame, TransportError> {
    let Some(frame) = frame else {
        return Ok(Frame::Close(CloseCode::Normal));
    };
    let number = u16::from(frame.code);
    if let Some(code) = CloseCode::from_code(number) {
        return Ok(Frame::Close(code));
    }
    let said = quoted(&printable(frame.reason.as_bytes()));
    let reason = format!("the server closed the connection with {number}{said}");
    Err(if (4500..5000).contains(&number) {
        TransportError::refused(reason)
    } else {
        TransportError::network(reason)
    })
}

/// Converts an error of the WebSocket library.
pub(super) fn broken(error: &Error) -> TransportError {
    match error {
        Error::Io(error) => lost(error),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => hung_up(),
        Error::Protocol(ProtocolError::SendAfterClosing) | Error::ConnectionClosed | Error::AlreadyClosed => {
            TransportError::network("the connection is closed")
        }
        Error::Protocol(violation) => {
            TransportError::network(format_args!("the server broke the WebSocket protocol: {violation}"))
        }
        Error::Capacity(_) => TransportError::network("the server sent a message that is too long"),
        // The library's own text quotes the bytes.
        Error::Utf8(_) => TransportError::network("the server sent a text that is not UTF-8"),
        Error::WriteBufferFull(_) => TransportError::network("a frame is too long to be sent"),
        _ => TransportError::network("the WebSocket failed"),
    }
}

/// Converts an error of the stream below.
pub(super) fn lost(error: &io::Error) -> TransportError {
    match error.kind() {
        // The text of rustls is a link to its manual.
        io::ErrorKind::UnexpectedEof => hung_up(),
        _ => TransportError::network(format_args!("the connection broke: {error}")),
    }
}

/// The error of a connection that ended without a close frame.
fn hung_up() -> TransportError {
    TransportError::network("the connection broke: the other side hung up")
}

/// Returns a peer's text as one line of at most [`SHOWN`] characters, without control characters.
pub(super) fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").chars().take(SHOWN).collect()
}

/// Like [`printable`], without the token, because some gateways echo the refused request. The token
/// has been checked: not empty, and ASCII.
pub(super) fn printable_without(bytes: &[u8], token: &Token) -> String {
    let token = token.expose();
    let text = String::from_utf8_lossy(bytes).replace(token, "…");
    // Where the bytes were cut, the token may be cut too.
    let cut = (TELLING..token.len()).rev().find(|length| text.ends_with(&token[..*length]));
    printable(&text.as_bytes()[..text.len() - cut.unwrap_or(0)])
}

/// Quotes the text for the end of a sentence. An empty text gives nothing.
pub(super) fn quoted(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": \"{said}\"") }
}

//! The failures of a connection, and their close codes.

use std::io;

use async_tungstenite::tungstenite::error::{Error, ProtocolError};
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode as RawCode;
use async_tungstenite::tungstenite::{Utf8Bytes, protocol::CloseFrame};
use chat_core::protocol::CloseCode;

use super::close_frame;

/// The reason that a connection failed. Contains nothing of the transferred content.
#[derive(Debug, thiserror::Error)]
pub enum WebSocketError {
    /// A text was not valid UTF-8. Closed with 1007.
    #[error("a text frame held invalid UTF-8")]
    InvalidUtf8,
    /// A frame was too long. Closed with 1009.
    #[error("a frame was longer than the limit")]
    TooLong,
    /// The peer violated the WebSocket protocol. Closed with 1002.
    #[error("the peer broke the WebSocket protocol: {0}")]
    Protocol(ProtocolError),
    /// No sign of life within the heartbeat. Closed with 4012.
    #[error("no sign of life from the peer")]
    Silent,
    /// The peer read nothing for too long, and therefore can't be told.
    #[error("the peer took nothing")]
    Stalled,
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
}

impl WebSocketError {
    /// The close code for metrics. A stalled peer counts as too slow.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Stalled => Some(CloseCode::TooSlow.code()),
            _ => self.last_words().map(|words| words.code.into()),
        }
    }

    /// The close frame to send, if the peer can be told.
    pub(super) fn last_words(&self) -> Option<CloseFrame> {
        match self {
            Self::InvalidUtf8 => Some(close_frame(CloseCode::InvalidUtf8)),
            Self::TooLong => Some(close_frame(CloseCode::FrameTooLong)),
            Self::Silent => Some(close_frame(CloseCode::NoSignOfLife)),
            Self::Protocol(_) => Some(CloseFrame {
                code: RawCode::Protocol,
                reason: Utf8Bytes::from_static("WebSocket protocol error"),
            }),
            Self::Stalled | Self::Broken(_) => None,
        }
    }
}

impl From<Error> for WebSocketError {
    fn from(error: Error) -> Self {
        match error {
            // The error's text quotes the bytes, and must not reach the log.
            Error::Utf8(_) => Self::InvalidUtf8,
            Error::Capacity(_) => Self::TooLong,
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) | Error::ConnectionClosed => {
                Self::Broken(io::ErrorKind::UnexpectedEof.into())
            }
            Error::Protocol(violation) => Self::Protocol(violation),
            Error::Io(error) => Self::Broken(error),
            _ => Self::Broken(io::ErrorKind::NotConnected.into()),
        }
    }
}

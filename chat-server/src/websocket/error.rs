//! What can end a connection from the transport's side, and what the peer is told of it.

use std::io;

use async_tungstenite::tungstenite::error::{Error, ProtocolError};
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode as RawCode;
use async_tungstenite::tungstenite::{Utf8Bytes, protocol::CloseFrame};
use chat_core::protocol::CloseCode;

use super::close_frame;

/// Why a connection failed. Holds nothing of what was sent on it.
#[derive(Debug, thiserror::Error)]
pub enum WebSocketError {
    /// A text was not UTF-8: told by 1007.
    #[error("a text frame held invalid UTF-8")]
    InvalidUtf8,
    /// A frame was too long: told by 1009.
    #[error("a frame was longer than the limit")]
    TooLong,
    /// The peer broke the WebSocket protocol: told by 1002.
    #[error("the peer broke the WebSocket protocol: {0}")]
    Protocol(ProtocolError),
    /// No sign of life within the heartbeat: told by 4012.
    #[error("no sign of life from the peer")]
    Silent,
    /// The peer took nothing for too long. It can't be told.
    #[error("the peer took nothing")]
    Stalled,
    /// The connection broke. Nobody is left to be told.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
}

impl WebSocketError {
    /// The code that the peer is told, if it can be; one who took nothing for too long was too slow a reader.
    pub(crate) fn code(&self) -> Option<u16> {
        match self {
            Self::Stalled => Some(CloseCode::TooSlow.code()),
            _ => self.last_words().map(|words| words.code.into()),
        }
    }

    /// What the peer is told, if it can be.
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
            // Its text quotes the bytes: dropped here, so that no log gets it.
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

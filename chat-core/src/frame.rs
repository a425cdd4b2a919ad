//! The unit carried by a transport.

use bytes::Bytes;

use crate::protocol::CloseCode;

/// One frame of a transport.
///
/// A transport is any `Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E>`: a WebSocket,
/// lines over TCP, a pair of channels. The transport itself handles handshakes, pings, limits on
/// the length of a frame, and peers that take nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// A JSON text of the protocol. Outgoing texts are valid UTF-8; the engine checks incoming
    /// ones.
    Text(Bytes),
    /// A binary frame. The protocol has none, so the engine answers with an error.
    Binary(Bytes),
    /// Several texts, already framed for the transport. Outgoing only, and only for a drive with a
    /// [framing function](crate::drive::Drive::frame_by).
    Framed(Bytes),
    /// The end. An incoming one means that the peer closes. An outgoing one is the last frame,
    /// after which the sink is closed.
    Close(CloseCode),
}

impl Frame {
    /// The number of bytes carried.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) | Self::Framed(bytes) => bytes.len(),
            Self::Close(_) => 0,
        }
    }
}

//! The unit that a transport carries.

use bytes::Bytes;

use crate::protocol::CloseCode;

/// One frame of a transport.
///
/// A transport is anything that is `Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E>`: a WebSocket, lines
/// over TCP, a pair of channels. It keeps what is its own to itself: handshakes, pings, limits on the length of a
/// frame, a peer that takes nothing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Frame {
    /// A JSON text of the protocol. Outgoing ones are valid UTF-8; incoming ones are checked by the engine.
    Text(Bytes),
    /// A binary frame: answered with an error, for the protocol has none.
    Binary(Bytes),
    /// Texts as the transport writes them, one behind the other. Outgoing only, and only where the drive was told [how that
    /// is done](crate::drive::Drive::frame_by).
    Framed(Bytes),
    /// The end. Incoming: the peer closes. Outgoing: the last frame, after which the sink is closed.
    Close(CloseCode),
}

impl Frame {
    /// The bytes of what it carries.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Text(bytes) | Self::Binary(bytes) | Self::Framed(bytes) => bytes.len(),
            Self::Close(_) => 0,
        }
    }
}

//! The transport of frames: any `Stream` and `Sink` of frames.
//!
//! [`join`] makes one transport of two halves. A [`Clock`] is needed on another runtime than tokio.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

pub use chat_core::drive::{Clock, Joined, join};
pub use chat_core::frame::Frame;
use futures::{Sink, Stream};

use crate::retry::Retry;
use crate::token::Token;

/// Opens transports for the client, one at a time.
///
/// The feature `websocket` provides [`WebSocket`](crate::websocket::WebSocket). Other
/// implementations serve other wires and tests, where a pair of channels is enough.
pub trait Connector: Send + 'static {
    /// An open connection. Handshakes, pings and limits on the length of a frame are the
    /// transport's own affair.
    ///
    /// The stream must fail when nothing has come from the peer for [`Attempt::heartbeat`], and at
    /// once when a write fails. After a failed write, the stream must still yield all frames
    /// received before, and then end. Dropping the transport must end the connection. The client
    /// polls the transport from one task, and never the sink without the stream: a peer may refuse
    /// to read until the client has read.
    type Transport: Stream<Item = Result<Frame, TransportError>>
        + Sink<Frame, Error = TransportError>
        + Send
        + Unpin;

    /// Opens a connection. There is no time limit to keep: the client gives up by itself and drops
    /// the future.
    ///
    /// # Errors
    ///
    /// The error says whether another attempt makes sense.
    fn connect(
        &mut self,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Self::Transport, TransportError>> + Send;
}

/// The parameters of an attempt to connect.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// The credential of the user.
    pub token: Token,
    /// The silence after which the connection counts as dead. The transport tells the server, to
    /// keep it from asking more often: waking the radio costs a phone its battery.
    pub heartbeat: Duration,
    /// The function to call when bytes move without completing a frame.
    pub progress: ProgressReport,
}

/// Reports to the client that a connection makes progress: pieces of a long frame over a weak link,
/// or of a handshake.
///
/// The client gives up a reply after 20 s of silence, and not because the reply is long and the
/// link slow. A transport that can't see pieces of frames reports nothing, and each whole frame
/// counts as progress. Reports should come at most once a second, and not for pings or pongs: a
/// server that answers only pings has stopped.
#[derive(Clone, Default)]
pub struct ProgressReport(Option<Arc<dyn Fn() + Send + Sync>>);

impl ProgressReport {
    /// Creates a report that calls this function.
    pub fn to(report: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(report)))
    }

    /// Reports that bytes have moved.
    pub fn made(&self) {
        if let Some(report) = &self.0 {
            report();
        }
    }
}

impl fmt::Debug for ProgressReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProgressReport")
    }
}

/// The error of a failed attempt to connect, or of a lost connection.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct TransportError {
    /// Whether another attempt makes sense.
    pub retry: Retry,
    /// The cause, for people. Never holds the token.
    pub reason: Arc<str>,
}

impl TransportError {
    /// A failure of the network or of something on the way: try again after a pause.
    pub fn network(reason: impl fmt::Display) -> Self {
        Self { retry: Retry::AfterPause(None), reason: reason.to_string().into() }
    }

    /// A refusal: the same attempt would fail again.
    pub fn refused(reason: impl fmt::Display) -> Self {
        Self { retry: Retry::Never, reason: reason.to_string().into() }
    }
}

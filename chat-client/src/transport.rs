//! What carries the frames: anything that is a `Stream` and a `Sink` of them.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use chat_core::frame::Frame;
use futures::{Sink, Stream};

use crate::retry::Retry;
use crate::token::Token;

/// Opens transports: the client asks for one whenever it has none.
///
/// With the feature `websocket` there is [`WebSocket`](crate::websocket::WebSocket). One's own is for another wire, or
/// for tests: a pair of channels will do.
pub trait Connector: Send + 'static {
    /// An open connection. It keeps what is its own to itself: handshakes, pings, limits on the length of a frame.
    ///
    /// It must fail when nothing has come from the peer for [`Attempt::heartbeat`], and at once when it can't write.
    /// After a write has failed, the stream must still give what had come in before, and then end. When it is dropped, the
    /// connection must end. The client polls it from one task, as a stream whenever it polls it
    /// as a sink too: a peer that waits to be read must not be what a write waits for.
    type Transport: Stream<Item = Result<Frame, TransportError>>
        + Sink<Frame, Error = TransportError>
        + Send
        + Unpin;

    /// Opens a connection. May take its time: the client gives up by itself, and then drops the future.
    ///
    /// # Errors
    ///
    /// Why there is none, and whether it is worth trying again.
    fn connect(
        &mut self,
        attempt: Attempt,
    ) -> impl Future<Output = Result<Self::Transport, TransportError>> + Send;
}

/// What a connection is to be opened with.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// Who the user is.
    pub token: Token,
    /// After how long without a sign of life the connection counts as dead. The server is told of it, so that it does
    /// not ask more often: a radio that is woken costs a phone its battery.
    pub heartbeat: Duration,
    /// To be told that bytes move, while no whole frame has come or gone.
    pub progress: ProgressReport,
}

/// Tells the client that a connection makes progress: the pieces of a long frame over a weak link, or of a handshake.
///
/// The client measures its patience by it. It gives up an answer after 20 s of silence, and not because the answer is long
/// and the link slow. A transport that can't see pieces of frames need not report anything: then each whole frame counts.
/// It should report at most once a second, and no pings or pongs: a server that answers only those has stopped.
#[derive(Clone, Default)]
pub struct ProgressReport(Option<Arc<dyn Fn() + Send + Sync>>);

impl ProgressReport {
    /// A report to this function.
    pub fn to(report: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(report)))
    }

    /// Bytes have moved.
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

/// Why there is no connection, or no longer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{reason}")]
pub struct TransportError {
    /// Whether it is worth trying again.
    pub retry: Retry,
    /// What happened, for people. Never holds the token.
    pub reason: Arc<str>,
}

impl TransportError {
    /// A failure of the network, or of whatever is on the way: try again after a pause.
    pub fn network(reason: impl fmt::Display) -> Self {
        Self { retry: Retry::AfterPause(None), reason: reason.to_string().into() }
    }

    /// A refusal: trying the same again is useless.
    pub fn refused(reason: impl fmt::Display) -> Self {
        Self { retry: Retry::Never, reason: reason.to_string().into() }
    }
}

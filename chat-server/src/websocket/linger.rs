//! The end of a connection in good order.
//!
//! A socket that is closed while unread bytes wait in it is reset, and a reset takes from the peer what it had not
//! read yet: the close frame first of all. So after the last byte the server reads on for a while, and throws away.

use std::future::poll_fn;
use std::time::Duration;

use async_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::{Watch, WebSocket};

/// How long the end may take.
const WITHIN: Duration = Duration::from_secs(2);

/// Bytes thrown away at once.
const DISCARD_BUFFER: usize = 512;

/// Says the last words, flushes, and lingers until the peer has closed too.
pub(super) async fn finish<S: AsyncRead + AsyncWrite + Watch + Unpin>(websocket: &mut WebSocket<S>) {
    let in_order = async {
        if let Some(close) = websocket.last_words.take() {
            websocket.outgoing.push(RawFrame::close(Some(close)));
        }
        poll_fn(|cx| websocket.poll_written(cx)).await.ok()?;
        let stream = websocket.socket.get_mut().get_mut();
        discard(stream).await
    };
    // Whether the peer took it in order or not, this is the end.
    let _ = timeout(WITHIN, in_order).await;
}

/// Ends the sending side and reads until the peer ends its own.
async fn discard<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Option<()> {
    stream.shutdown().await.ok()?;
    let mut buffer = [0; DISCARD_BUFFER];
    while stream.read(&mut buffer).await.ok()? > 0 {}
    Some(())
}

/// The same for a connection that never became a WebSocket.
pub(crate) async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    let _ = timeout(WITHIN, discard(stream)).await;
}

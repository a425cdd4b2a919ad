//! The orderly end of a connection.
//!
//! If a socket is closed with unread bytes in its receive buffer, the kernel sends a reset, and the
//! peer loses everything unread, the close frame above all. After its last byte the server
//! therefore keeps reading for a while, and discards the input.

use std::future::poll_fn;
use std::time::Duration;

use async_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use super::{Watch, WebSocket};

/// Deadline for the end of a connection.
const WITHIN: Duration = Duration::from_secs(2);

/// Bytes discarded per read.
const DISCARD_BUFFER: usize = 512;

/// Sends the close frame, flushes, and lingers until the peer has closed too.
pub(super) async fn finish<S: AsyncRead + AsyncWrite + Watch + Unpin>(websocket: &mut WebSocket<S>) {
    let in_order = async {
        if let Some(close) = websocket.last_words.take() {
            websocket.outgoing.push(RawFrame::close(Some(close)));
        }
        poll_fn(|cx| websocket.poll_written(cx)).await.ok()?;
        let stream = websocket.socket.get_mut().get_mut();
        discard(stream).await
    };
    // Finished or not, the connection ends here.
    let _ = timeout(WITHIN, in_order).await;
}

/// Shuts down the sending side, and reads until the peer does the same.
async fn discard<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Option<()> {
    stream.shutdown().await.ok()?;
    let mut buffer = [0; DISCARD_BUFFER];
    while stream.read(&mut buffer).await.ok()? > 0 {}
    Some(())
}

/// Like [`finish`], for a connection that never became a WebSocket.
pub(crate) async fn close<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) {
    let _ = timeout(WITHIN, discard(stream)).await;
}

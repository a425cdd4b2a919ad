//! The typed lines.

use std::io::BufRead;
use std::thread;

use futures::channel::mpsc;
use futures::executor::block_on;
use futures::stream::BoxStream;
use futures::{SinkExt, StreamExt};

/// Maximum of queued lines. Beyond it, reading pauses.
const WAITING: usize = 16;

/// Returns the lines of the standard input until its end, or Ctrl-C.
///
/// A thread reads them and dies with the process. Tokio's own standard input would keep a finished
/// program waiting for one more line.
pub(super) fn lines() -> BoxStream<'static, String> {
    let (mut sender, lines) = mpsc::channel(WAITING);
    thread::spawn(move || {
        for line in std::io::stdin().lock().split(b'\n').map_while(Result::ok) {
            if block_on(sender.send(String::from_utf8_lossy(&line).into_owned())).is_err() {
                return;
            }
        }
    });
    lines.take_until(tokio::signal::ctrl_c()).boxed()
}

//! What the person types.

use std::io::BufRead;
use std::thread;

use futures::channel::mpsc;
use futures::executor::block_on;
use futures::stream::BoxStream;
use futures::{SinkExt, StreamExt};

/// Lines that wait to be looked at; after that many the reading waits.
const WAITING: usize = 16;

/// The lines of the standard input until it ends, or Ctrl-C.
///
/// A thread reads them, which dies with the process: tokio's own standard input would keep a program that is done
/// waiting for one more line.
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

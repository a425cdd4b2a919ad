//! A transport made of two halves.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::{Sink, Stream};

use super::Frame;

/// A stream of incoming frames and a sink of outgoing ones, as one transport.
#[derive(Debug)]
pub struct Joined<R, W> {
    incoming: R,
    outgoing: W,
}

/// Joins a stream of incoming frames and a sink of outgoing ones to one transport.
pub fn join<R, W, E>(incoming: R, outgoing: W) -> Joined<R, W>
where
    R: Stream<Item = Result<Frame, E>> + Unpin,
    W: Sink<Frame, Error = E> + Unpin,
{
    Joined { incoming, outgoing }
}

impl<R: Stream + Unpin, W: Unpin> Stream for Joined<R, W> {
    type Item = R::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<R::Item>> {
        Pin::new(&mut self.incoming).poll_next(cx)
    }
}

impl<R: Unpin, W: Sink<Frame> + Unpin> Sink<Frame> for Joined<R, W> {
    type Error = W::Error;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), W::Error>> {
        Pin::new(&mut self.outgoing).poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, frame: Frame) -> Result<(), W::Error> {
        Pin::new(&mut self.outgoing).start_send(frame)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), W::Error>> {
        Pin::new(&mut self.outgoing).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), W::Error>> {
        Pin::new(&mut self.outgoing).poll_close(cx)
    }
}

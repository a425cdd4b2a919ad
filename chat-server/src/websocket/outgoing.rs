//! The queue of frames to write, already encoded.
//!
//! Frames bypass the library's writer, which would copy each into a buffer per connection; live
//! events are encoded once for all recipients. The library writes only its automatic replies.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use async_tungstenite::tungstenite::protocol::frame::Frame as RawFrame;
use async_tungstenite::tungstenite::protocol::frame::coding::{Data, OpCode};
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::AsyncWrite;

/// Bytes collected before they are written without a flush.
const GATHERED: usize = 16 * 1024;

/// Length up to which frames and payloads are copied into one buffer. Longer ones are written in
/// place.
const COPIED: usize = 2 * 1024;

/// Buffers per vectored write.
const SLICES: usize = 16;

/// Longest header of a server's frame (RFC 6455, section 5.2).
const HEADER_BYTES: usize = 10;

/// Encodes texts as WebSocket frames, one after another.
///
/// Frames from a server are not masked (RFC 6455, section 5.1), and therefore equal for all
/// recipients.
pub fn frame_texts(texts: &[Bytes]) -> Bytes {
    let mut framed = Vec::with_capacity(texts.iter().map(|text| text.len() + HEADER_BYTES).sum());
    texts.iter().for_each(|text| append(message(Data::Text, text.clone()), &mut framed));
    framed.into()
}

/// A frame with a whole message.
pub(super) fn message(kind: Data, payload: Bytes) -> RawFrame {
    RawFrame::message(payload, OpCode::Data(kind), true)
}

fn append(frame: RawFrame, framed: &mut Vec<u8>) {
    frame.format(framed).expect("memory takes all that is written to it");
}

/// Frames to write; the first may be partly written.
///
/// Bounded by the caller, which adds nothing more once the queue [is full](Self::is_full).
#[derive(Default)]
pub(super) struct Outgoing {
    /// Long frames, and everything queued before them.
    framed: VecDeque<Bytes>,
    /// Short frames queued last.
    last: BytesMut,
    bytes: usize,
}

impl Outgoing {
    /// Queues a frame.
    pub(super) fn push(&mut self, frame: RawFrame) {
        let (header, payload) = (frame.header().clone(), frame.into_payload());
        let copied = if payload.len() <= COPIED { payload.len() } else { 0 };
        self.last.reserve(HEADER_BYTES + copied);
        let before = self.last.len();
        let written = header.format(payload.len() as u64, &mut (&mut self.last).writer());
        written.expect("memory takes all that is written to it");
        self.bytes += self.last.len() - before;
        self.push_framed(payload);
    }

    /// Queues encoded frames, or a part of one.
    pub(super) fn push_framed(&mut self, framed: Bytes) {
        self.bytes += framed.len();
        if framed.len() <= COPIED {
            return self.last.extend_from_slice(&framed);
        }
        if !self.last.is_empty() {
            self.framed.push_back(self.last.split().freeze());
        }
        self.framed.push_back(framed);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether the queue must be written before more is added.
    pub(super) fn is_full(&self) -> bool {
        self.bytes >= GATHERED
    }

    /// Writes the whole queue and frees its memory, to make idle connections cheap.
    pub(super) fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        stream: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let waiting = self.framed.iter().map(|framed| &framed[..]).chain([&self.last[..]]);
            let waiting = waiting.filter(|bytes| !bytes.is_empty()).map(IoSlice::new);
            let count = slices.iter_mut().zip(waiting).map(|(slice, bytes)| *slice = bytes).count();
            let stream = Pin::new(&mut *stream);
            let written = match &slices[..count] {
                [only] => ready!(stream.poll_write(cx, only))?,
                all => ready!(stream.poll_write_vectored(cx, all))?,
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(written);
        }
        *self = Self::default();
        Poll::Ready(Ok(()))
    }

    fn advance(&mut self, mut written: usize) {
        self.bytes -= written;
        while let Some(first) = self.framed.front_mut() {
            if written < first.len() {
                return first.advance(written);
            }
            written -= first.len();
            self.framed.pop_front();
        }
        self.last.advance(written);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::io::{AsyncReadExt as _, duplex};

    use super::*;

    fn texts() -> Vec<Bytes> {
        [0, 1, 125, 126, 65_535, 65_536].iter().map(|length| vec![b'x'; *length].into()).collect()
    }

    #[test]
    fn texts_are_framed_as_each_would_be() {
        let mut expected = Vec::new();
        for text in texts() {
            expected.push(0x81);
            match text.len() {
                length @ ..126 => expected.push(u8::try_from(length).unwrap()),
                length @ ..65_536 => {
                    expected.push(126);
                    expected.extend(u16::try_from(length).unwrap().to_be_bytes());
                }
                length => {
                    expected.push(127);
                    expected.extend((length as u64).to_be_bytes());
                }
            }
            expected.extend(&text);
        }
        assert_eq!(frame_texts(&texts()), expected);
    }

    #[tokio::test]
    async fn what_waits_is_written_in_its_order_however_little_is_taken() {
        for pipe in [1, 7, 4_096, 1 << 20] {
            let (mut ours, mut theirs) = duplex(pipe);
            let mut outgoing = Outgoing::default();
            let mut expected = Vec::new();
            for number in 0..3 * SLICES {
                // Some are too long to be copied.
                let length = if number % 3 == 0 { COPIED + number } else { number };
                let frame = message(Data::Text, format!("{number}").repeat(length).into());
                append(frame.clone(), &mut expected);
                match number % 2 {
                    0 => outgoing.push(frame),
                    _ => outgoing.push_framed(frame_texts(&[frame.into_payload()])),
                }
            }
            assert_eq!(outgoing.bytes, expected.len());
            let mut written = vec![0; expected.len()];
            let (sent, read) = futures::join!(
                std::future::poll_fn(|cx| outgoing.poll_write(&mut ours, cx)),
                theirs.read_exact(&mut written)
            );
            sent.unwrap();
            read.unwrap();
            assert_eq!(written, expected);
            assert!(outgoing.is_empty() && outgoing.framed.capacity() == 0 && outgoing.last.capacity() == 0);
        }
    }

    #[test]
    fn what_is_long_is_not_copied() {
        let text = Bytes::from(vec![b'x'; COPIED + 1]);
        let mut outgoing = Outgoing::default();
        outgoing.push(message(Data::Text, text.clone()));
        outgoing.push_framed(text.clone());
        let places: Vec<_> = outgoing.framed.iter().map(|framed| framed.as_ptr()).collect();
        assert_eq!(places[1..], [text.as_ptr(), text.as_ptr()], "behind the header");
        assert!(outgoing.last.is_empty());
    }

    #[tokio::test]
    async fn it_is_full_until_what_waits_is_written() {
        let (mut ours, mut theirs) = duplex(GATHERED);
        let mut outgoing = Outgoing::default();
        outgoing.push_framed(vec![0; GATHERED - 1].into());
        assert!(!outgoing.is_full());
        outgoing.push_framed(vec![0; 2].into());
        assert!(outgoing.is_full());
        let mut write = std::future::poll_fn(|cx| outgoing.poll_write(&mut ours, cx));
        assert!((&mut write).now_or_never().is_none());
        assert_eq!(theirs.read(&mut [0; 8]).await.unwrap(), 8);
        write.await.unwrap();
        assert!(!outgoing.is_full());
    }
}

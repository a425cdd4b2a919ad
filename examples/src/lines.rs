//! JSON lines as a transport: [`Framed`] with a codec is one.

use bytes::{BufMut, BytesMut};
use chat_core::drive::{Frame, Handle};
use futures::SinkExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{Decoder, Encoder, Framed, LinesCodec, LinesCodecError};

use crate::{MAX_FRAME, Peer, play};

/// A byte stream as a transport of lines.
pub type Lines<T> = Framed<T, FrameLines>;

/// Makes a transport with one frame per line over any byte stream.
pub fn frames<T: AsyncRead + AsyncWrite>(stream: T) -> Lines<T> {
    Framed::new(stream, FrameLines(LinesCodec::new_with_max_length(MAX_FRAME)))
}

/// Plays the script between a driver and control, and then stops the chat. Each is a connection
/// and its first line.
///
/// # Errors
///
/// A connection failed, or a peer received an unexpected frame.
pub async fn demo<T>([driver, control]: [(T, &str); 2], chat: &Handle) -> Result<(), crate::Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut driver = peer("driver_1", driver).await?;
    let mut control = peer("control_1", control).await?;
    play(&mut driver, &mut control).await?;
    chat.drain().await;
    driver.hear_end().await?;
    control.hear_end().await
}

async fn peer<T>(id: &'static str, (stream, first): (T, &str)) -> Result<Peer<Lines<T>>, crate::Error>
where
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut lines = frames(stream);
    lines.send(Frame::Text(first.to_owned().into())).await?;
    Ok(Peer::new(id, lines))
}

/// Text frames as lines of UTF-8 that end in `\n` (or `\r\n`, when read).
///
/// A line longer than [`MAX_FRAME`] bytes or without valid UTF-8 is an error and ends the session.
#[derive(Debug)]
pub struct FrameLines(LinesCodec);

impl Decoder for FrameLines {
    type Item = Frame;
    type Error = LinesCodecError;

    fn decode(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, LinesCodecError> {
        Ok(self.0.decode(bytes)?.map(|line| Frame::Text(line.into())))
    }

    fn decode_eof(&mut self, bytes: &mut BytesMut) -> Result<Option<Frame>, LinesCodecError> {
        Ok(self.0.decode_eof(bytes)?.map(|line| Frame::Text(line.into())))
    }
}

impl Encoder<Frame> for FrameLines {
    type Error = LinesCodecError;

    /// A close is not written: lines have no form for it, and the end of the stream follows.
    fn encode(&mut self, frame: Frame, bytes: &mut BytesMut) -> Result<(), LinesCodecError> {
        if let Frame::Text(text) = frame {
            bytes.reserve(text.len() + 1);
            bytes.put(text);
            bytes.put_u8(b'\n');
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use chat_core::protocol::CloseCode;
    use futures::StreamExt;

    use super::*;

    #[tokio::test]
    async fn frames_travel_as_lines_and_the_end_as_the_end() {
        let (near, far) = tokio::io::duplex(64);
        let (mut near, mut far) = (frames(near), frames(far));
        near.send(Frame::Text("{}".into())).await.unwrap();
        near.send(Frame::Close(CloseCode::GoingAway)).await.unwrap();
        near.close().await.unwrap();
        assert_eq!(far.next().await.unwrap().unwrap(), Frame::Text("{}".into()));
        assert!(far.next().await.is_none());
    }

    #[tokio::test]
    async fn a_line_that_is_too_long_is_an_error() {
        let (near, far) = tokio::io::duplex(4 * MAX_FRAME);
        let (mut near, mut far) = (frames(near), frames(far));
        near.send(Frame::Text("x".repeat(MAX_FRAME).into())).await.unwrap();
        near.send(Frame::Text("x".repeat(MAX_FRAME + 1).into())).await.unwrap();
        assert!(far.next().await.unwrap().is_ok());
        assert!(matches!(far.next().await, Some(Err(LinesCodecError::MaxLineLengthExceeded))));
    }
}

//! A user at the far end of a transport.

use chat_core::drive::Frame;
use chat_core::protocol::Request;
use futures::{Sink, SinkExt, Stream, TryStreamExt};
use serde::de::DeserializeOwned;

use crate::Error;

/// The simplest client: sends the script's requests, and prints all frames.
///
/// A real client also keeps an outbox, reconnects and catches up. This one shows the frames.
#[derive(Debug)]
pub struct Peer<T> {
    name: &'static str,
    transport: T,
}

impl<T, E> Peer<T>
where
    T: Stream<Item = Result<Frame, E>> + Sink<Frame, Error = E> + Unpin,
    E: std::error::Error + Send + Sync + 'static,
{
    /// Creates a peer that prints under this name.
    pub fn new(name: &'static str, transport: T) -> Self {
        Self { name, transport }
    }

    /// Sends a request.
    ///
    /// # Errors
    ///
    /// The transport failed.
    pub async fn say(&mut self, request: Request) -> Result<(), Error> {
        let text = request.encode(None);
        println!("{:<9} -> {}", self.name, String::from_utf8_lossy(&text));
        Ok(self.transport.send(Frame::Text(text)).await?)
    }

    /// Reads the next frame, which must be of this type.
    ///
    /// # Errors
    ///
    /// The transport failed or ended, or the frame has another type.
    pub async fn hear<F: DeserializeOwned>(&mut self) -> Result<F, Error> {
        let Some(Frame::Text(text)) = self.transport.try_next().await? else {
            return Err(format!("{} heard no text", self.name).into());
        };
        println!("{:<9} <- {}", self.name, String::from_utf8_lossy(&text));
        Ok(serde_json::from_slice(&text)?)
    }

    /// Reads the end of the connection, which must be next.
    ///
    /// # Errors
    ///
    /// The transport failed, or there is another frame.
    pub async fn hear_end(mut self) -> Result<(), Error> {
        let end = match self.transport.try_next().await? {
            None => "end".to_owned(),
            Some(Frame::Close(code)) => format!("close {}: {}", code.code(), code.reason()),
            Some(frame) => return Err(format!("{} heard {frame:?} instead of the end", self.name).into()),
        };
        println!("{:<9} <- {end}", self.name);
        Ok(())
    }
}

//! A network within one process that fails on demand.

use std::pin::Pin;
use std::sync::Arc;

use chat_client::transport::{Attempt, Connector, TransportError};
use chat_core::drive::{Frame, Handle, Joined, join};
use chat_core::protocol::User;
use futures::channel::mpsc;
use futures::stream::BoxStream;
use futures::{Sink, SinkExt, StreamExt};
use tokio::sync::watch;

use crate::claims;

/// Frames on their way, in each direction.
const ON_THE_WAY: usize = 8;

/// The connection of one user's app to a chat in the same process: a pair of channels each time.
///
/// The user is given at creation, without any token.
#[derive(Clone, Debug)]
pub struct Network {
    chat: Handle,
    user: User,
    is_up: Arc<watch::Sender<bool>>,
}

impl Network {
    /// Creates a network that is up.
    pub fn new(chat: &Handle, user: User) -> Self {
        Self { chat: chat.clone(), user, is_up: Arc::new(watch::Sender::new(true)) }
    }

    /// Cuts the network, with the open connection and all frames on their way; or restores it.
    pub fn set_up(&self, is_up: bool) {
        self.is_up.send_replace(is_up);
    }
}

impl Connector for Network {
    type Transport = Joined<
        BoxStream<'static, Result<Frame, TransportError>>,
        Pin<Box<dyn Sink<Frame, Error = TransportError> + Send>>,
    >;

    async fn connect(&mut self, _: Attempt) -> Result<Self::Transport, TransportError> {
        let mut is_up = self.is_up.subscribe();
        if !*is_up.borrow() {
            return Err(TransportError::network("no network in the tunnel"));
        }
        let session = self.chat.open(claims(self.user.clone())).await.map_err(TransportError::network)?;
        let (to_chat, from_app) = mpsc::channel(ON_THE_WAY);
        let (to_app, from_chat) = mpsc::channel(ON_THE_WAY);
        tokio::spawn(async move {
            let far_end = join(from_app.map(Ok::<_, mpsc::SendError>), to_app);
            tokio::select! {
                _ended = session.run(far_end) => {}
                _down = is_up.wait_for(|is_up| !is_up) => {}
            }
        });
        Ok(join(from_chat.map(Ok).boxed(), Box::pin(to_chat.sink_map_err(TransportError::network))))
    }
}

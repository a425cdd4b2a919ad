//! A draft on its way.

use std::fmt;
use std::future::IntoFuture;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chat_core::id::ClientMessageId;
use chat_core::protocol::{CreateSupportConversationReply, SendChatMessageReply};
use futures::future::BoxFuture;
use futures::{FutureExt, Stream, StreamExt};

use super::shared::Shared;
use crate::error::NotSentError;
use crate::event::{Acknowledged, Progress};

/// The handle of a draft that was given to the outbox: what an app shows beside the message.
///
/// As a `Stream` it gives each [`Progress`], the newest if several came meanwhile, and ends after the last one.
/// `.await`ed, it gives the server's answer. Dropping it changes nothing: the draft is sent all the same.
pub struct SendHandle<R> {
    shared: Arc<Shared>,
    client_message_id: ClientMessageId,
    reply: PhantomData<fn() -> R>,
}

/// What the server answers to a draft of one kind.
pub trait DraftReply: Sized + Send + 'static {
    /// The answer, if it is of this kind.
    fn from_acknowledged(acknowledged: Acknowledged) -> Option<Self>;
}

impl DraftReply for SendChatMessageReply {
    fn from_acknowledged(acknowledged: Acknowledged) -> Option<Self> {
        match acknowledged {
            Acknowledged::Message(reply) => Some(reply),
            Acknowledged::Conversation(_) => None,
        }
    }
}

impl DraftReply for CreateSupportConversationReply {
    fn from_acknowledged(acknowledged: Acknowledged) -> Option<Self> {
        match acknowledged {
            Acknowledged::Conversation(reply) => Some(reply),
            Acknowledged::Message(_) => None,
        }
    }
}

impl DraftReply for Acknowledged {
    fn from_acknowledged(acknowledged: Acknowledged) -> Option<Self> {
        Some(acknowledged)
    }
}

impl<R> SendHandle<R> {
    pub(super) fn new(shared: Arc<Shared>, client_message_id: ClientMessageId) -> Self {
        Self { shared, client_message_id, reply: PhantomData }
    }

    /// The id that the draft is sent under, and that [`Event::Outbox`](crate::Event::Outbox) names it by.
    pub fn client_message_id(&self) -> &ClientMessageId {
        &self.client_message_id
    }

    /// The server's answer as a future, for `join!` and the like: `.await` does this by itself.
    ///
    /// # Errors
    ///
    /// Its error says why the draft was handed back, and holds it.
    pub fn into_future(self) -> BoxFuture<'static, Result<R, NotSentError>>
    where
        R: DraftReply,
    {
        IntoFuture::into_future(self)
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        self.shared.lock().progress(&self.client_message_id).unwrap_or(Progress::Keeping)
    }
}

impl<R> Stream for SendHandle<R> {
    type Item = Progress;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Progress>> {
        self.shared.lock().poll_progress(&self.client_message_id, cx)
    }
}

impl<R: DraftReply> IntoFuture for SendHandle<R> {
    type Output = Result<R, NotSentError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    /// The server's answer, however long that takes: a tunnel may be long.
    ///
    /// The error says why the draft was handed back, and holds it.
    fn into_future(mut self) -> Self::IntoFuture {
        async move {
            while let Some(_news) = self.next().await {}
            match self.progress() {
                Progress::Acknowledged(reply) => {
                    Ok(R::from_acknowledged(reply).expect("a draft is answered by the reply of its own kind"))
                }
                Progress::NotSent(not_sent) => Err(not_sent),
                Progress::Keeping | Progress::Queued | Progress::Sent => {
                    unreachable!("the stream of a draft ends only when that is acknowledged or handed back")
                }
            }
        }
        .boxed()
    }
}

impl<R> Drop for SendHandle<R> {
    fn drop(&mut self) {
        self.shared.lock().unfollow(&self.client_message_id);
    }
}

impl<R> fmt::Debug for SendHandle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SendHandle").field(&self.client_message_id).finish()
    }
}

//! The handle of a draft in the outbox.

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

/// The handle of a draft in the outbox, for the mark that an app shows beside the message.
///
/// As a `Stream`, the handle yields each [`Progress`] up to the final one; a reader far behind
/// loses the oldest. With `.await`, the handle returns the server's reply. Dropping the handle has
/// no effect on the draft.
pub struct SendHandle<R> {
    shared: Arc<Shared>,
    client_message_id: ClientMessageId,
    reply: PhantomData<fn() -> R>,
}

/// The server's reply to a draft of one kind.
pub trait DraftReply: Sized + Send + 'static {
    /// Returns the reply, if its kind is this one.
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

    /// Returns the draft's id, as in [`Event::Outbox`](crate::Event::Outbox).
    pub fn client_message_id(&self) -> &ClientMessageId {
        &self.client_message_id
    }

    /// Returns the server's reply as a future, for `join!` and the like. `.await` calls this by
    /// itself.
    ///
    /// # Errors
    ///
    /// The error has the reason why the draft was handed back, and the draft.
    pub fn into_future(self) -> BoxFuture<'static, Result<R, NotSentError>>
    where
        R: DraftReply,
    {
        IntoFuture::into_future(self)
    }

    /// Returns the draft's progress.
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

    /// Returns the server's reply, however long that takes: a tunnel may be long.
    ///
    /// The error has the reason why the draft was handed back, and the draft.
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

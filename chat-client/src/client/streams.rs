//! The streams of an app, and its typing guard.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use chat_core::id::ConversationId;
use futures::Stream;

use super::shared::{Shared, SubscriptionId};
use crate::event::{Event, Update};
use crate::machine::{Input, ViewId};

/// The stream of all events, see [`ChatClient::events`](crate::ChatClient::events).
pub struct Events {
    shared: Arc<Shared>,
    id: SubscriptionId,
}

impl Events {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        let id = shared.lock().subscribe();
        Self { shared, id }
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.shared.lock().poll_event(self.id, cx)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.shared.lock().unsubscribe(self.id);
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

/// An open conversation: a stream of updates that ends on drop, see
/// [`ChatClient::conversation`](crate::ChatClient::conversation).
pub struct Conversation {
    shared: Arc<Shared>,
    id: ConversationId,
    view: ViewId,
}

impl Conversation {
    pub(super) fn open(shared: Arc<Shared>, id: ConversationId) -> Self {
        let view = shared.with(|state, now| state.open_view(now, id.clone()));
        Self { shared, id, view }
    }

    /// Returns the id of the conversation.
    pub fn id(&self) -> &ConversationId {
        &self.id
    }
}

impl Stream for Conversation {
    type Item = Update;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Update>> {
        let (polled, has_asked) = {
            let now = self.shared.now();
            self.shared.lock().poll_update(now, self.view, cx)
        };
        if has_asked {
            self.shared.wake();
        }
        polled
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.shared.with(|state, now| state.close_view(now, self.view));
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Conversation").field(&self.id).finish()
    }
}

/// Shows others that the user types, until dropped: see
/// [`ChatClient::typing`](crate::ChatClient::typing).
#[must_use = "the typing stops when this is dropped"]
pub struct TypingGuard {
    shared: Arc<Shared>,
    conversation_id: ConversationId,
}

impl TypingGuard {
    pub(super) fn new(shared: Arc<Shared>, conversation_id: ConversationId) -> Self {
        shared.input(Input::Typing { conversation_id: conversation_id.clone(), is_typing: true });
        Self { shared, conversation_id }
    }
}

impl Drop for TypingGuard {
    fn drop(&mut self) {
        let conversation_id = self.conversation_id.clone();
        self.shared.input(Input::Typing { conversation_id, is_typing: false });
    }
}

impl fmt::Debug for TypingGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TypingGuard").field(&self.conversation_id).finish()
    }
}

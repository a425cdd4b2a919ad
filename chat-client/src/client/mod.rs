//! The client's handle and its driver.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a lock, and fresh seeds")]

mod builder;
mod driver;
mod emergency;
mod ids;
mod note;
mod order;
mod queue;
mod send_handle;
mod shared;
mod streams;
mod work;

use std::fmt;
use std::sync::Arc;

use chat_core::drive::Clock;
use chat_core::id::{ConversationId, MessageId};
use chat_core::protocol::{
    self, CreateSupportConversationReply, Done, GetActiveConversations, GetActiveConversationsReply,
    GetConversationMessages, GetConversationMessagesReply, JoinConversation, JoinConversationReply,
    JoinSupportRoom, JoinSupportRoomReply, MarkMessageRead, RoomType, SendChatMessageReply, TypingIndicator,
};
use chat_core::time::Timestamp;

pub use builder::{AddressError, Builder, NoToken, StartError};
pub use send_handle::{DraftReply, SendHandle};
use shared::{Shared, State};
pub use streams::{Conversation, Events, TypingGuard};

use crate::error::Error;
use crate::event::{Acknowledged, ConnectionState};
use crate::machine::{Call, Counters, Input};
use crate::outbox::{Draft, Entry};
use crate::transport::Connector;
#[cfg(feature = "websocket")]
use crate::websocket::{TokioClock, WebSocket};

/// A user's lasting connection to the chat, across any number of connections to the server.
///
/// Clones share one client, which ends when it is [closed](Self::close) or when the last clone is
/// dropped.
///
/// There is one method for each event of the protocol. Queries return the server's reply: they wait
/// for a connection if there is none, and are repeated if the connection is lost. Drop the future
/// to stop waiting. Sending methods ([`send_message`](Self::send_message),
/// [`create_support_conversation`](Self::create_support_conversation)) put a draft into the outbox
/// and return a handle at once.
#[derive(Clone)]
pub struct ChatClient {
    shared: Arc<Shared>,
    /// Closes the client when the last clone is dropped.
    _last: Arc<CloseOnDrop>,
}

struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.input(Input::Close);
    }
}

impl ChatClient {
    /// Creates a client over WebSockets to a `ws://` or `wss://` address, with tokio's clock.
    ///
    /// An invalid address is reported by [`start`](Builder::start).
    #[cfg(feature = "websocket")]
    pub fn builder(url: &str) -> Builder<WebSocket, TokioClock> {
        Builder::websocket(url)
    }

    /// Creates a client over any connector and clock: for another wire than WebSockets, another
    /// runtime than tokio, or a test.
    pub fn over<C: Connector, K: Clock>(connector: C, clock: K) -> Builder<C, K> {
        Builder::new(Ok(connector), clock)
    }

    fn new(shared: Arc<Shared>) -> Self {
        let last = Arc::new(CloseOnDrop(Arc::clone(&shared)));
        Self { shared, _last: last }
    }

    /// Returns the stream of all events from now on, the state of the connection first.
    ///
    /// A reader more than 1,024 events behind loses them, and learns their number from
    /// [`Event::Lagged`](crate::Event::Lagged). To miss nothing, call this before spawning the
    /// driver.
    pub fn events(&self) -> Events {
        Events::new(Arc::clone(&self.shared))
    }

    /// Opens a conversation. The stream yields a [`Snapshot`](crate::Update::Snapshot) of the
    /// newest messages, then each later message once and in order, across lost connections.
    ///
    /// A reader more than 1,024 updates behind gets a new snapshot instead.
    pub fn conversation(&self, id: impl Into<ConversationId>) -> Conversation {
        Conversation::open(Arc::clone(&self.shared), id.into())
    }

    /// Event 1: sends a message, exactly once, after all earlier messages to the same conversation.
    ///
    /// The handle reports the result. The message is [handed back](crate::NotSentError) if the
    /// server refuses it (`conversation_not_found` if the user takes no part in the conversation,
    /// `invalid_parameter` if the text is blank or longer than 4,000 characters), or if the outbox
    /// is full or can't be written.
    pub fn send_message(
        &self,
        conversation_id: impl Into<ConversationId>,
        content: impl Into<Arc<str>>,
    ) -> SendHandle<SendChatMessageReply> {
        let (conversation_id, content) = (conversation_id.into(), content.into());
        self.post_as(Draft::SendChatMessage { conversation_id, content }, None)
    }

    /// Event 2: asks the control centre for help (bus drivers and queue regulators only).
    ///
    /// `room_type` is the room of the conversation: [`RoomType::EmergencySupport`] makes an
    /// emergency, and by default the user's role decides. The draft is handed back in the cases of
    /// [`send_message`](Self::send_message), as `forbidden` to control staff and admins, and if the
    /// title is longer than 200 characters.
    pub fn create_support_conversation(
        &self,
        title: impl Into<Arc<str>>,
        content: impl Into<Arc<str>>,
        room_type: Option<RoomType>,
    ) -> SendHandle<CreateSupportConversationReply> {
        let (title, content) = (title.into(), content.into());
        self.post_as(Draft::CreateSupportConversation { title, content, room_type }, None)
    }

    /// Sends a draft of either kind. With `not_after`, the draft is handed back if it could not be
    /// sent by then: "I am at the depot" is useless an hour later.
    pub fn post(&self, draft: Draft, not_after: Option<Timestamp>) -> SendHandle<Acknowledged> {
        self.post_as(draft, not_after)
    }

    fn post_as<R>(&self, draft: Draft, not_after: Option<Timestamp>) -> SendHandle<R> {
        let id = self.shared.with(|state, now| {
            let client_message_id = state.ids.client_message_id();
            state.follow(client_message_id.clone());
            let id = client_message_id.clone();
            state.input(now, Input::Post(Entry { client_message_id, draft, not_after }));
            id
        });
        SendHandle::new(Arc::clone(&self.shared), id)
    }

    /// Returns the accepted drafts that are not acknowledged yet, oldest first, including those of
    /// earlier runs of the app.
    pub fn outbox(&self) -> Vec<Entry> {
        self.shared.lock().machine.outbox().cloned().collect()
    }

    /// Event 3: returns the user's active conversations, newest activity first, with unread counts.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `invalid_parameter` if `limit` or `skip` is out of range; see
    /// [`Error`] for the others.
    pub async fn get_active_conversations(
        &self,
        request: GetActiveConversations,
    ) -> Result<GetActiveConversationsReply, Error> {
        self.call(request).await
    }

    /// Event 4: joins a conversation once, as in the protocol. Tells whether the user takes part
    /// and, with `after_seq`, what the user lacks. To show a conversation, use
    /// [`conversation`](Self::conversation).
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `conversation_not_found` if the user takes no part in the
    /// conversation; see [`Error`] for the others.
    pub async fn join_conversation(&self, request: JoinConversation) -> Result<JoinConversationReply, Error> {
        self.call(request).await
    }

    /// Event 5: subscribes to the requests for help of a room (control staff and admins only). The
    /// subscription survives lost connections.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `forbidden` for bus drivers and queue regulators; see
    /// [`Error`] for the others.
    pub async fn join_support_room(&self, room_type: RoomType) -> Result<JoinSupportRoomReply, Error> {
        self.call(JoinSupportRoom { room_type }).await
    }

    /// Event 6: sends one typing indicator, as in the protocol. To show that the user types, use
    /// [`typing`](Self::typing).
    ///
    /// # Errors
    ///
    /// [`Offline`](Error::Offline) at once without a connection, [`Refused`](Error::Refused) as
    /// `conversation_not_found` if the user takes no part in the conversation; see [`Error`] for
    /// the others.
    pub async fn typing_indicator(
        &self,
        conversation_id: impl Into<ConversationId>,
        is_typing: bool,
    ) -> Result<Done, Error> {
        self.call(TypingIndicator { conversation_id: conversation_id.into(), is_typing }).await
    }

    /// Shows others that the user types, for as long as the guard is held. The client refreshes
    /// this, and repeats it after a reconnect. Sending a message ends it too.
    pub fn typing(&self, conversation_id: impl Into<ConversationId>) -> TypingGuard {
        TypingGuard::new(Arc::clone(&self.shared), conversation_id.into())
    }

    /// Event 7: returns a page of a conversation's history.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `conversation_not_found` if the user takes no part in the
    /// conversation, as `invalid_parameter` if a number is out of range; see [`Error`] for the
    /// others.
    pub async fn get_conversation_messages(
        &self,
        request: GetConversationMessages,
    ) -> Result<GetConversationMessagesReply, Error> {
        self.call(request).await
    }

    /// Event 8: marks the conversation as read up to this message.
    /// [`Event::Unread`](crate::Event::Unread) reports the new count.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `conversation_not_found` if the user takes no part in the
    /// conversation, as `message_not_found` if the conversation has no such message; see [`Error`]
    /// for the others.
    pub async fn mark_message_read(
        &self,
        conversation_id: impl Into<ConversationId>,
        message_id: impl Into<MessageId>,
    ) -> Result<Done, Error> {
        let (conversation_id, message_id) = (conversation_id.into(), message_id.into());
        self.call(MarkMessageRead { conversation_id, message_id }).await
    }

    /// Sends a request, and waits for its reply.
    async fn call<C: protocol::Call + Into<Call>>(&self, call: C) -> Result<C::Reply, Error> {
        let answer = self.shared.with(|state, now| state.call(now, call.into()));
        let reply = answer.await.unwrap_or(Err(Error::Closed))?;
        reply.try_into().map_err(|_| Error::Unreadable)
    }

    /// Returns the state of the connection.
    pub fn state(&self) -> ConnectionState {
        self.shared.lock().machine.state().clone()
    }

    /// Returns counts of the client's life so far, for diagnosis.
    pub fn counters(&self) -> Counters {
        self.shared.lock().machine.counters()
    }

    /// Reports that the system has a network again, or another one. The client connects at once, or
    /// checks within 10 s whether its connection has survived. A current attempt goes on, and if it
    /// fails, the next one follows at once. A pause demanded by the server is kept.
    pub fn network_is_back(&self) {
        self.shared.input(Input::NetworkIsBack);
    }

    /// Reports that the app went into the background, or came back. In the background, a heartbeat
    /// of 240 s instead of 25 s lets the radio sleep. Each change reconnects, after any current
    /// attempt has ended, and nothing is missed.
    pub fn in_background(&self, in_background: bool) {
        self.shared.input(Input::Background(in_background));
    }

    /// Connects again after having [stopped](ConnectionState::Stopped), when the user has logged in
    /// again, for example.
    pub fn resume(&self) {
        self.shared.input(Input::Resume);
    }

    /// Ends the client. Pending requests fail with [`Error::Closed`]. Drafts are handed back, or
    /// kept by an outbox that survives. Completes when the outbox is written.
    pub async fn close(&self) {
        let closed = self.shared.with(State::close);
        // The sender is dropped only when everything has ended.
        let _ = closed.await;
    }
}

impl fmt::Debug for ChatClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatClient").field("state", &self.state()).finish_non_exhaustive()
    }
}

//! The handle of a client.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "a lock, and fresh seeds")]

mod builder;
mod driver;
mod ids;
mod queue;
mod send_handle;
mod shared;
mod streams;

use std::fmt;
use std::sync::Arc;

use chat_core::drive::Clock;
use chat_core::id::{ConversationId, MessageId};
use chat_core::protocol::{
    CreateSupportConversationReply, Done, GetActiveConversations, GetActiveConversationsReply,
    GetConversationMessages, GetConversationMessagesReply, JoinConversation, JoinConversationReply,
    JoinSupportRoom, JoinSupportRoomReply, MarkMessageRead, Reply, RoomType, SendChatMessageReply,
    TypingIndicator,
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

/// A user's connection to the chat, which outlives every connection to the server.
///
/// Clones are the same client. It ends when it is [closed](Self::close), or when the last clone is dropped.
///
/// There is one method for each event of the protocol. Those that ask end with the server's answer: they wait for the
/// connection if there is none, and ask again if it is lost. Whoever does not want to wait drops them. Those that
/// send ([`send_message`](Self::send_message), [`create_support_conversation`](Self::create_support_conversation)) put a
/// draft into the outbox and give a handle of it at once.
#[derive(Clone)]
pub struct ChatClient {
    shared: Arc<Shared>,
    /// Closes the client with its last clone.
    _last: Arc<CloseOnDrop>,
}

struct CloseOnDrop(Arc<Shared>);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.input(Input::Close);
    }
}

impl ChatClient {
    /// A client over WebSockets to this address, `ws://` or `wss://`, by the clock of tokio.
    ///
    /// An address that can't be used is reported when the client [starts](Builder::start).
    #[cfg(feature = "websocket")]
    pub fn builder(url: &str) -> Builder<WebSocket, TokioClock> {
        Builder::websocket(url)
    }

    /// A client over any connector, by any clock: for another wire than WebSockets, another runtime than tokio, or a test.
    pub fn over<C: Connector, K: Clock>(connector: C, clock: K) -> Builder<C, K> {
        Builder::new(Ok(connector), clock)
    }

    fn new(shared: Arc<Shared>) -> Self {
        let last = Arc::new(CloseOnDrop(Arc::clone(&shared)));
        Self { shared, _last: last }
    }

    /// Everything that happens from now on, with the state of the connection first.
    ///
    /// A reader that falls more than 1,024 events behind loses them, and is told so by
    /// [`Event::Lagged`](crate::Event::Lagged). Ask for the stream before the driver is spawned, and nothing is missed.
    pub fn events(&self) -> Events {
        Events::new(Arc::clone(&self.shared))
    }

    /// Shows a conversation: a [`Snapshot`](crate::Update::Snapshot) of its newest messages first, then each message
    /// after it, once and in order, whatever happens to the connection.
    ///
    /// A reader that falls more than 1,024 updates behind gets a new snapshot instead.
    pub fn conversation(&self, id: impl Into<ConversationId>) -> Conversation {
        Conversation::open(Arc::clone(&self.shared), id.into())
    }

    /// Event 1: sends a message, once, and after those that were written before in the same conversation.
    ///
    /// What comes of it is told by the handle. It is [handed back](crate::NotSentError) if the server will not have it
    /// (`conversation_not_found` if the user takes no part in it, `invalid_parameter` if the text is blank or longer than
    /// 4,000 characters), or if the outbox is full or can't be written.
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
    /// `room_type` is where to file it: [`RoomType::EmergencySupport`] makes it an emergency, and by default the user's
    /// role decides. Handed back as [`send_message`](Self::send_message) says, and as `forbidden` to control staff and admins;
    /// a title has at most 200 characters.
    pub fn create_support_conversation(
        &self,
        title: impl Into<Arc<str>>,
        content: impl Into<Arc<str>>,
        room_type: Option<RoomType>,
    ) -> SendHandle<CreateSupportConversationReply> {
        let (title, content) = (title.into(), content.into());
        self.post_as(Draft::CreateSupportConversation { title, content, room_type }, None)
    }

    /// Sends a draft of either kind. With `not_after` it is handed back if it could not be sent until then: "I am at the
    /// depot" is worth nothing an hour later.
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

    /// The drafts that are accepted and not acknowledged yet, oldest first: also those of the app's earlier life.
    pub fn outbox(&self) -> Vec<Entry> {
        self.shared.lock().machine.outbox().cloned().collect()
    }

    /// Event 3: the active conversations of the user, newest activity first, with unread counts.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `invalid_parameter` if `limit` or `skip` is out of range; the others as [`Error`] says.
    pub async fn get_active_conversations(
        &self,
        request: GetActiveConversations,
    ) -> Result<GetActiveConversationsReply, Error> {
        match self.call(Call::GetActiveConversations(request)).await? {
            Reply::GetActiveConversations(reply) => Ok(reply),
            _ => Err(Error::Unreadable),
        }
    }

    /// Event 4, as the protocol has it: whether the user takes part, and with `after_seq` what it lacks. To show a
    /// conversation there is [`conversation`](Self::conversation).
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `conversation_not_found` if the user takes no part in it; the others as [`Error`] says.
    pub async fn join_conversation(&self, request: JoinConversation) -> Result<JoinConversationReply, Error> {
        match self.call(Call::JoinConversation(request)).await? {
            Reply::JoinConversation(reply) => Ok(reply),
            _ => Err(Error::Unreadable),
        }
    }

    /// Event 5: wants to be told of requests for help that this room covers (control staff and admins only). Stays so
    /// after the connection was lost.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `forbidden` for bus drivers and queue regulators; the others as [`Error`] says.
    pub async fn join_support_room(&self, room_type: RoomType) -> Result<JoinSupportRoomReply, Error> {
        match self.call(Call::JoinSupportRoom(JoinSupportRoom { room_type })).await? {
            Reply::JoinSupportRoom(reply) => Ok(reply),
            _ => Err(Error::Unreadable),
        }
    }

    /// Event 6, as the protocol has it, once. To say that somebody types there is [`typing`](Self::typing).
    ///
    /// # Errors
    ///
    /// [`Offline`](Error::Offline) at once without a connection, [`Refused`](Error::Refused) as `conversation_not_found` if
    /// the user takes no part in it; the others as [`Error`] says.
    pub async fn typing_indicator(
        &self,
        conversation_id: impl Into<ConversationId>,
        is_typing: bool,
    ) -> Result<Done, Error> {
        let conversation_id = conversation_id.into();
        self.done(Call::TypingIndicator(TypingIndicator { conversation_id, is_typing })).await
    }

    /// Says that the user types, for as long as the guard is held: refreshed, said again after the connection was lost,
    /// and ended with the guard or with the message.
    pub fn typing(&self, conversation_id: impl Into<ConversationId>) -> TypingGuard {
        TypingGuard::new(Arc::clone(&self.shared), conversation_id.into())
    }

    /// Event 7: a page of a conversation's history.
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `conversation_not_found` if the user takes no part in it, as `invalid_parameter` if a
    /// number is out of range; the others as [`Error`] says.
    pub async fn get_conversation_messages(
        &self,
        request: GetConversationMessages,
    ) -> Result<GetConversationMessagesReply, Error> {
        match self.call(Call::GetConversationMessages(request)).await? {
            Reply::GetConversationMessages(reply) => Ok(reply),
            _ => Err(Error::Unreadable),
        }
    }

    /// Event 8: the user has read up to this message. The new count comes as [`Event::Unread`](crate::Event::Unread).
    ///
    /// # Errors
    ///
    /// [`Refused`](Error::Refused) as `conversation_not_found` if the user takes no part in it, as `message_not_found` if it
    /// has no such message; the others as [`Error`] says.
    pub async fn mark_message_read(
        &self,
        conversation_id: impl Into<ConversationId>,
        message_id: impl Into<MessageId>,
    ) -> Result<Done, Error> {
        let (conversation_id, message_id) = (conversation_id.into(), message_id.into());
        self.done(Call::MarkMessageRead(MarkMessageRead { conversation_id, message_id })).await
    }

    async fn done(&self, call: Call) -> Result<Done, Error> {
        match self.call(call).await? {
            Reply::Done(reply) => Ok(reply),
            _ => Err(Error::Unreadable),
        }
    }

    async fn call(&self, call: Call) -> Result<Reply, Error> {
        let answer = self.shared.with(|state, now| state.call(now, call));
        answer.await.unwrap_or(Err(Error::Closed))
    }

    /// Where the connection stands.
    pub fn state(&self) -> ConnectionState {
        self.shared.lock().machine.state().clone()
    }

    /// What the client has been through, for diagnosis.
    pub fn counters(&self) -> Counters {
        self.shared.lock().machine.counters()
    }

    /// Tells that the system has a network again, or another one: the client connects at once, or finds out within
    /// 10 s whether its connection has survived. An attempt that is under way goes on; if it fails, the next one follows at
    /// once. A pause that the server has asked for is kept.
    pub fn network_is_back(&self) {
        self.shared.input(Input::NetworkIsBack);
    }

    /// Tells that the app went into the background, or came back. In the background a heartbeat of 240 s instead of 25 s
    /// lets the radio sleep. Each change reconnects, once an attempt that is under way has ended, and nothing is missed by it.
    pub fn in_background(&self, in_background: bool) {
        self.shared.input(Input::Background(in_background));
    }

    /// Connects again after having [stopped](ConnectionState::Stopped): the user has logged in again, say.
    pub fn resume(&self) {
        self.shared.input(Input::Resume);
    }

    /// Ends the client: requests are answered [`Error::Closed`], drafts are handed back, or kept by an outbox that
    /// survives. Ready when the outbox is written.
    pub async fn close(&self) {
        let closed = self.shared.with(State::close);
        // It can only be cancelled by what it says as well: that everything has ended.
        let _ = closed.await;
    }
}

impl fmt::Debug for ChatClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatClient").field("state", &self.state()).finish_non_exhaustive()
    }
}

//! The SDK for apps that talk through the chat, on phones that lose the network in every tunnel.
//!
//! An app tells the SDK what its user does, and shows what the SDK reports. The SDK connects,
//! waits, catches up, sends again and renews tokens. No message is lost, doubled or out of order.
//!
//! # Start
//!
//! ```no_run
//! use chat_client::ChatClient;
//!
//! # async fn start(token: String) -> Result<(), Box<dyn std::error::Error>> {
//! let (chat, running) =
//!     ChatClient::builder("wss://chat.example.org/api/websocket/connect").token(token).start().await?;
//! let events = chat.events(); // before the client runs, so that nothing is missed
//! tokio::spawn(running);
//! # Ok(()) }
//! ```
//!
//! A service of several servers without a balancer has several addresses: [`Builder::also_at`].
//! Whenever a connection ends, the client goes on with the next one.
//!
//! The token is a text, or a [`provider`] that the client asks whenever another token is needed.
//! An opaque token does not name its user: then the app does, by [`Builder::user`].
//! [`ChatClient::over`] takes any [`Connector`](transport::Connector), for another wire than
//! WebSockets or another runtime than tokio. [`transport`] has all that a connector needs.
//!
//! # Show a conversation
//!
//! [`ChatClient::conversation`] yields a snapshot of the newest messages and then each later
//! message, joined by number. A lost connection only pauses the stream. If the server's history is
//! replaced, a new snapshot replaces the old one.
//!
//! ```no_run
//! use chat_client::{ChatClient, Update};
//! use futures::StreamExt;
//!
//! # async fn show(chat: ChatClient) {
//! let mut shown = Vec::new();
//! let mut conversation = chat.conversation("conv_123");
//! while let Some(update) = conversation.next().await {
//!     match update {
//!         Update::Snapshot(snapshot) => shown = snapshot.messages,
//!         Update::Message(message) => shown.push(message),
//!         Update::TypingStatus(status) => println!("{} types", status.user_id),
//!         Update::MessageRead(read) => println!("{} has read", read.user_id),
//!         Update::Positions(_) => {}
//!         Update::ReadPosition(_) => {}
//!         Update::Refused(reason) => println!("can't be shown: {reason}"),
//!     }
//! }
//! # }
//! ```
//!
//! # Send
//!
//! A draft goes into the outbox and is sent as soon as there is a connection: exactly once, and in
//! the order of writing. A [`SendHandle`] reports the draft's progress. A draft that can't be sent
//! comes back with the reason and the text.
//!
//! ```no_run
//! # use chat_client::ChatClient;
//! # fn edit_again(_: chat_client::outbox::Draft) {}
//! # async fn send(chat: ChatClient) {
//! match chat.send_message("conv_123", "The bridge is closed.").await {
//!     Ok(reply) => println!("message {:?}, number {:?}", reply.message_id, reply.seq),
//!     Err(not_sent) => {
//!         println!("{not_sent}");
//!         edit_again(not_sent.draft);
//!     }
//! }
//! # }
//! ```
//!
//! With a [`FileOutbox`](outbox::FileOutbox), drafts survive the app being killed.
//!
//! # Listen
//!
//! [`ChatClient::events`] reports everything, including the state of the connection
//! ([`ConnectionState`]). An honest app shows this state. After each connect comes the list of
//! conversations with their unread counts.
//!
//! # When something fails
//!
//! - *The network or the server fails.* Nothing to do: the client tries again after a random pause
//!   of up to 20 s, added to the pause that the server asked for, if any (at most 1 h). See
//!   [`ConnectionState::Waiting`].
//! - *A request is refused.* Show the reason: a repetition would be refused too. See
//!   [`Error::Refused`] and [`NotSentError`].
//! - *The token has expired, or its rights have changed.* Let the provider give another token. The
//!   client keeps trying. See [`WaitCause`].
//! - *The user has too many connections.* Nothing to do: this client comes back after 5 s to
//!   10 min. See [`WaitCause::Replaced`].
//! - *The provider has no token any more.* Let the user log in, then call
//!   [`ChatClient::resume`]. See [`StopReason::NoToken`].
//! - *The server refuses this client.* Show the reason. See [`StopReason::Refused`].
//!
//! # What is bounded
//!
//! | | at most | beyond the limit |
//! |---|---|---|
//! | drafts in the outbox | 1,000 | handed back, [`NotSentReason::OutboxFull`] |
//! | bytes of a draft or request | 64 KiB | [`NotSentReason::TooLong`], [`Error::TooLong`] |
//! | requests without an answer | 256 | [`Error::Busy`] |
//! | events queued for the app | 1,024 | lost, and [`Event::Lagged`] says how many |
//! | updates queued for one conversation | 1,024 | a new snapshot |
//! | open conversations | 256 | [`Update::Refused`] |
//! | conversations followed | 10,000 | the most silent one is followed anew from its next message |
//!
//! All limits except those of the queues to the app can be [set](Builder::settings).
//!
//! # What an app must keep out of its log
//!
//! This crate logs nothing, and its errors and `Debug` outputs hold no tokens and no texts of
//! messages. (The exception are the protocol's own types, such as [`Message`](protocol::Message).)
//! But the WebSocket library below writes whole frames to the crate `log`, at the level `trace`.
//! These frames hold texts of messages, and tokens when they are renewed. No library can forbid
//! this to another one. An app can, at no cost, with one line in its own `Cargo.toml`:
//!
//! ```toml
//! log = { version = "0.4", features = ["max_level_debug"] } # no frames of the chat in any log
//! ```
//!
//! An app that needs `trace` of other crates filters out the target `tungstenite` instead.
//!
//! # Inside
//!
//! [`machine`] is the client as a state machine without I/O, clock or randomness. Its documentation
//! explains how no message is lost. The other modules connect the machine to the world:
//! [`transport`], [`outbox`], tokens and a clock.
//!
//! The way of a message:
//!
//! 1. A method of [`ChatClient`] (`client/mod.rs`) makes a draft. The client's future
//!    (`client/driver.rs`) takes the draft from a queue and gives it to the machine.
//! 2. `machine/sending.rs` gives the draft a place in its conversation's order, and asks for it to
//!    be stored. The driver writes it to the [`outbox`] (`outbox/file/log.rs`).
//! 3. Once it is stored and its turn has come, `machine/outgoing.rs` makes the request. The driver
//!    passes the frame to the connection, for example `websocket`.
//! 4. `machine/incoming.rs` takes the reply, which ends the draft, and the live events.
//!    `machine/catch_up.rs` joins a conversation after a gap, and asks for what it missed.
//! 5. `machine/views.rs` holds what is shown of each conversation, and reports each message once.
//!    `client/streams.rs` are the streams from which the app takes it.

#![warn(clippy::unwrap_used)]

mod client;
mod error;
mod event;
pub mod machine;
pub mod outbox;
mod retry;
mod token;
pub mod transport;
#[cfg(feature = "websocket")]
pub mod websocket;

/// The protocol, its ids and times, shared with the server.
pub use chat_core::{id, protocol, time};
pub use client::{
    AddressError, Builder, ChatClient, Conversation, DraftReply, Events, NoToken, SendHandle, StartError,
    TypingGuard,
};
pub use error::{Error, NotSentError, NotSentReason, Refusal, StopReason};
pub use event::{Acknowledged, ConnectionState, Event, Progress, Snapshot, Unread, Update, WaitCause};
pub use retry::Retry;
pub use token::{Token, TokenError, TokenProvider, provider};

/// Compiles the snippets of the README.
#[cfg(all(doctest, feature = "websocket"))]
#[doc = include_str!("../../README.md")]
struct Readme;

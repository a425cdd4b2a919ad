//! The SDK for apps that talk through the chat, on phones that lose the network in every tunnel.
//!
//! An app says what its user does and shows what it hears. Connecting, waiting, catching up, sending again and renewing
//! tokens are this crate's part: nothing is lost, nothing comes twice, nothing comes out of order.
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
//! The token is a text, or a [`provider`] that is asked whenever another one is needed. Without WebSockets, or on another
//! runtime, there is [`ChatClient::over`] any [`Connector`](transport::Connector).
//!
//! # Show a conversation
//!
//! [`ChatClient::conversation`] gives a snapshot of the newest messages and then each message after it, joined by
//! number. When the connection is lost the stream only pauses; when the server's history is another one than before, a
//! new snapshot takes the place of the old.
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
//!         Update::TypingStatus(status) => println!("{} types: {}", status.user_id, status.is_typing),
//!         Update::MessageRead(read) => println!("{} has read", read.user_id),
//!         Update::ReadPosition(_) => {}
//!         Update::Refused(reason) => println!("can't be shown: {reason}"),
//!     }
//! }
//! # }
//! ```
//!
//! # Send
//!
//! What a user writes goes into the outbox and is sent as soon as there is a connection: once, and in the order in which
//! it was written. [`SendHandle`] says how far it has come. What can't be sent comes back with the reason and the text.
//!
//! ```no_run
//! # use chat_client::ChatClient;
//! # async fn send(chat: ChatClient) {
//! match chat.send_message("conv_123", "The bridge is closed.").await {
//!     Ok(reply) => println!("message {:?}, number {:?}", reply.message_id, reply.seq),
//!     Err(not_sent) => println!("{not_sent}: {:?}", not_sent.draft),
//! }
//! # }
//! ```
//!
//! With a [`FileOutbox`](outbox::FileOutbox) it survives the app being killed.
//!
//! # Listen
//!
//! [`ChatClient::events`] tells everything, the state of the connection among it ([`ConnectionState`]): an honest app
//! shows that. After each connect comes the list of conversations, with what is unread.
//!
//! # When something fails
//!
//! | | what to do | where |
//! |---|---|---|
//! | the network, the server | nothing: it is tried again, after 0.5 to 20 s at random | [`ConnectionState::Waiting`] |
//! | a request is refused | show the reason; the same will be refused again | [`Error::Refused`], [`NotSentError`] |
//! | the token has expired, or says other rights | have the provider give another; until then the same is tried again | [`WaitCause`] |
//! | the user has too many connections | nothing: this one comes back, after 5 s to 10 min | [`WaitCause::Replaced`] |
//! | the provider says that there is no token any more | log in, then [`ChatClient::resume`] | [`StopReason::NoToken`] |
//! | the server does not want this client | show the reason | [`StopReason::Refused`] |
//!
//! # What is bounded
//!
//! | | at most | beyond it |
//! |---|---|---|
//! | drafts in the outbox | 1,000 | handed back, [`NotSentReason::OutboxFull`] |
//! | bytes of a draft or a request, as JSON | 64 KiB | handed back, [`NotSentReason::TooLong`]; [`Error::TooLong`] |
//! | requests without an answer | 256 | [`Error::Busy`] |
//! | events that wait for the app | 1,024 | lost, and [`Event::Lagged`] says how many |
//! | updates of one conversation that wait | 1,024 | a new snapshot |
//! | open conversations | 256 | [`Update::Refused`] |
//! | conversations followed | 10,000 | the one that was silent the longest is followed anew from its next message |
//!
//! All but the queues to the app can be [set](Builder::settings).
//!
//! # What an app must keep out of its log
//!
//! This crate logs nothing, and neither tokens nor texts are in its errors and `Debug` outputs. But the WebSocket library
//! under it writes whole frames to the crate `log`, at the level `trace`: the texts of messages, and a token that is
//! renewed. No library can forbid that to another; an app can, for good and at no cost, by one line in its own
//! `Cargo.toml`:
//!
//! ```toml
//! log = { version = "0.4", features = ["max_level_debug"] } # no frames of the chat in any log
//! ```
//!
//! An app that needs `trace` of other crates leaves out the target `tungstenite` instead.
//!
//! # Inside
//!
//! [`machine`] is the client as a state machine without I/O, clock or randomness, and says how nothing is lost. The rest
//! is what it needs of the world: [`transport`], [`outbox`], tokens and a clock.

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

/// What travels, its ids and its times, as the server knows them too.
pub use chat_core::{id, protocol, time};
pub use client::{
    AddressError, Builder, ChatClient, Conversation, DraftReply, Events, NoToken, SendHandle, StartError,
    TypingGuard,
};
pub use error::{Error, NotSentError, NotSentReason, Refusal, StopReason};
pub use event::{Acknowledged, ConnectionState, Event, Progress, Snapshot, Unread, Update, WaitCause};
pub use retry::Retry;
pub use token::{Token, TokenError, TokenProvider, provider};

/// So that the README's snippets compile.
#[cfg(all(doctest, feature = "websocket"))]
#[doc = include_str!("../../README.md")]
struct Readme;

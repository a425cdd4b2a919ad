//! The SDK for apps that talk through the chat, on phones that lose the network in every tunnel.

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

pub use client::{
    BadAddress, Builder, ChatClient, Conversation, Events, NoToken, PostReply, Posted, StartError,
    TypingGuard,
};
pub use error::{Error, Refusal};
pub use event::{
    Acknowledged, ConnectionState, Event, NotSent, NotSentReason, Progress, Snapshot, StopReason, Unread,
    Update,
};
pub use retry::Retry;
pub use token::{TokenError, TokenProvider, provider};
pub use transport::Token;

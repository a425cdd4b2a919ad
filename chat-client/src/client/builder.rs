//! The builder of a client.

use std::future::Future;
use std::sync::Arc;

use chat_core::drive::Clock;
use chat_core::id::UserId;
use chat_core::protocol::User;

use super::ChatClient;
use super::driver::{EndGuard, run};
use super::ids::Ids;
use super::shared::Shared;
use crate::machine::{Input, Machine, Settings};
use crate::outbox::{InMemory, Outbox, OutboxError};
use crate::token::TokenProvider;
use crate::transport::Connector;
#[cfg(feature = "websocket")]
use crate::websocket::{TokioClock, WebSocket, rustls};

/// A client before its start: see [`ChatClient::builder`] and [`ChatClient::over`].
///
/// A [token](Self::token) is mandatory. Everything else has a default.
#[must_use = "a client does nothing before it is started"]
pub struct Builder<C, K, T = NoToken, O = InMemory> {
    connector: Result<C, AddressError>,
    clock: K,
    tokens: T,
    outbox: O,
    settings: Settings,
    user: Option<UserId>,
    seed: Option<[u8; 32]>,
}

/// The type of the missing token provider of a [`Builder`].
#[derive(Clone, Copy, Debug)]
pub struct NoToken;

/// The error of an address that can't be connected to.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0}")]
pub struct AddressError(String);

/// The error of a client that can't start.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StartError {
    /// The address is invalid.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The outbox can't be read.
    #[error(transparent)]
    Outbox(#[from] OutboxError),
    /// The outbox belongs to another user than the one named by [`Builder::user`].
    #[error("the outbox belongs to another user")]
    OtherUser,
    /// The system has no randomness to give.
    #[error("the system has no randomness to give: {0}")]
    Randomness(String),
}

impl<C: Connector, K: Clock> Builder<C, K> {
    pub(super) fn new(connector: Result<C, AddressError>, clock: K) -> Self {
        let settings = Settings::default();
        Self { connector, clock, tokens: NoToken, outbox: InMemory, settings, user: None, seed: None }
    }
}

#[cfg(feature = "websocket")]
impl Builder<WebSocket, TokioClock> {
    pub(super) fn websocket(url: &str) -> Self {
        let connector = WebSocket::new(url).map_err(|bad| AddressError(bad.to_string()));
        Self::new(connector, TokioClock::start())
    }
}

#[cfg(feature = "websocket")]
impl<K, T, O> Builder<WebSocket, K, T, O> {
    /// Adds the address of another server of the same service, see [`WebSocket::also_at`]. The
    /// client goes from one to another by itself. One address is enough if a balancer stands there.
    pub fn also_at(self, url: &str) -> Self {
        let connector = self
            .connector
            .and_then(|connector| connector.also_at(url).map_err(|bad| AddressError(bad.to_string())));
        Self { connector, ..self }
    }

    /// Sets the TLS configuration, see [`WebSocket::with_tls`]: for a control centre with a
    /// certificate authority of its own, for example.
    pub fn tls(self, tls: Arc<rustls::ClientConfig>) -> Self {
        Self { connector: self.connector.map(|connector| connector.with_tls(tls)), ..self }
    }
}

impl<C, K, O> Builder<C, K, NoToken, O> {
    /// Sets the user's token: a text if there is only one token, or a [`TokenProvider`].
    pub fn token<T: TokenProvider>(self, tokens: T) -> Builder<C, K, T, O> {
        let Self { connector, clock, outbox, settings, user, seed, .. } = self;
        Builder { connector, clock, tokens, outbox, settings, user, seed }
    }
}

impl<C, K, T> Builder<C, K, T, InMemory> {
    /// Sets the outbox that stores drafts until they are acknowledged. The default is in memory and
    /// ends with the app.
    pub fn outbox<O: Outbox>(self, outbox: O) -> Builder<C, K, T, O> {
        let Self { connector, clock, tokens, settings, user, seed, .. } = self;
        Builder { connector, clock, tokens, outbox, settings, user, seed }
    }
}

impl<C, K, T, O> Builder<C, K, T, O> {
    /// Replaces the default limits and pauses.
    pub fn settings(self, settings: Settings) -> Self {
        Self { settings, ..self }
    }

    /// Names the user, for tokens that do not ([`Token::user`](crate::Token::user) returns `None`).
    /// Otherwise the client could not tell own messages from others', and would count them as
    /// unread. A token that names another user stops the client.
    pub fn user(self, user: User) -> Self {
        Self { user: Some(user.id), ..self }
    }

    /// Sets the seed of ids and pauses, for reproducible tests. The default is fresh randomness of
    /// the system. Production needs it: two clients with the same seed take each other's messages
    /// for their own.
    pub fn seed(self, seed: [u8; 32]) -> Self {
        Self { seed: Some(seed), ..self }
    }
}

impl<C, K, T, O> Builder<C, K, T, O>
where
    C: Connector,
    K: Clock + Clone + 'static,
    T: TokenProvider,
    O: Outbox,
{
    /// Reads the outbox, and returns the client with the future that runs it. Spawn the future on
    /// any runtime.
    ///
    /// The future ends when the client is [closed](ChatClient::close), or when its last handle is
    /// dropped.
    ///
    /// # Errors
    ///
    /// The address is invalid, the outbox can't be read or is another user's, or the system has no
    /// randomness.
    pub async fn start(self) -> Result<(ChatClient, impl Future<Output = ()> + Send), StartError> {
        let Self { connector, clock, tokens, mut outbox, mut settings, user, seed } = self;
        let connector = connector?;
        let entries = outbox.load().await?;
        settings.outbox_survives = O::SURVIVES;
        settings.outbox_owner = owner(outbox.owner(), user)?;
        let mut ids = Ids::new(seed.map_or_else(fresh_seed, Ok)?);
        let machine = Machine::new(settings, ids.seed());
        let now = clock.clone();
        let shared = Shared::new(machine, ids, Box::new(move || now.now()));
        shared.input(Input::Restored(entries));
        let ended = EndGuard(Arc::clone(&shared));
        let driver = async move {
            run(&ended.0, connector, clock, tokens, outbox).await;
            drop(ended);
        };
        Ok((ChatClient::new(shared), driver))
    }
}

fn owner(outbox: Option<&UserId>, user: Option<UserId>) -> Result<Option<UserId>, StartError> {
    match (outbox, user) {
        (Some(owner), Some(user)) if *owner != user => Err(StartError::OtherUser),
        (owner, user) => Ok(owner.cloned().or(user)),
    }
}

fn fresh_seed() -> Result<[u8; 32], StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| StartError::Randomness(error.to_string()))?;
    Ok(seed)
}

//! WebSockets on tokio, with TLS by rustls for `wss://`.
//!
//! [`WebSocket`] is the usual [`Connector`] of an app. It handles the handshake, pings, the limit
//! on the length of a message, and links that died silently.
//!
//! The token travels in a header, because addresses end up in the logs of proxies. No error and no
//! `Debug` shows it. One leak is out of this crate's hands: the WebSocket library writes whole
//! frames to the `log` crate, at the level `trace`. They hold the texts of messages, and tokens
//! when renewed. The guide of this [crate] tells an app's remedy.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "sockets, and a clock")]

mod addresses;
mod clock;
mod dial;
mod error;
mod handshake;
mod link;
mod socket;
mod tls;
mod url;

use std::fmt;
use std::sync::Arc;

use tokio::net::TcpStream;
pub use tokio_rustls::rustls;

pub use clock::TokioClock;
pub use socket::Socket;
pub use url::UrlError;

use crate::transport::{Attempt, Connector, TransportError};
use addresses::Addresses;
use link::{Link, Watched};
use url::Address;

/// A connector that opens WebSockets to one address, or to several servers of one service.
///
/// ```
/// use chat_client::websocket::WebSocket;
///
/// let connector = WebSocket::new("wss://chat.example.com/api/websocket/connect")?;
/// # Ok::<(), chat_client::websocket::UrlError>(())
/// ```
pub struct WebSocket {
    addresses: Addresses,
    tls: Arc<rustls::ClientConfig>,
}

impl WebSocket {
    /// Creates a connector to `ws://host[:port]/path` or `wss://host[:port]/path`.
    ///
    /// The query is kept, except for `heartbeat`, which each [`connect`](Connector::connect) sets.
    /// Certificates are checked against Mozilla's list of authorities from the time of the build,
    /// which works alike on every phone and desktop without setup. Use [`with_tls`](Self::with_tls)
    /// for others.
    ///
    /// # Errors
    ///
    /// [`UrlError`] tells the mistake.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        Ok(Self { addresses: Addresses::one(Address::parse(url)?), tls: tls::mozilla() })
    }

    /// Adds the address of another server of the same service.
    ///
    /// The first connection goes to a random one of the addresses, and each later one to the next.
    /// An address that does not answer costs a quarter of a second.
    ///
    /// # Errors
    ///
    /// [`UrlError`] tells the mistake.
    pub fn also_at(mut self, url: &str) -> Result<Self, UrlError> {
        self.addresses.add(Address::parse(url)?);
        Ok(self)
    }

    /// Replaces the TLS configuration: for a control centre's own authority, the platform's trust,
    /// or a client certificate.
    ///
    /// The configuration must not offer HTTP/2 (ALPN `h2`), because the handshake is HTTP/1.1.
    /// `ws://` does not use it.
    #[must_use]
    pub fn with_tls(self, tls: Arc<rustls::ClientConfig>) -> Self {
        Self { tls, ..self }
    }
}

impl Connector for WebSocket {
    type Transport = Socket<TcpStream>;

    async fn connect(&mut self, attempt: Attempt) -> Result<Self::Transport, TransportError> {
        handshake::check(&attempt.token)?;
        let (place, stream) = dial::first_of(self.addresses.in_turn()).await?;
        self.addresses.used(place);
        let address = self.addresses.get(place);
        let mut link = match &address.server_name {
            None => Link::plain(stream, attempt.progress.clone()),
            Some(name) => {
                let stream = Watched::new(stream, attempt.progress.clone());
                Link::tls(tls::connect(&self.tls, name, stream).await?)
            }
        };
        let leftover = handshake::upgrade(&mut link, address, &attempt).await?;
        Ok(Socket::new(link, leftover, attempt.heartbeat).await)
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addresses = self.addresses.iter().collect::<Vec<_>>();
        f.debug_struct("WebSocket").field("addresses", &addresses).finish_non_exhaustive()
    }
}

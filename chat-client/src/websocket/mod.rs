//! WebSockets on tokio, with TLS by rustls for `wss://`.
//!
//! [`WebSocket`] is the [`Connector`] of an app that has nothing special. It keeps to itself all that is the
//! WebSocket's own: the handshake, pings, the limit on the length of a message, and a link that died silently.
//!
//! The token travels in a header, for addresses end up in the logs of proxies. It is in no error, and no `Debug` shows
//! it. One thing is out of this crate's hands: the WebSocket library writes whole frames to the `log` crate, at the
//! level `trace`. They hold the text of messages, and the token when it is renewed. The guide of this [crate] says what an
//! app does about it.

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "sockets, and a clock")]

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
use link::{Link, Watched};
use url::Address;

/// Opens WebSockets to one address.
///
/// ```
/// use chat_client::websocket::WebSocket;
///
/// let connector = WebSocket::new("wss://chat.example.com/api/websocket/connect")?;
/// # Ok::<(), chat_client::websocket::UrlError>(())
/// ```
pub struct WebSocket {
    address: Address,
    tls: Arc<rustls::ClientConfig>,
}

impl WebSocket {
    /// A connector to `ws://host[:port]/path` or `wss://host[:port]/path`.
    ///
    /// Its query is kept, but for `heartbeat`, which is set on each [`connect`](Connector::connect). Certificates are
    /// checked against the authorities that Mozilla trusts, as they were when the app was built: that works alike on
    /// every phone and desktop, without a line of setup. For others there is [`with_tls`](Self::with_tls).
    ///
    /// # Errors
    ///
    /// [`UrlError`] says what is wrong with the address.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        Ok(Self { address: Address::parse(url)?, tls: tls::mozilla() })
    }

    /// The same with one's own TLS: a control centre's own authority, the platform's trust, a client's certificate.
    ///
    /// It must not offer HTTP/2 (ALPN `h2`): the handshake is HTTP/1.1. With `ws://` it is not used.
    #[must_use]
    pub fn with_tls(self, tls: Arc<rustls::ClientConfig>) -> Self {
        Self { tls, ..self }
    }
}

impl Connector for WebSocket {
    type Transport = Socket<TcpStream>;

    async fn connect(&mut self, attempt: Attempt) -> Result<Self::Transport, TransportError> {
        let address = &self.address;
        handshake::check(&attempt.token)?;
        let stream = dial::connect(&address.host, address.port).await?;
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
        f.debug_struct("WebSocket").field("address", &self.address).finish_non_exhaustive()
    }
}

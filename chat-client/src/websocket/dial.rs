//! A TCP connection to the server of a service, and the address of a host, that answers first.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use futures::future::select_ok;
use tokio::net::{TcpSocket, TcpStream, lookup_host};
use tokio::time::sleep;

use super::url::Address;
use crate::transport::TransportError;

/// The silence of an address after which the next one is tried in parallel. Phones get IPv6
/// addresses that lead nowhere: tried one by one, the first would use up all the time.
const HEAD_START: Duration = Duration::from_millis(250);

/// Maximum of addresses to try: more than any host needs, and a bound on open sockets.
const ADDRESSES: usize = 8;

/// Connects to the server that answers first, and returns its place. Each has a head start over the
/// next.
pub(super) async fn first_of(
    servers: impl Iterator<Item = (usize, &Address)>,
) -> Result<(usize, TcpStream), TransportError> {
    let attempts = servers.zip(0..).map(|((place, address), turn)| {
        Box::pin(async move {
            sleep(HEAD_START * turn).await;
            connect(&address.host, address.port).await.map(|stream| (place, stream))
        })
    });
    let (first, _slower) = select_ok(attempts).await?;
    Ok(first)
}

/// Connects, without Nagle's delay: the frames of a chat are small, and each is awaited.
async fn connect(host: &str, port: u16) -> Result<TcpStream, TransportError> {
    let addresses = lookup_host((host, port)).await.map_err(|error| {
        TransportError::network(format_args!("can't find the address of {host}: {error}"))
    })?;
    let stream =
        first(addresses, open).await.and_then(|stream| stream.set_nodelay(true).map(|()| stream)).map_err(
            |error| TransportError::network(format_args!("can't connect to {host}, port {port}: {error}")),
        )?;
    Ok(stream)
}

/// Bytes that the system accepts before the peer has taken them. Few, which makes the progress of a
/// write over a weak link visible: the default buffer would hold minutes of it.
const SEND_BUFFER: u32 = 16 * 1024;

async fn open(address: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Without this, progress is only seen later.
    let _ = socket.set_send_buffer_size(SEND_BUFFER);
    socket.connect(address).await
}

/// Returns the first connection to succeed, or the last error.
async fn first<T, F: Future<Output = io::Result<T>>>(
    addresses: impl Iterator<Item = SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T> {
    let connect = &connect;
    let attempts = addresses.take(ADDRESSES).zip(0..).map(|(address, place)| {
        Box::pin(async move {
            sleep(HEAD_START * place).await;
            connect(address).await
        })
    });
    let attempts = attempts.collect::<Vec<_>>();
    if attempts.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    }
    let (stream, _slower) = select_ok(attempts).await?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    /// Returns this many addresses with distinct ports.
    fn addresses(count: u16) -> impl Iterator<Item = SocketAddr> {
        (0..count).map(|port| SocketAddr::from(([192, 0, 2, 1], port)))
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_keeps_silent_does_not_hold_up_the_next() {
        let start = Instant::now();
        let silent = |address: SocketAddr| async move {
            match address.port() {
                0 | 1 => pending().await,
                port => Ok(port),
            }
        };
        assert_eq!(first(addresses(4), silent).await.unwrap(), 2);
        assert_eq!(start.elapsed(), HEAD_START * 2);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_refuses_is_not_the_last_word() {
        let refused = |address: SocketAddr| async move {
            match address.port() {
                0 => Err(io::ErrorKind::ConnectionRefused.into()),
                port => Ok(port),
            }
        };
        assert_eq!(first(addresses(2), refused).await.unwrap(), 1);
        assert_eq!(first(addresses(1), refused).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(first(addresses(0), refused).await.unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[tokio::test(start_paused = true)]
    async fn no_host_makes_an_app_open_sockets_without_end() {
        let last = |address: SocketAddr| async move {
            match usize::from(address.port()) {
                port if port < ADDRESSES => Err(io::ErrorKind::ConnectionRefused.into()),
                port => Ok(port),
            }
        };
        assert!(first(addresses(1_000), last).await.is_err());
    }
}

//! The public port: its address, and accepting connections.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::mpsc;
use tokio::task::unconstrained;
use tokio::time::sleep;
use tracing::warn;

use crate::auth::SecretOrigin;
use crate::connection::{self, Shared};
use crate::newcomers::{Lobby, Newcomer, Newcomers};
use crate::start_error::StartError;
use crate::websocket::Watched;

/// Length of the kernel's accept queue: the default maximum of Linux (`net.core.somaxconn`). If all
/// clients come back at once after a restart, those beyond the queue retry after a second, or are
/// reset.
const BACKLOG: u32 = 4_096;

/// Size of the kernel's buffers per connection and direction. The default grows to megabytes, and
/// would hide a slow reader for as long as these take to fill.
const SOCKET_BUFFER: u32 = 64 * 1024;

/// Most connections accepted in a row. Accepting must keep up with a flood.
const ACCEPTED_AT_ONCE: usize = 128;

/// Pause after `accept` fails because files or memory ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Listens on the first usable address. All addresses must be allowed for the secret.
pub(crate) async fn listen(listen: &str, origin: &SecretOrigin) -> Result<TcpListener, StartError> {
    let addresses = addresses(listen, origin).await?;
    let mut outcome = Err(io::Error::from(io::ErrorKind::AddrNotAvailable));
    for address in addresses {
        outcome = listen_on(address);
        if outcome.is_ok() {
            break;
        }
    }
    outcome.map_err(listen_error(listen))
}

/// Resolves the configured address. All results must be allowed for the secret.
pub(crate) async fn addresses(listen: &str, origin: &SecretOrigin) -> Result<Vec<SocketAddr>, StartError> {
    let addresses: Vec<_> = lookup_host(listen).await.map_err(listen_error(listen))?.collect();
    let beyond = addresses.iter().find(|address| !address.ip().is_loopback());
    match (beyond, origin) {
        (Some(&address), SecretOrigin::Made { .. }) => Err(StartError::MadeSecret { address }),
        _ => Ok(addresses),
    }
}

fn listen_on(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    // Accepted connections inherit both.
    socket.set_send_buffer_size(SOCKET_BUFFER)?;
    socket.set_recv_buffer_size(SOCKET_BUFFER)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

pub(crate) fn listen_error(listen: &str) -> impl Fn(io::Error) -> StartError {
    |error| StartError::Listen { listen: listen.to_owned(), error }
}

/// Accepts connections for ever. At the limits, an older connection is closed for a new one.
pub(crate) async fn accept_all(
    listener: &TcpListener,
    newcomers: &Arc<Newcomers>,
    shared: &Arc<Shared>,
    alive: &mpsc::Sender<Infallible>,
) {
    let mut lobby = newcomers.lobby();
    loop {
        for _ in 0..ACCEPTED_AT_ONCE {
            let Some(accepted) = unconstrained(listener.accept()).now_or_never() else { break };
            take_in(accepted, newcomers, &mut lobby).await;
        }
        tokio::select! {
            biased;
            turn = newcomers.turn(), if !lobby.is_empty() => {
                if let Some((stream, peer)) = lobby.next() {
                    spawn(stream, Arc::clone(shared), newcomers.enter(turn, peer), alive.clone());
                }
            }
            accepted = listener.accept() => take_in(accepted, newcomers, &mut lobby).await,
        }
    }
}

/// Puts an accepted connection into the lobby.
async fn take_in(
    accepted: io::Result<(TcpStream, SocketAddr)>,
    newcomers: &Newcomers,
    lobby: &mut Lobby<(TcpStream, SocketAddr)>,
) {
    match accepted {
        Ok((stream, peer)) => newcomers.wait(lobby, peer, (stream, peer)),
        Err(error) if is_of_the_client(&error) => {}
        Err(error) => {
            warn!(%error, "can't accept a connection, pausing");
            newcomers.make_room();
            sleep(ACCEPT_PAUSE).await;
        }
    }
}

fn spawn(stream: TcpStream, shared: Arc<Shared>, newcomer: Newcomer, alive: mpsc::Sender<Infallible>) {
    // Without TCP_NODELAY, a small frame may wait for the acknowledgement of the previous one. The
    // call fails only if the connection is gone.
    let _ = stream.set_nodelay(true);
    let stream = Watched::new(stream);
    match shared.tls.clone() {
        None => tokio::spawn(connection::serve(stream, shared, newcomer).map(|()| drop(alive))),
        Some(tls) => {
            tokio::spawn(connection::serve_secure(stream, tls, shared, newcomer).map(|()| drop(alive)))
        }
    };
}

/// Whether an error concerns one connection only, and not the listener.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

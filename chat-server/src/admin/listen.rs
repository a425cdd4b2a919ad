//! Where the administrative API is answered: on a Unix socket, and over TCP for who shows a token.

use std::convert::Infallible;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream as BlockingUnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::fs::{Mode, fchmod};
use subtle::ConstantTimeEq as _;
use tokio::net::{TcpListener, UnixListener, UnixSocket, lookup_host};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;
use tokio_io_timeout::TimeoutStream;
use tracing::{debug, info, warn};

use super::answer::{AdminRefusal, AdminResponse};
use super::{Admin, AdminConfig};
use crate::auth::{Secret, SecretError};
use crate::transport::Transport;

/// Connections at once at each door; one more waits. A monitor, a few commands, and room for those that hang. Strangers can
/// fill the door over TCP, and must not keep out who comes by the socket.
const CONNECTIONS: usize = 32;

/// Connections that the system holds for us until they are accepted.
const BACKLOG: u32 = 64;

/// How long a client may take to its last header.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// How long a client may take none of what is written.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// Most bytes of the request's head.
const HEAD_BYTES: usize = 16 * 1024;

/// How long to wait when the system has no more files or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why administrators can't be answered.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The socket can't be made.
    #[error("can't make the administrative socket {}: {error}", path.display())]
    Socket {
        /// Where.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Somebody answers there.
    #[error("another server answers on the administrative socket {}: give --admin-socket another path", .0.display())]
    InUse(PathBuf),
    /// No such address, or not for us.
    #[error("can't listen on {listen} for administrators: {error}")]
    Listen {
        /// As configured.
        listen: String,
        /// Why.
        error: io::Error,
    },
    /// Anyone who reaches the port could do everything.
    #[error("will not listen for administrators over TCP without a token: give --admin-token-file")]
    NoToken,
    /// The token is no good.
    #[error("the token of administrators: {0}")]
    Token(#[from] SecretError),
}

/// The listeners, before anybody is answered.
#[derive(Default)]
pub(crate) struct Listeners(Vec<Listener>);

/// A listening Unix socket, whose name goes when it goes.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Which file that is: whoever puts another there keeps it.
    place: (u64, u64),
}

/// Listeners at work.
pub(crate) struct Serving(JoinHandle<()>);

impl Listeners {
    /// Listens on all that is configured. The data directory must be locked by this server.
    ///
    /// Without the default socket the server is a chat all the same, so its failure is only reported.
    pub(crate) async fn bind(config: &AdminConfig, data_dir: &Path) -> Result<Self, AdminError> {
        let mut doors = Vec::new();
        match Socket::bind(&config.socket.path(data_dir)) {
            Err(error) if config.socket.admin_socket.is_none() => {
                warn!("{error}. Commands that need the running server can't reach it; give --admin-socket");
            }
            bound => doors.push(Listener::Socket(bound?)),
        }
        if let Some((listen, token)) = config.token()? {
            doors.push(listen_over_tcp(listen, token).await?);
        }
        Ok(Self(doors))
    }

    /// Answers in a task of its own until it is stopped.
    pub(crate) fn serve(self, admin: Admin) -> Serving {
        Serving(tokio::spawn(async move {
            let doors = self.0.into_iter().map(|door| accept_all(door, &admin));
            join_all(doors).await;
        }))
    }
}

impl Serving {
    /// Ends all that is under way; the name of the socket is gone then.
    pub(crate) async fn stop(self) {
        self.0.abort();
        // It can only have been cancelled.
        let _cancelled = self.0.await;
    }
}

impl Socket {
    fn bind(path: &Path) -> Result<Self, AdminError> {
        let failed = |error| AdminError::Socket { path: path.to_owned(), error };
        match fs::symlink_metadata(path) {
            Ok(found) if !found.file_type().is_socket() => {
                return Err(failed(io::Error::other("something else is there already")));
            }
            Ok(_) if BlockingUnixStream::connect(path).is_ok() => {
                return Err(AdminError::InUse(path.to_owned()));
            }
            // What a server left that was killed.
            Ok(_) => fs::remove_file(path).map_err(failed)?,
            Err(_) => {}
        }
        Self::bind_anew(path).map_err(failed)
    }

    fn bind_anew(path: &Path) -> io::Result<Self> {
        let socket = UnixSocket::new_stream()?;
        // Linux makes the file with the mode of the socket: nobody else can open it at any time.
        fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        socket.bind(path)?;
        let listener = socket.listen(BACKLOG)?;
        Ok(Self { listener, path: path.to_owned(), place: place_of(path)? })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if place_of(&self.path).ok() == Some(self.place) {
            // The next start replaces what stays.
            let _stays = fs::remove_file(&self.path);
        }
    }
}

impl AdminConfig {
    /// Whether administrators could be answered over TCP, as far as shows without listening.
    pub(crate) async fn check(&self) -> Result<(), AdminError> {
        if let Some((listen, _)) = self.token()? {
            let failed = |error| AdminError::Listen { listen: listen.to_owned(), error };
            let _addresses = lookup_host(listen).await.map_err(failed)?;
        }
        Ok(())
    }
}

async fn listen_over_tcp(listen: &str, token: Secret) -> Result<Listener, AdminError> {
    let failed = |error| AdminError::Listen { listen: listen.to_owned(), error };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    info!("administrators are answered on {}", listener.local_addr().map_err(failed)?);
    Ok(Listener::Tcp(listener, Arc::new(token)))
}

/// What tells a file from every other.
fn place_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// Where administrators come in.
enum Listener {
    Socket(Socket),
    Tcp(TcpListener, Arc<Secret>),
}

impl Listener {
    async fn accept(&self) -> io::Result<Box<dyn Transport>> {
        Ok(match self {
            Self::Socket(socket) => Box::new(socket.listener.accept().await?.0),
            Self::Tcp(listener, _) => Box::new(listener.accept().await?.0),
        })
    }

    /// What is to be shown at this door.
    fn token(&self) -> Option<Arc<Secret>> {
        match self {
            Self::Socket(_) => None,
            Self::Tcp(_, token) => Some(token.clone()),
        }
    }
}

/// Accepts for ever. What is under way ends with it.
async fn accept_all(door: Listener, admin: &Admin) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        match door.accept().await {
            Ok(stream) => {
                let (admin, token) = (admin.clone(), door.token());
                connections.spawn(async move {
                    serve(stream, &admin, token.as_deref()).await;
                    drop(place);
                });
            }
            Err(error) => {
                warn!(%error, "can't accept a connection of an administrator, pausing");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Answers one request of a connection.
async fn serve(stream: Box<dyn Transport>, admin: &Admin, token: Option<&Secret>) {
    let service = service_fn(async |request: Request<Incoming>| {
        Ok::<_, Infallible>(match token {
            Some(token) if !is_shown(token, request.headers()) => AdminResponse::from(not_shown()),
            _ => admin.answer(request).await,
        })
    });
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(STALLED_AFTER));
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(HEAD_BYTES)
        .keep_alive(false)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    if let Err(error) = served.await {
        debug!(%error, "a connection of an administrator failed");
    }
}

/// Whether the request carries the token, found out in the same time for every guess of its length.
fn is_shown(token: &Secret, headers: &HeaderMap) -> bool {
    let shown = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes);
    let shown = shown
        .and_then(|value| value.split_first_chunk::<7>())
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"bearer "));
    shown.is_some_and(|(_, shown)| token.expose().ct_eq(shown).into())
}

fn not_shown() -> AdminRefusal {
    let refusal = AdminRefusal::new(StatusCode::UNAUTHORIZED, "show the token of administrators");
    refusal.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
}

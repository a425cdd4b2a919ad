//! Listeners of the administrative API: a Unix socket, and TCP protected by a token.

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
use http::{Method, Request, StatusCode};
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
use super::config::AdminTokens;
use super::{Admin, AdminConfig, Administrator, OPERATOR};
use crate::auth::{Secret, SecretError};
use crate::transport::Transport;

/// Connections at once per listener; others wait. Enough for a monitor, a few commands, and some
/// that hang. Each listener has its own, because strangers who fill the TCP port must not lock out
/// the Unix socket.
const CONNECTIONS: usize = 32;

/// Most bytes of the name of an administrator.
const OPERATOR_BYTES: usize = 64;

/// Length of the kernel's accept queue.
const BACKLOG: u32 = 64;

/// Deadline for the request's headers.
const HEAD_WITHIN: Duration = Duration::from_secs(10);

/// Time after which a client that reads nothing of its response is disconnected.
const STALLED_AFTER: Duration = Duration::from_secs(30);

/// Most bytes of the request's head.
const HEAD_BYTES: usize = 16 * 1024;

/// Pause after `accept` fails because files or memory ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The reason that the administrative API can't be served.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The socket can't be created.
    #[error("can't make the administrative socket {}: {error}", path.display())]
    Socket {
        /// The socket's path.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// Another server answers on the socket.
    #[error("another server answers on the administrative socket {}: give --admin-socket another path", .0.display())]
    InUse(PathBuf),
    /// The TCP address can't be resolved or bound.
    #[error("can't listen on {listen} for administrators: {error}")]
    Listen {
        /// The address as configured.
        listen: String,
        /// The system's error.
        error: io::Error,
    },
    /// No token for TCP: anyone who reached the port could do everything.
    #[error(
        "will not listen for administrators over TCP without a token: give --admin-token-file or \
         --admin-read-token-file"
    )]
    NoToken,
    /// A token without an address.
    #[error("an administrators' token is for --admin-listen, which is not given")]
    NoListen,
    /// The token can't be used.
    #[error("the administrators' token: {0}")]
    Token(#[from] SecretError),
}

/// Bound listeners, not serving yet.
#[derive(Default)]
pub(crate) struct Listeners(Vec<Listener>);

/// A listening Unix socket; its file is removed on drop.
struct Socket {
    listener: UnixListener,
    path: PathBuf,
    /// Device and inode. A file put in its place by another process is not removed.
    place: (u64, u64),
}

/// The task that serves the listeners.
pub(crate) struct Serving(JoinHandle<()>);

impl Listeners {
    /// Binds everything configured. The data directory must be locked by this server.
    ///
    /// The chat works without the default socket, and therefore only logs a failure to bind one.
    pub(crate) async fn bind(config: &AdminConfig, data_dir: &Path) -> Result<Self, AdminError> {
        let mut listeners = Vec::new();
        match Socket::bind(&config.socket.path(data_dir)) {
            Err(error) if config.socket.admin_socket.is_none() => {
                warn!("{error}. Commands that need the running server can't reach it; give --admin-socket");
            }
            bound => listeners.push(Listener::Socket(bound?)),
        }
        if let Some((listen, tokens)) = config.tokens()? {
            listeners.push(listen_over_tcp(listen, tokens).await?);
        }
        Ok(Self(listeners))
    }

    /// Serves requests in a new task until [`Serving::stop`].
    pub(crate) fn serve(self, admin: Admin) -> Serving {
        Serving(tokio::spawn(async move {
            let listeners = self.0.into_iter().map(|listener| accept_all(listener, &admin));
            join_all(listeners).await;
        }))
    }
}

impl Serving {
    /// Aborts all requests. The socket's file is removed when this returns.
    pub(crate) async fn stop(self) {
        self.0.abort();
        // The only possible error is the cancellation.
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
            // Left by a server that was killed.
            Ok(_) => fs::remove_file(path).map_err(failed)?,
            Err(_) => {}
        }
        Self::bind_anew(path).map_err(failed)
    }

    fn bind_anew(path: &Path) -> io::Result<Self> {
        let socket = UnixSocket::new_stream()?;
        // Linux creates the file with the mode of the socket. Nobody else can open it at any
        // moment.
        fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        socket.bind(path)?;
        let listener = socket.listen(BACKLOG)?;
        Ok(Self { listener, path: path.to_owned(), place: place_of(path)? })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if place_of(&self.path).ok() == Some(self.place) {
            // A file that remains is replaced at the next start.
            let _stays = fs::remove_file(&self.path);
        }
    }
}

impl AdminConfig {
    /// Checks the settings for TCP without listening.
    pub(crate) async fn check(&self) -> Result<(), AdminError> {
        if let Some((listen, _)) = self.tokens()? {
            let failed = |error| AdminError::Listen { listen: listen.to_owned(), error };
            let _addresses = lookup_host(listen).await.map_err(failed)?;
        }
        Ok(())
    }
}

async fn listen_over_tcp(listen: &str, tokens: AdminTokens) -> Result<Listener, AdminError> {
    let failed = |error| AdminError::Listen { listen: listen.to_owned(), error };
    let listener = TcpListener::bind(listen).await.map_err(failed)?;
    info!("administrators are answered on {}", listener.local_addr().map_err(failed)?);
    Ok(Listener::Tcp(listener, Arc::new(tokens)))
}

/// Device and inode: the identity of a file.
fn place_of(path: &Path) -> io::Result<(u64, u64)> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.dev(), metadata.ino()))
}

/// One listener, with the tokens of which its clients need one.
enum Listener {
    Socket(Socket),
    Tcp(TcpListener, Arc<AdminTokens>),
}

impl Listener {
    /// The next connection, with its peer.
    async fn accept(&self) -> io::Result<(Box<dyn Transport>, Administrator)> {
        Ok(match self {
            Self::Socket(socket) => {
                let (stream, _) = socket.listener.accept().await?;
                let peer =
                    stream.peer_cred().map_or("somebody".to_owned(), |peer| format!("uid {}", peer.uid()));
                (Box::new(stream), Administrator(peer))
            }
            Self::Tcp(listener, _) => {
                let (stream, peer) = listener.accept().await?;
                (Box::new(stream), Administrator(format!("the token, from {}", peer.ip())))
            }
        })
    }

    /// The tokens of which one must be presented, if any.
    fn tokens(&self) -> Option<Arc<AdminTokens>> {
        match self {
            Self::Socket(_) => None,
            Self::Tcp(_, tokens) => Some(tokens.clone()),
        }
    }
}

/// Accepts connections for ever. Dropping the future aborts them.
async fn accept_all(listener: Listener, admin: &Admin) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, peer)) => {
                let (admin, tokens) = (admin.clone(), listener.tokens());
                connections.spawn(async move {
                    serve(stream, &peer, &admin, tokens.as_deref()).await;
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

/// Serves one request of a connection.
async fn serve(
    stream: Box<dyn Transport>,
    peer: &Administrator,
    admin: &Admin,
    tokens: Option<&AdminTokens>,
) {
    let service = service_fn(async |mut request: Request<Incoming>| {
        let sender = named(peer, &request);
        request.extensions_mut().insert(sender);
        let refused = tokens.and_then(|tokens| refusal(tokens, &request));
        Ok::<_, Infallible>(match refused {
            Some(refused) => AdminResponse::from(refused),
            None => admin.answer(request).await,
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

/// The peer with the name that its program gives. Whoever may act here may also say so.
fn named<B>(peer: &Administrator, request: &Request<B>) -> Administrator {
    let name = request.headers().get(OPERATOR).and_then(|name| name.to_str().ok());
    let name = name.filter(|name| name.len() <= OPERATOR_BYTES);
    name.map_or_else(|| peer.clone(), |name| Administrator(format!("{}, by sudo of {name}", peer.0)))
}

/// The refusal of a request without a token for it.
fn refusal<B>(tokens: &AdminTokens, request: &Request<B>) -> Option<AdminRefusal> {
    let is_shown =
        |token: &Option<Secret>| token.as_ref().is_some_and(|token| is_shown(token, request.headers()));
    match () {
        () if is_shown(&tokens.full) => None,
        () if !is_shown(&tokens.read) => Some(not_shown()),
        () if request.method() == Method::GET => None,
        () => Some(AdminRefusal::new(StatusCode::FORBIDDEN, "this token may only read")),
    }
}

/// Whether the request carries the token. Takes the same time for every wrong token of one length.
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

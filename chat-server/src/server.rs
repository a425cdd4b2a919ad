//! The server as a whole: starting, accepting, stopping.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::mem;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chat_core::drive::{Drive, Handle};
use chat_core::engine::{Engine, Settings};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::net::{TcpListener, TcpSocket, TcpStream, lookup_host};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::admin::{Admin, AdminError, Listeners};
use crate::auth::{SecretOrigin, TokenVerifier};
use crate::clock::SystemClock;
use crate::config::{Config, TokenConfigError};
use crate::connection;
#[cfg(feature = "console")]
use crate::console::Console;
use crate::drain;
use crate::health::{Health, Phase};
use crate::http::CONNECT_PATH;
use crate::storage;
use crate::store::{LocalStore, OpenError};
use crate::upkeep::upkeep;

/// Most connections that have not shown a good token yet. At this number no more are accepted until one has, or is
/// gone, which takes seconds at most.
const NEWCOMERS: usize = 1_024;

/// Connections that the system holds for us until they are accepted.
const BACKLOG: u32 = 1_024;

/// Bytes that the system holds per connection and direction. Its own choice grows to megabytes, and would hide a
/// slow reader for as long.
const SOCKET_BUFFER: u32 = 64 * 1024;

/// How long to wait when the system has no more files or memory for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Files beside connections: the journal, the index, the listener, the runtime's own.
const OTHER_FILES: u64 = 256;

/// What every connection needs.
pub(crate) struct Shared {
    pub(crate) handle: Handle,
    pub(crate) verifier: TokenVerifier,
    /// Places of those with a good token.
    pub(crate) places: Arc<Semaphore>,
    pub(crate) health: Health,
    #[cfg(feature = "console")]
    pub(crate) console: Console,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Not clear which tokens are good.
    #[error(transparent)]
    Tokens(#[from] TokenConfigError),
    /// No such address, or not for us.
    #[error("can't listen on {listen}: {error}. Give --listen ADDRESS:PORT; port 0 takes a free one")]
    Listen {
        /// As configured.
        listen: String,
        /// Why.
        error: io::Error,
    },
    /// Anyone who can read the data directory could sign tokens that the world may use.
    #[error(
        "will not listen on {address} with a secret that the server made itself: beyond this machine, give the \
         secret that your tokens are signed with (--jwt-secret-file or CHAT_JWT_SECRET), or a public key \
         (--jwt-public-key-file)"
    )]
    MadeSecret {
        /// The address beyond loopback.
        address: SocketAddr,
    },
    /// The store did not open.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// Administrators can't be answered as configured.
    #[error(transparent)]
    Admin(#[from] AdminError),
    /// The system's generator failed.
    #[error("can't start: the system's random generator says {0}")]
    NoRandomness(getrandom::Error),
}

/// The engine has ended without being asked to: a defect of the program, whose panic stands in the log.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the chat has broken down: what was acknowledged is kept; start the server again, and report this")]
pub struct Broken;

/// The future that runs the engine, and gives the store back.
type Service = Pin<Box<dyn Future<Output = LocalStore> + Send>>;

/// A server that listens, and does not accept yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    handle: Handle,
    service: Service,
    verifier: TokenVerifier,
    store: LocalStore,
    retention: Option<Duration>,
    max_connections: u32,
    drain_for: Duration,
    admin: Admin,
    administrators: Listeners,
    #[cfg(feature = "console")]
    console: Console,
}

impl Server {
    /// Opens the store and listens. Clients that connect wait until [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// [`StartError`], whose text says what to do.
    pub async fn bind(config: &Config) -> Result<Self, StartError> {
        let data_dir = &config.data.data_dir;
        let (verifier, origin) = config.tokens.verifier(data_dir)?;
        let listener = listen(&config.listen, &origin).await?;
        let address = listener.local_addr().map_err(listen_error(&config.listen))?;
        #[cfg(feature = "console")]
        let console = Console::new(address, config, &origin)?;
        let store = storage::open(data_dir.clone()).await?;
        let administrators = Listeners::bind(&config.admin, data_dir).await?;
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).map_err(StartError::NoRandomness)?;
        let engine = Engine::new(Settings { limits: config.limits(), ..Settings::default() }, seed);
        let (handle, service) =
            Drive::new(engine, store.clone(), verifier.clone(), SystemClock::start()).start();
        announce(&origin);
        Ok(Self {
            listener,
            address,
            admin: Admin::new(handle.clone(), store.clone()),
            administrators,
            handle,
            service: Box::pin(service),
            verifier,
            store,
            retention: config.retention,
            max_connections: config.max_connections,
            drain_for: Duration::from_secs(config.drain_seconds.into()),
            #[cfg(feature = "console")]
            console,
        })
    }

    /// Where it listens, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where clients connect.
    pub fn url(&self) -> String {
        format!("ws://{}{CONNECT_PATH}", self.address)
    }

    /// Where a browser opens the console. If there is a trial, the address carries its key: it is for who started the
    /// server.
    #[cfg(feature = "console")]
    pub fn console_url(&self) -> String {
        self.console.url()
    }

    /// What administrators ask, to be answered elsewhere too. It holds the store until the last clone is dropped, or the
    /// server has stopped.
    pub fn admin(&self) -> Admin {
        self.admin.clone()
    }

    /// Serves until `shutdown` is ready. Then nobody new is let in, and clients are told to move (1001) in batches over the
    /// configured time. At its end what is under way is finished and synced, everybody left is told 1001, and the store is
    /// closed: that takes less than 10 seconds.
    ///
    /// # Errors
    ///
    /// [`Broken`] as soon as the engine can't go on.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), Broken> {
        let administration = mem::take(&mut self.administrators).serve(self.admin.clone());
        let outcome = self.run_chat(shutdown).await;
        administration.stop().await;
        outcome
    }

    async fn run_chat(self, shutdown: impl Future<Output = ()>) -> Result<(), Broken> {
        raise_file_limit(self.max_connections);
        let mut service = tokio::spawn(self.service);
        let (phase, seen) = watch::channel(Phase::Serving);
        let places = Arc::new(Semaphore::new(self.max_connections as usize));
        let shared = Arc::new(Shared {
            handle: self.handle.clone(),
            verifier: self.verifier,
            places,
            health: Health::new(seen, self.store.clone()),
            #[cfg(feature = "console")]
            console: self.console,
        });
        // Every connection holds a sender, so that all are gone when the channel ends.
        let (alive, all_gone) = mpsc::channel::<Infallible>(1);
        tokio::select! {
            () = accept_all(&self.listener, &shared, &alive) => {}
            never = upkeep(&self.store, self.retention) => match never {},
            () = async {
                shutdown.await;
                info!(seconds = self.drain_for.as_secs(), "stopping");
                phase.send_replace(Phase::Draining);
                drain::see_off(&self.handle, self.drain_for).await;
            } => {}
            _ = &mut service => return Err(Broken),
        }
        drop((self.listener, alive, shared));
        phase.send_replace(Phase::Stopping);
        drain::wind_up(&self.handle, service, all_gone).await
    }
}

/// Accepts for ever.
async fn accept_all(listener: &TcpListener, shared: &Arc<Shared>, alive: &mpsc::Sender<Infallible>) {
    let newcomers = Arc::new(Semaphore::new(NEWCOMERS));
    loop {
        let newcomer = Arc::clone(&newcomers).acquire_owned().await.expect("the semaphore is never closed");
        match listener.accept().await {
            Ok((stream, _)) => spawn(stream, Arc::clone(shared), newcomer, alive.clone()),
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                warn!(%error, "can't accept a connection, pausing");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

fn spawn(
    stream: TcpStream,
    shared: Arc<Shared>,
    newcomer: OwnedSemaphorePermit,
    alive: mpsc::Sender<Infallible>,
) {
    // Without it a small frame may wait for the acknowledgement of the one before. What refuses it is gone already.
    let _ = stream.set_nodelay(true);
    tokio::spawn(async move {
        connection::serve(stream, shared, newcomer).await;
        drop(alive);
    });
}

/// Whether an error belongs to the connection that was to be accepted, rather than to the server.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// Finds out as much of what [`Server::bind`] would refuse as can be known without starting anything.
pub(crate) async fn check(config: &Config) -> Vec<StartError> {
    let tokens = config.tokens.check(&config.data.data_dir);
    let origin = tokens.as_ref().unwrap_or(&SecretOrigin::Given);
    let addresses = addresses(&config.listen, origin).await;
    [tokens.err().map(StartError::from), addresses.err()].into_iter().flatten().collect()
}

/// Listens on the first address that can be, all of them being fit for the secret.
async fn listen(listen: &str, origin: &SecretOrigin) -> Result<TcpListener, StartError> {
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

async fn addresses(listen: &str, origin: &SecretOrigin) -> Result<Vec<SocketAddr>, StartError> {
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

fn listen_error(listen: &str) -> impl Fn(io::Error) -> StartError {
    |error| StartError::Listen { listen: listen.to_owned(), error }
}

fn announce(origin: &SecretOrigin) {
    match origin {
        SecretOrigin::Given => {}
        SecretOrigin::Made { path, now: true } => {
            info!("no secret was given: made one and kept it in {}", path.display());
        }
        SecretOrigin::Made { path, now: false } => info!("using the secret in {}", path.display()),
    }
}

/// Asks the system for as many files as connections need; what it does not give is reported.
fn raise_file_limit(max_connections: u32) {
    let limit = getrlimit(Resource::Nofile);
    let wanted = u64::from(max_connections) + OTHER_FILES;
    let current = limit.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    if limit.current.is_none_or(|now| now >= wanted) {
        return;
    }
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(current), maximum: limit.maximum });
    if raised.is_err() || current < wanted {
        warn!(
            "the system allows {current} open files, and {max_connections} connections need {wanted}: raise its \
             limit (ulimit -n), or give --max-connections a smaller number"
        );
    }
}

//! The server as a whole: starting, accepting, stopping.

use std::convert::Infallible;
use std::future::Future;
use std::mem;
use std::net::SocketAddr;
#[cfg(feature = "postgres")]
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use chat_core::drive::{Drive, Handle};
use chat_core::engine::{Engine, Settings, SettingsError};
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{JoinSet, spawn_blocking};
use tracing::info;

use crate::admin::{Admin, Listeners};
use crate::audit::AuditTrail;
use crate::auth::{Jwks, SecretOrigin, TokenVerifier};
use crate::clock::SystemClock;
use crate::config::{Config, TokenConfigError};
use crate::connection::Shared;
#[cfg(feature = "console")]
use crate::console::Console;
use crate::drain;
use crate::duties::{Duties, DutySettings};
use crate::file_limit::raise_file_limit;
use crate::health::{Health, Phase};
use crate::http::CONNECT_PATH;
use crate::listen::{accept_all, addresses, listen, listen_error};
use crate::metrics::Metrics;
use crate::newcomers::{Newcomers, Room};
use crate::open_store;
use crate::phrases::{PhraseFile, PhrasesFileError};
use crate::reload::{FileWatch, Reload};
use crate::retain::RetentionSetting;
use crate::server_store::ServerStore;
#[cfg(feature = "postgres")]
use crate::shared::OnlineUsers;
use crate::start_error::{EngineError, StartError};
use crate::starting;
use crate::tls::{Tls, TlsFiles};
use crate::upkeep::upkeep;
use crate::validity;
use crate::webhook::Webhook;
use crate::websocket;

/// The future that runs the engine and returns the store.
type Service = Pin<Box<dyn Future<Output = ServerStore> + Send>>;

/// The TLS acceptor, its files, and the watcher of these files.
type WatchedCertificate = (Arc<Tls>, TlsFiles, FileWatch);

/// A key set and its watcher.
type WatchedKeys = (Arc<Jwks>, FileWatch);

/// The ready texts, and the watcher of their file.
type WatchedPhrases = (PhraseFile, FileWatch);

/// A server that listens and does not accept connections yet.
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    handle: Handle,
    service: Service,
    verifier: TokenVerifier,
    store: ServerStore,
    retention: Option<RetentionSetting>,
    /// Bytes to keep free on the disk; `None` for the default.
    reserve: Option<u64>,
    max_connections: u32,
    trusted_proxies: Vec<IpNet>,
    metrics: Arc<Metrics>,
    audit: AuditTrail,
    phase: watch::Sender<Phase>,
    health: Arc<Health>,
    drain_for: Duration,
    tls: Option<WatchedCertificate>,
    keys: Option<WatchedKeys>,
    phrases: Option<WatchedPhrases>,
    reload: Reload,
    admin: Admin,
    administrators: Listeners,
    webhook: Option<Webhook>,
    #[cfg(feature = "postgres")]
    data_dir: PathBuf,
    #[cfg(feature = "postgres")]
    online: Arc<OnlineUsers>,
    #[cfg(feature = "console")]
    console: Console,
}

impl Server {
    /// Opens the store and listens. Clients wait in the accept queue until [`run`](Self::run).
    ///
    /// # Errors
    ///
    /// [`StartError`]. Its text tells the operator the remedy.
    pub async fn bind(config: &Config) -> Result<Self, StartError> {
        let mut settings = settings(config)?;
        let data_dir = &config.data.data_dir;
        open_store::must_be_own(data_dir)?;
        // Before a secret is generated there.
        ServerStore::look(config)?;
        let (verifier, origin) = config.tokens.verifier(data_dir)?;
        let reload = Reload::new();
        let tls = certificate(config, &reload)?;
        let keys = key_set(&verifier, &reload).await?;
        let phrases = phrases(config, &reload, &mut settings)?;
        let webhook = config.webhook.webhook()?;
        config.admin.tokens()?;
        let listener = listen(&config.listen, &origin).await?;
        let address = listener.local_addr().map_err(listen_error(&config.listen))?;
        #[cfg(feature = "console")]
        let console = Console::new(address, config, &origin)?;
        let accepted = tls.as_ref().map(|(tls, ..)| tls.clone());
        let store = starting::meanwhile(&listener, accepted, ServerStore::open(config)).await?;
        let administrators = Listeners::bind(&config.admin, data_dir).await?;
        let clock = SystemClock::start();
        let audit = AuditTrail::start(data_dir, u64::from(config.audit_mib) << 20, clock);
        let audit = audit.map_err(StartError::Audit)?;
        let (log, others) = (audit.clone(), store.clone());
        let drive = Drive::new(engine(settings)?, store.clone(), verifier.clone(), clock);
        let drive = drive.log(move |handled| log.handled(handled)).hint_by(move |hint| others.hint(hint));
        let (handle, service) = drive.frame_by(websocket::frame_texts).start();
        let metrics = Metrics::new(clock);
        let (phase, seen) = watch::channel(Phase::Serving);
        let health = Arc::new(Health::new(seen, store.clone()));
        announce(&origin);
        Ok(Self {
            listener,
            address,
            admin: Admin::new(
                handle.clone(),
                store.clone(),
                metrics.clone(),
                health.clone(),
                (audit.clone(), data_dir.clone()),
            ),
            trusted_proxies: config.trusted_proxy.clone(),
            metrics,
            audit,
            phase,
            health,
            administrators,
            webhook,
            handle,
            service: Box::pin(service),
            verifier,
            store,
            retention: config.retention(),
            reserve: config.reserve_mib.map(|mib| u64::from(mib) << 20),
            max_connections: config.max_connections,
            tls,
            keys,
            phrases,
            reload,
            drain_for: Duration::from_secs(config.drain_seconds.into()),
            #[cfg(feature = "postgres")]
            data_dir: data_dir.clone(),
            #[cfg(feature = "postgres")]
            online: Arc::default(),
            #[cfg(feature = "console")]
            console,
        })
    }

    /// The address of the listener, with the actual port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for clients.
    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "wss" } else { "ws" };
        format!("{scheme}://{}{CONNECT_PATH}", self.address)
    }

    /// A handle that reloads the certificate and the key set at once instead of at the next check.
    pub fn reload(&self) -> Reload {
        self.reload.clone()
    }

    /// The URL of the console. With a trial, the URL contains its secret key; give it only to the
    /// person who started the server.
    #[cfg(feature = "console")]
    pub fn console_url(&self) -> String {
        self.console.url()
    }

    /// The administrative API, for serving elsewhere too. Keeps the store open until the last clone
    /// is dropped or the server has stopped.
    pub fn admin(&self) -> Admin {
        self.admin.clone()
    }

    /// Serves until `shutdown` completes. Then refuses new clients, and tells connected ones to
    /// move (1001) in batches over the configured time. Finally, within 10 seconds, completes and
    /// syncs pending work, closes the remaining connections with 1001, and closes the store.
    ///
    /// # Errors
    ///
    /// [`EngineError`] as soon as the engine fails.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) -> Result<(), EngineError> {
        let administration = mem::take(&mut self.administrators).serve(self.admin.clone());
        let mut duties = Duties::start(&self.store.clone(), self.duties());
        let shutdown = async {
            shutdown.await;
            duties.stop_webhook().await;
        };
        let audit = self.audit.clone();
        let outcome = self.run_chat(shutdown).await;
        duties.end().await;
        administration.stop().await;
        // Blocks for a second at most.
        let _closed = spawn_blocking(move || audit.close()).await;
        outcome
    }

    fn duties(&mut self) -> DutySettings {
        DutySettings {
            webhook: self.webhook.take(),
            retention: self.retention,
            handle: self.handle.clone(),
            metrics: self.metrics.clone(),
            #[cfg(feature = "postgres")]
            data_dir: self.data_dir.clone(),
            #[cfg(feature = "postgres")]
            presence: (self.address, self.online.clone()),
        }
    }

    async fn run_chat(self, shutdown: impl Future<Output = ()>) -> Result<(), EngineError> {
        let files = raise_file_limit(self.max_connections);
        let mut service = tokio::spawn(self.service);
        let phase = self.phase;
        let (tls, mut renewals) = start_renewals(self.tls, self.keys, self.metrics.clone());
        if let Some((file, watch)) = self.phrases {
            renewals.spawn(file.renew(self.handle.clone(), watch));
        }
        let places = Arc::new(Semaphore::new(self.max_connections as usize));
        let room = Room { files, connections: (self.max_connections as usize, places.clone()) };
        let newcomers = Newcomers::new(self.trusted_proxies, room, self.metrics.clone());
        let shared = Arc::new(Shared {
            handle: self.handle.clone(),
            verifier: self.verifier,
            places,
            metrics: self.metrics,
            audit: self.audit,
            health: self.health,
            tls,
            #[cfg(feature = "postgres")]
            online: self.store.local().is_none().then_some(self.online),
            #[cfg(feature = "console")]
            console: self.console,
        });
        // Every connection holds a sender. The channel ends when all are gone.
        let (alive, all_gone) = mpsc::channel::<Infallible>(1);
        tokio::select! {
            () = async {
                starting::until_ready(&self.handle).await;
                accept_all(&self.listener, &newcomers, &shared, &alive).await;
            } => {}
            () = async {
                shutdown.await;
                info!(seconds = self.drain_for.as_secs(), "stopping");
                phase.send_replace(Phase::Draining);
                drain::disconnect_gracefully(&self.handle, self.drain_for).await;
            } => {}
            never = upkeep(&self.store, &self.handle, &shared.metrics, self.retention, self.reserve) => match never {},
            ended = &mut service => {
                let error = ended.map_or(EngineError::Failed, |_| EngineError::OtherHistory);
                drop((self.listener, alive, shared));
                phase.send_replace(Phase::Stopping);
                // The engine has closed all connections with 1001.
                drain::say_goodbye(all_gone).await;
                return Err(error);
            }
        }
        drop((self.listener, alive, shared));
        phase.send_replace(Phase::Stopping);
        drain::shut_down(&self.handle, service, all_gone).await
    }
}

/// The errors that [`Server::bind`] would report, as far as detectable without starting anything.
pub(crate) async fn check(config: &Config) -> Vec<StartError> {
    let tokens = config.tokens.check(&config.data.data_dir);
    let origin = tokens.as_ref().unwrap_or(&SecretOrigin::Given);
    let addresses = addresses(&config.listen, origin).await;
    let tls = config.tls.files().and_then(|files| files.map(|files| files.read()).transpose());
    let faults = [
        tokens.err().map(StartError::from),
        addresses.err(),
        tls.err().map(StartError::from),
        config.admin.check().await.err().map(StartError::from),
        ServerStore::look(config).err(),
        config.webhook.webhook().err().map(StartError::from),
        phrase_file(config).and_then(|file| file.read().err()).map(StartError::from),
        settings(config).err().map(StartError::from),
    ];
    faults.into_iter().flatten().collect()
}

fn certificate(config: &Config, reload: &Reload) -> Result<Option<WatchedCertificate>, StartError> {
    let Some(files) = config.tls.files()? else { return Ok(None) };
    let watch = files.watch(reload);
    Ok(Some((Arc::new(Tls::new(&files)?), files, watch)))
}

async fn key_set(verifier: &TokenVerifier, reload: &Reload) -> Result<Option<WatchedKeys>, StartError> {
    let Some(keys) = verifier.jwks().cloned() else { return Ok(None) };
    let watch = keys.watch(reload);
    keys.begin().await.map_err(TokenConfigError::from)?;
    Ok(Some((keys, watch)))
}

fn phrase_file(config: &Config) -> Option<PhraseFile> {
    config.phrases.clone().map(PhraseFile::new)
}

/// Reads the ready texts into the settings.
fn phrases(
    config: &Config,
    reload: &Reload,
    settings: &mut Settings,
) -> Result<Option<WatchedPhrases>, PhrasesFileError> {
    let Some(file) = phrase_file(config) else { return Ok(None) };
    let watch = file.watch(reload);
    settings.phrases = Arc::new(file.read()?);
    Ok(Some((file, watch)))
}

/// Renews the certificate and the key set until the returned tasks are dropped.
fn start_renewals(
    tls: Option<WatchedCertificate>,
    keys: Option<WatchedKeys>,
    metrics: Arc<Metrics>,
) -> (Option<Arc<Tls>>, JoinSet<()>) {
    let mut renewals = JoinSet::new();
    let (watched, read) =
        (tls.as_ref().map(|(tls, ..)| tls.clone()), keys.as_ref().map(|(keys, _)| keys.clone()));
    renewals.spawn(validity::watch(watched, read, metrics));
    let tls = tls.map(|(tls, files, watch)| {
        renewals.spawn(tls.clone().renew(files, watch));
        tls
    });
    if let Some((keys, watch)) = keys {
        renewals.spawn(keys.renew(watch));
    }
    (tls, renewals)
}

fn settings(config: &Config) -> Result<Settings, SettingsError> {
    let server = config.node_name.as_deref().map(Into::into);
    let settings = Settings { limits: config.limits(), server, ..Settings::default() };
    settings.check()?;
    Ok(settings)
}

fn engine(settings: Settings) -> Result<Engine, StartError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(StartError::NoRandomness)?;
    Ok(Engine::new(settings, seed))
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The command line refuses a zero, but an embedder's [`Config`] may hold one.
    #[tokio::test]
    async fn senseless_limits_are_refused_before_anything_is_begun() {
        let dir = tempfile::tempdir().unwrap();
        let mut config = Config { max_waiting_mib: 0, listen: "127.0.0.1:0".into(), ..Config::default() };
        config.data.data_dir = dir.path().join("data");
        let error = Server::bind(&config).await.err().map(|error| error.to_string());
        let found: Vec<_> = check(&config).await.iter().map(ToString::to_string).collect();
        assert_eq!(error.as_slice(), found);
        assert!(found[0].contains("`outbound.total_bytes` is too small"), "{found:?}");
        assert!(found[0].contains("--max-waiting-mib"), "the remedy: {found:?}");
        assert!(!config.data.data_dir.exists());
    }
}

//! Logins over a link that takes a tenth of a second in each direction.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chat_core::protocol::{Role, User};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex, split};
use tokio::net::TcpSocket;
use tokio::runtime;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::process::{Part, Server};

/// The local address of honest clients.
const HONEST: &str = "127.0.5.1:0";

/// The delay of the link in each direction.
const DELAY: Duration = Duration::from_millis(100);

/// The time between the starts of two logins.
const INTERVAL: Duration = Duration::from_millis(25);

/// The longest time of a login. A failed login counts as this long.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A self-signed certificate, in files for the server.
pub(crate) struct Certificate {
    dir: PathBuf,
    connector: TlsConnector,
}

impl Certificate {
    pub(crate) fn new(dir: &Path) -> io::Result<Self> {
        let made = generate_simple_self_signed(["localhost".to_owned()]).map_err(io::Error::other)?;
        let CertifiedKey { cert, signing_key } = made;
        fs::write(dir.join("chain.pem"), pem("CERTIFICATE", cert.der()))?;
        fs::write(dir.join("key.pem"), pem("PRIVATE KEY", signing_key.serialized_der()))?;
        let connector = connector(cert.der()).map_err(io::Error::other)?;
        Ok(Self { dir: dir.to_owned(), connector })
    }

    /// The flags that make a server use this certificate.
    pub(crate) fn flags(&self) -> Vec<String> {
        let path = |name| self.dir.join(name).display().to_string();
        vec!["--tls-certificate-file".into(), path("chain.pem"), "--tls-key-file".into(), path("key.pem")]
    }
}

fn pem(label: &str, bytes: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(bytes))
}

/// Returns a connector that trusts this certificate only.
fn connector(certificate: &CertificateDer<'static>) -> Result<TlsConnector, tokio_rustls::rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone())?;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// Users that log in at one server.
pub(crate) struct Logins<'a> {
    server: &'a Server,
    name: &'a str,
    connector: Option<TlsConnector>,
    runtime: runtime::Runtime,
}

impl<'a> Logins<'a> {
    pub(crate) fn new(
        server: &'a Server,
        name: &'a str,
        certificate: Option<&Certificate>,
    ) -> io::Result<Self> {
        let connector = certificate.map(|certificate| certificate.connector.clone());
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { server, name, connector, runtime })
    }

    /// Starts a login every [`INTERVAL`] during `window`. Returns the time of each login, in rising
    /// order.
    pub(crate) fn run(&self, window: Duration) -> Vec<Duration> {
        let mut waited = self.runtime.block_on(async {
            let (mut logins, mut due) = (JoinSet::new(), interval(INTERVAL));
            for number in 0..window.as_millis() / INTERVAL.as_millis() {
                due.tick().await;
                let user = User::new(format!("{}_{number}", self.name).as_str(), Role::BusDriver);
                let opening = self.server.opening(&user, Part::Other);
                logins.spawn(timed(self.server.address(), self.connector.clone(), opening));
            }
            logins.join_all().await
        });
        waited.sort_unstable();
        waited
    }
}

/// Returns the time until a user is logged in.
async fn timed(to: SocketAddr, connector: Option<TlsConnector>, opening: Vec<u8>) -> Duration {
    let start = Instant::now();
    match timeout(TIMEOUT, login(to, connector, opening)).await {
        Ok(Ok(())) => start.elapsed(),
        Ok(Err(error)) => {
            eprintln!("a login failed: {error}");
            TIMEOUT
        }
        Err(_) => TIMEOUT,
    }
}

async fn login(to: SocketAddr, connector: Option<TlsConnector>, opening: Vec<u8>) -> io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(HONEST.parse().expect("a constant address"))?;
    let link = slow_link(socket.connect(to).await?);
    match connector {
        None => open_websocket(link, &opening).await,
        Some(connector) => {
            let name = ServerName::try_from("localhost").expect("a constant name");
            open_websocket(connector.connect(name, link).await?, &opening).await
        }
    }
}

/// Opens a WebSocket, and waits for the answer.
async fn open_websocket<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, opening: &[u8]) -> io::Result<()> {
    stream.write_all(opening).await?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await?;
    if &answer == b"HTTP/1.1 101" {
        Ok(())
    } else {
        Err(io::Error::other(String::from_utf8_lossy(&answer).into_owned()))
    }
}

/// Returns the near end of a slow link to this stream.
fn slow_link(stream: tokio::net::TcpStream) -> DuplexStream {
    let (near, far) = duplex(64 * 1024);
    let (read_near, write_near) = split(far);
    let (read_far, write_far) = stream.into_split();
    tokio::spawn(forward(read_near, write_far));
    tokio::spawn(forward(read_far, write_near));
    near
}

/// Forwards each piece of a stream after its delay.
async fn forward(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> io::Result<()> {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut buffer).await?;
        sleep(DELAY).await;
        match read {
            0 => return to.shutdown().await,
            _ => to.write_all(&buffer[..read]).await?,
        }
    }
}

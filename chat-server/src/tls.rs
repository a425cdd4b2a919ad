//! TLS: a certificate and its key from files, reloaded when these change.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_blocking;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject as _};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tracing::{error, info};

use crate::reload::{FileWatch, Reload};

/// Bytes buffered by TLS for a slow peer. Kept small, because a stalled peer must be noticed as
/// soon as without TLS.
const BUFFER: usize = 16 * 1024;

/// The files of a TLS server.
#[derive(Clone, Debug)]
pub(crate) struct TlsFiles {
    /// The certificate chain, in PEM.
    pub(crate) certificate: PathBuf,
    /// The private key, in PEM.
    pub(crate) key: PathBuf,
}

/// The reason that TLS can't be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// Only one of the two files is given.
    #[error("TLS needs both --tls-certificate-file and --tls-key-file, and only one is given")]
    Incomplete,
    /// A file can't be read.
    #[error("can't read {}: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// A file contains nothing usable.
    #[error("{} holds no {what} in PEM format", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
        /// The expected content.
        what: &'static str,
    },
    /// Certificate and key do not match, or can't be used.
    #[error("can't use the certificate in {} with the key in {}: {error}", certificate.display(), key.display())]
    Unfit {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// The error of the TLS library.
        error: rustls::Error,
    },
}

impl TlsFiles {
    /// Reads both files, and checks that they belong together.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub(crate) fn read(&self) -> Result<CertifiedKey, TlsError> {
        let chain = read(&self.certificate, "certificate", |path| {
            CertificateDer::pem_file_iter(path)?.collect::<Result<Vec<_>, _>>()
        })?;
        if chain.is_empty() {
            return Err(TlsError::Empty { path: self.certificate.clone(), what: "certificate" });
        }
        let key = read(&self.key, "private key", PrivateKeyDer::from_pem_file)?;
        CertifiedKey::from_der(chain, key, &ring::default_provider()).map_err(|error| TlsError::Unfit {
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            error,
        })
    }
}

fn read<'a, T>(
    path: &'a Path,
    what: &'static str,
    read: impl FnOnce(&'a Path) -> Result<T, pem::Error>,
) -> Result<T, TlsError> {
    read(path).map_err(|error| match error {
        pem::Error::Io(error) => TlsError::Unreadable { path: path.to_owned(), error },
        _ => TlsError::Empty { path: path.to_owned(), what },
    })
}

/// A TLS client that trusts the authorities of this file, or by default those that Mozilla trusts.
/// `None` if the file contains no authority.
pub(crate) fn connector(authorities: Option<&Path>) -> Option<TlsConnector> {
    let roots = match authorities {
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        Some(path) => trusted(path)?,
    };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Some(TlsConnector::from(Arc::new(config)))
}

fn trusted(path: &Path) -> Option<RootCertStore> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).ok()? {
        roots.add(certificate.ok()?).ok()?;
    }
    (!roots.is_empty()).then_some(roots)
}

/// A TLS acceptor. New connections get the certificate that was read last.
pub(crate) struct Tls {
    acceptor: TlsAcceptor,
    current: Arc<CurrentCertificate>,
}

#[derive(Debug)]
struct CurrentCertificate(RwLock<Arc<CertifiedKey>>);

impl ResolvesServerCert for CurrentCertificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Tls {
    /// An acceptor with the certificate of these files.
    ///
    /// # Errors
    ///
    /// [`TlsError`].
    pub(crate) fn new(files: &TlsFiles) -> Result<Self, TlsError> {
        let current = Arc::new(CurrentCertificate(RwLock::new(Arc::new(files.read()?))));
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the ciphers of TLS 1.2 and 1.3")
            .with_no_client_auth()
            .with_cert_resolver(current.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { acceptor: Arc::new(config).into(), current })
    }

    /// Performs the TLS handshake. Returns the stream with the error on failure.
    pub(crate) async fn accept<S>(&self, stream: S) -> Result<TlsStream<S>, (io::Error, S)>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let limit = |connection: &mut rustls::ServerConnection| connection.set_buffer_limit(Some(BUFFER));
        self.acceptor.accept_with(stream, limit).into_fallible().await
    }

    /// Reloads the files after changes, for ever. Unusable content is ignored.
    pub(crate) async fn renew(self: Arc<Self>, files: TlsFiles, mut watch: FileWatch) {
        loop {
            watch.changed().await;
            let reading = files.clone();
            match spawn_blocking(move || reading.read()).await {
                Ok(Ok(key)) => {
                    *self.current.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(key);
                    info!("new connections get the certificate in {}", files.certificate.display());
                }
                Ok(Err(error)) => error!("the certificate stays as it was: {error}"),
                Err(error) => error!(%error, "could not read the certificate: it stays as it was"),
            }
        }
    }
}

impl TlsFiles {
    /// Watches the files for changes.
    pub(crate) fn watch(&self, reload: &Reload) -> FileWatch {
        FileWatch::new(vec![self.certificate.clone(), self.key.clone()], reload)
    }
}

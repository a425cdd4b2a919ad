//! TLS: a certificate and its key from files, reloaded when these change.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use chat_core::time::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::spawn_blocking;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::{ClientHello, ResolvesServerCert};
use tokio_rustls::rustls::sign::CertifiedKey;
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tracing::{error, info};

use crate::certificate::Certificate;
use crate::p521::P521Key;
use crate::reload::{FileWatch, Reload};

/// Bytes buffered by TLS for a slow peer. Kept small, because a stalled peer must be noticed as
/// soon as without TLS.
const BUFFER: usize = 16 * 1024;

/// The word that tells an encrypted key, in PKCS#8 and before.
const ENCRYPTED: &[u8] = b"ENCRYPTED";

/// The mark of UTF-8 text.
const BYTE_ORDER_MARK: &[u8] = &[0xef, 0xbb, 0xbf];

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
    /// The key needs a passphrase, which nobody could enter at a start.
    #[error(
        "the key in {} is encrypted: remove the passphrase, as in openssl pkey -in key.pem -out open-key.pem",
        .0.display()
    )]
    Encrypted(PathBuf),
    /// The server's own certificate is not the first one.
    #[error(
        "the certificates in {} are in the wrong order: the server's own comes first, then the one that signed it",
        .0.display()
    )]
    WrongOrder(PathBuf),
    /// The certificate has no extensions, and clients refuse it.
    #[error("the certificate in {} has version 1 of X.509: have one of version 3 issued, with a subjectAltName", .0.display())]
    OldVersion(PathBuf),
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
        let empty = |path: &Path, what| TlsError::Empty { path: path.to_owned(), what };
        let text = read(&self.certificate)?;
        let chain = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain.ok_or_else(|| empty(&self.certificate, "certificate"))?;
        let text = read(&self.key)?;
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
            let is_encrypted = text.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED);
            if is_encrypted { TlsError::Encrypted(self.key.clone()) } else { empty(&self.key, "private key") }
        })?;
        self.pair(&chain, &key)
    }

    fn pair(
        &self,
        chain: &[CertificateDer<'static>],
        key: &PrivateKeyDer<'static>,
    ) -> Result<CertifiedKey, TlsError> {
        let pair = |chain: &[CertificateDer<'static>]| match P521Key::read(key) {
            None => CertifiedKey::from_der(chain.to_vec(), key.clone_key(), &ring::default_provider()),
            Some(key) => {
                let pair = CertifiedKey::new(chain.to_vec(), Arc::new(key));
                pair.keys_match().map(|()| pair)
            }
        };
        pair(chain).map_err(|error| {
            let is_of_key = |other: &CertificateDer<'static>| pair(std::slice::from_ref(other)).is_ok();
            let is_old = Certificate::read(&chain[0]).is_some_and(|certificate| !certificate.has_version);
            let (certificate, key) = (self.certificate.clone(), self.key.clone());
            match () {
                () if chain[1..].iter().any(is_of_key) => TlsError::WrongOrder(certificate),
                () if is_old => TlsError::OldVersion(certificate),
                () => TlsError::Unfit { certificate, key, error },
            }
        })
    }
}

/// Reads a file, without the mark that some editors put at its begin.
fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut text = fs::read(path).map_err(|error| TlsError::Unreadable { path: path.to_owned(), error })?;
    if text.starts_with(BYTE_ORDER_MARK) {
        text.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(text)
}

/// The end of the server's certificate.
pub(crate) fn expires_at(key: &CertifiedKey) -> Option<Timestamp> {
    Some(Certificate::read(key.cert.first()?)?.expires_at)
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

    /// The end of the current certificate.
    pub(crate) fn expires_at(&self) -> Option<Timestamp> {
        expires_at(&self.current.0.read().unwrap_or_else(PoisonError::into_inner))
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

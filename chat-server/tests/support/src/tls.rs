//! Certificates of a test's own authority, and clients with trust in it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chat_core::protocol::User;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

use super::client::Wire;
use super::{Client, Server, token};

/// Bytes as PEM.
pub fn pem(label: &str, bytes: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", STANDARD.encode(bytes))
}

/// An authority, and the certificate files of its one server.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    dir: PathBuf,
}

impl Authority {
    /// A new one, which has put a certificate and its key into this directory.
    pub fn new(dir: &Path) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let authority = Self { issuer, dir: dir.to_owned() };
        authority.renew();
        authority
    }

    /// The flags that name the certificate files.
    pub fn flags(&self) -> [String; 4] {
        let path = |name| self.dir.join(name).to_str().unwrap().to_owned();
        ["--tls-certificate-file".into(), path("chain.pem"), "--tls-key-file".into(), path("key.pem")]
    }

    /// A server with such a certificate, and its data in the same directory.
    pub fn serve(&self, more: &[&str]) -> Server {
        let flags = self.flags();
        let flags: Vec<_> = flags.iter().map(String::as_str).chain(more.iter().copied()).collect();
        Server::start_in(&self.dir, &flags)
    }

    /// Replaces certificate and key, each at once, by new ones; gives the certificate's bytes.
    pub fn renew(&self) -> Vec<u8> {
        let params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        let chain = [certificate.der(), self.issuer.der()].map(|der| pem("CERTIFICATE", der));
        self.replace("chain.pem", &chain.concat());
        self.replace("key.pem", &pem("PRIVATE KEY", key.serialized_der()));
        certificate.der().to_vec()
    }

    /// Replaces one of the files at once.
    pub fn replace(&self, name: &str, text: &str) {
        let draft = self.dir.join("draft");
        std::fs::write(&draft, text).unwrap();
        std::fs::rename(draft, self.dir.join(name)).unwrap();
    }

    /// The file with the authority's own certificate.
    pub fn file(&self) -> String {
        self.replace("authority.pem", &pem("CERTIFICATE", self.issuer.der()));
        self.dir.join("authority.pem").to_str().unwrap().to_owned()
    }

    /// The server's end of TLS, in this process, with the certificate that was made last.
    pub fn acceptor(&self) -> TlsAcceptor {
        let chain = CertificateDer::pem_file_iter(self.dir.join("chain.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(self.dir.join("key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.collect::<Result<_, _>>().unwrap(), key)
            .unwrap();
        Arc::new(config).into()
    }

    /// Settings of a client that trusts only this authority.
    pub fn trusted(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::clone(self.issuer.der())).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }

    /// Sets TLS up with a server.
    pub async fn reach(&self, server: &Server) -> std::io::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(server.authority()).await?;
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(self.trusted()).connect(name, stream).await
    }

    /// The certificate that a server shows.
    pub async fn shown(&self, server: &Server) -> Vec<u8> {
        let stream = self.reach(server).await.unwrap();
        stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
    }

    /// Connects as a user.
    pub async fn connect(&self, server: &Server, user: &User) -> Client {
        let wire: Box<dyn Wire> = Box::new(self.reach(server).await.unwrap());
        Client::open_by(format!("{}?token={}", server.url, token(user)), wire).await.unwrap().0
    }
}

//! TLS: trust, and errors in plain words.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, InvalidMessage, RootCertStore};

use super::link::Watched;
use crate::transport::TransportError;

/// Returns a TLS configuration with Mozilla's list of authorities.
///
/// The list is built in, because the platform's own trust needs Java code and an initialisation in
/// every Android app. The provider is explicit, because the process's default panics in an app with
/// two providers compiled in. The provider is ring, which builds for phones with only a C compiler.
pub(super) fn mozilla() -> Arc<ClientConfig> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has the ciphers of TLS 1.2 and 1.3")
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}

/// Opens TLS over a stream. Signs of life are watched below TLS, where every byte counts.
pub(super) async fn connect<S: AsyncRead + AsyncWrite + Unpin>(
    config: &Arc<ClientConfig>,
    name: &ServerName<'static>,
    stream: Watched<S>,
) -> Result<TlsStream<Watched<S>>, TransportError> {
    let connecting = TlsConnector::from(Arc::clone(config)).connect(name.clone(), stream);
    connecting.await.map_err(|error| explain(&error))
}

/// Explains a failed handshake. Another attempt always makes sense: a captive portal shows its own
/// certificate, and a phone that has just started may have the wrong date.
fn explain(error: &io::Error) -> TransportError {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidCertificate(invalid)) => {
            let why = certificate(invalid);
            TransportError::network(format_args!("the server's certificate {why} ({invalid})"))
        }
        Some(Error::InvalidMessage(InvalidMessage::InvalidContentType)) => TransportError::network(
            "the server does not speak TLS on this port; is its address ws:// instead of wss://?",
        ),
        Some(other) => TransportError::network(format_args!("TLS with the server failed: {other}")),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            TransportError::network("the server hung up while TLS was set up")
        }
        None => TransportError::network(format_args!("the connection broke while TLS was set up: {error}")),
    }
}

fn certificate(invalid: &CertificateError) -> &'static str {
    match invalid {
        CertificateError::UnknownIssuer => "comes from an authority that this app does not trust",
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "has expired, or the clock of this device is wrong"
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "is not valid yet, or the clock of this device is wrong"
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "is for another server"
        }
        CertificateError::Revoked => "was revoked",
        _ => "is invalid",
    }
}

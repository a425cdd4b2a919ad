//! `wss://`: trust, and errors of TLS.

use std::sync::Arc;

use async_tungstenite::tungstenite::Message;
use chat_client::Retry;
use chat_client::transport::{Connector as _, TransportError};
use chat_client::websocket::rustls::crypto::ring;
use chat_client::websocket::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use chat_client::websocket::rustls::{ClientConfig, RootCertStore, ServerConfig};
use chat_client::websocket::{Socket, WebSocket};
use chat_core::frame::Frame;
use futures::{SinkExt as _, StreamExt as _};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::server::{accept, attempt, head, listen};

/// A certificate authority of a test.
struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// Returns a TLS server with this authority's certificate for this name, valid in these years.
    fn acceptor(&self, name: &str, years: std::ops::Range<i32>) -> TlsAcceptor {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.not_before = rcgen::date_time_ymd(years.start, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.end, 1, 1);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::from(key))
            .unwrap();
        Arc::new(config).into()
    }

    /// Returns the TLS configuration of a client that trusts only this authority.
    fn trusted(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::clone(self.0.der())).unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Arc::new(config)
    }
}

async fn listen_secure() -> (TcpListener, WebSocket) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, WebSocket::new(&format!("wss://localhost:{port}/")).unwrap())
}

/// Returns the client's end, and the server's task, which echoes one frame.
async fn connected(
    acceptor: TlsAcceptor,
    trusted: Arc<ClientConfig>,
) -> (Socket<TcpStream>, impl Future<Output = ()>) {
    let (listener, connector) = listen_secure().await;
    let mut connector = connector.with_tls(trusted);
    let serve = async {
        let stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        accept(stream).await.0
    };
    let (client, mut server) = futures::join!(connector.connect(attempt()), serve);
    let echo = async move {
        let frame = server.next().await.unwrap().unwrap();
        server.send(frame).await.unwrap();
        let Some(Ok(Message::Close(_))) = server.next().await else { panic!("no close") };
        assert!(server.next().await.is_none());
    };
    (client.unwrap(), echo)
}

/// Returns the error of a client with this or the default trust at this server.
async fn failure(acceptor: TlsAcceptor, trusted: Option<Arc<ClientConfig>>) -> TransportError {
    let (listener, connector) = listen_secure().await;
    let mut connector = match trusted {
        Some(trusted) => connector.with_tls(trusted),
        None => connector,
    };
    let serve = async { acceptor.accept(listener.accept().await.unwrap().0).await.is_err() };
    let (client, refused) = futures::join!(connector.connect(attempt()), serve);
    assert!(refused, "the server is told");
    let failure = client.expect_err("a failure");
    assert_eq!(failure.retry, Retry::AfterPause(None));
    failure
}

#[tokio::test]
async fn an_authority_of_ones_own_is_trusted_if_told_to() {
    let authority = Authority::new();
    let (mut client, echo) =
        connected(authority.acceptor("localhost", 2020..2100), authority.trusted()).await;
    let talk = async {
        let long = Frame::Text("x".repeat(100_000).into());
        client.send(long.clone()).await.unwrap();
        assert_eq!(client.next().await, Some(Ok(long)));
        client.close().await.unwrap();
        drop(client);
    };
    futures::join!(talk, echo);
}

#[tokio::test]
async fn an_authority_of_ones_own_is_not_trusted_unless_told_to() {
    let authority = Authority::new();
    let failure = failure(authority.acceptor("localhost", 2020..2100), None).await;
    let reason = "the server's certificate comes from an authority that this app does not trust";
    assert!(failure.reason.starts_with(reason), "{failure}");
}

#[tokio::test]
async fn a_certificate_that_is_not_good_is_explained() {
    let authority = Authority::new();
    let all = [
        ("localhost", 2000..2001, "has expired, or the clock of this device is wrong"),
        ("localhost", 2098..2099, "is not valid yet, or the clock of this device is wrong"),
        ("chat.example.com", 2020..2100, "is for another server"),
    ];
    for (name, years, what) in all {
        let failure = failure(authority.acceptor(name, years), Some(authority.trusted())).await;
        assert!(failure.reason.starts_with(&format!("the server's certificate {what}")), "{failure}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart() {
    let (listener, mut connector) = listen_secure().await;
    let serve = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        stream
    };
    let (client, _stream) = futures::join!(connector.connect(attempt()), serve);
    let reason = "the server does not speak TLS on this port; is its address ws:// instead of wss://?";
    assert_eq!(client.unwrap_err(), TransportError::network(reason));

    let (listener, mut connector) = listen_secure().await;
    let serve = async { drop(listener.accept().await.unwrap()) };
    let (client, ()) = futures::join!(connector.connect(attempt()), serve);
    let failure = client.unwrap_err();
    assert!(failure.reason.contains("while TLS was set up"), "{failure}");
}

#[tokio::test]
async fn a_client_without_tls_is_told_that_it_is_no_http() {
    let acceptor = Authority::new().acceptor("localhost", 2020..2100);
    let (listener, mut connector) = listen().await;
    let serve = async { acceptor.accept(listener.accept().await.unwrap().0).await.is_err() };
    let (client, _) = futures::join!(connector.connect(attempt()), serve);
    let failure = client.unwrap_err();
    assert!(failure.reason.starts_with("the server does not speak HTTP"), "{failure}");
}

#[tokio::test]
async fn a_dead_link_is_found_below_tls_too() {
    let authority = Authority::new();
    let (mut client, _silent) =
        connected(authority.acceptor("localhost", 2020..2100), authority.trusted()).await;
    tokio::time::pause();
    let failure = client.next().await.unwrap().unwrap_err();
    assert_eq!(failure, TransportError::network("the link is dead: the server gave no sign of life for 25s"));
}

#[tokio::test]
async fn an_end_without_a_goodbye_is_told_below_tls_too() {
    let authority = Authority::new();
    let (mut client, server) =
        connected(authority.acceptor("localhost", 2020..2100), authority.trusted()).await;
    drop(server);
    let failure = client.next().await.unwrap().unwrap_err();
    assert_eq!(failure, TransportError::network("the connection broke: the other side hung up"));
}

#[tokio::test]
async fn one_connector_connects_again_and_again() {
    let authority = Authority::new();
    let acceptor = authority.acceptor("localhost", 2020..2100);
    let (listener, connector) = listen_secure().await;
    let mut connector = connector.with_tls(authority.trusted());
    for _ in 0..3 {
        let serve = async {
            let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
            head(&mut stream).await
        };
        let (client, head) = futures::join!(connector.connect(attempt()), serve);
        assert!(client.is_err(), "hung up on");
        assert!(head.starts_with("GET /?heartbeat=25 HTTP/1.1\r\n"), "{head}");
    }
}

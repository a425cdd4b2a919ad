//! A collector that keeps everything received.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// The requests that the collector got: heads and bodies.
type Sent = Arc<Mutex<Vec<(Parts, Bytes)>>>;

/// A collector, listening until dropped.
pub struct Collector {
    pub address: SocketAddr,
    sent: Sent,
    task: JoinHandle<()>,
}

impl Collector {
    /// One on a free port, with TLS if that is given.
    pub async fn start(tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let sent = Sent::default();
        let task = tokio::spawn(accept(listener, tls, sent.clone()));
        Self { address, sent, task }
    }

    /// Everything received.
    pub fn sent(&self) -> Vec<(Parts, Bytes)> {
        self.sent.lock().unwrap().clone()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, sent: Sent) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        match &tls {
            None => serve(stream, &sent).await,
            Some(tls) => serve(tls.accept(stream).await.unwrap(), &sent).await,
        }
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, sent: &Sent) {
    let service = service_fn(async |request: Request<Incoming>| {
        let (head, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        sent.lock().unwrap().push((head, body));
        Ok::<_, Infallible>(Response::new(Full::<Bytes>::default()))
    });
    http1::Builder::new().serve_connection(TokioIo::new(stream), service).await.unwrap();
}

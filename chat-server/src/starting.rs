//! The start: health checks while the store is being opened, which may take minutes, and a wait for
//! the engine.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use chat_core::drive::Handle;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use crate::health::{Health, Phase};
use crate::http::refusal;
use crate::store::Fault;
use crate::tls::Tls;

/// Time before anything is answered. Clients of a short start wait in the accept queue, and get in.
const QUIET: Duration = Duration::from_secs(1);

/// Connections at once. Further ones wait in the accept queue.
const CONNECTIONS: usize = 64;

/// Time for a connection from its begin to its end.
const WITHIN: Duration = Duration::from_secs(10);

/// Pause after `accept` fails because files or memory ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Interval between two looks whether the engine is ready.
const READY_EVERY: Duration = Duration::from_millis(20);

/// Patience for the engine at a start. Later, connections are accepted without it: health is
/// answered, and the engine asks clients to come back.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// Runs `opening`. Answers `/livez` and `/readyz` meanwhile, and refuses everything else (503).
pub(crate) async fn meanwhile<T>(
    listener: &TcpListener,
    tls: Option<Arc<Tls>>,
    opening: impl Future<Output = T>,
) -> T {
    tokio::select! {
        opened = opening => opened,
        never = answer_all(listener, tls, QUIET) => match never {},
    }
}

/// Waits until the engine has loaded its directory, or has ended, but not for long.
pub(crate) async fn until_ready(handle: &Handle) {
    let ready = async {
        while handle.stats().await.is_ok_and(|stats| !stats.engine.is_ready) {
            sleep(READY_EVERY).await;
        }
    };
    if timeout(READY_WITHIN, ready).await.is_err() {
        warn!("serves before the accounts of control are loaded");
    }
}

/// Accepts connections for ever. Dropping the future aborts them.
async fn answer_all(listener: &TcpListener, tls: Option<Arc<Tls>>, quiet: Duration) -> Infallible {
    sleep(quiet).await;
    // The sender is kept: a phase of a server that has not begun to serve.
    let (_phase, seen) = watch::channel(Phase::Serving);
    let health = Arc::new(Health::by(seen, || Some(Fault::Index)));
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let place = Arc::clone(&places).acquire_owned().await.expect("the semaphore is never closed");
        let Ok((stream, _)) = listener.accept().await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let (health, tls) = (health.clone(), tls.clone());
        connections.spawn(async move {
            // A client that is slower than this is closed.
            let _late = timeout(WITHIN, answer(stream, tls, &health)).await;
            drop(place);
        });
    }
}

async fn answer(stream: TcpStream, tls: Option<Arc<Tls>>, health: &Health) {
    let service = service_fn(async |request: Request<Incoming>| {
        let starting =
            || refusal(StatusCode::SERVICE_UNAVAILABLE, "the server is starting, connect again later");
        Ok::<_, Infallible>(*health.answer(&request).unwrap_or_else(starting))
    });
    let http = || {
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).keep_alive(false);
        http
    };
    let served = match tls {
        None => http().serve_connection(TokioIo::new(stream), service).await,
        Some(tls) => match tls.accept(stream).await {
            Ok(stream) => http().serve_connection(TokioIo::new(stream), service).await,
            Err((error, _)) => return debug!(%error, "no TLS with a client"),
        },
    };
    if let Err(error) = served {
        debug!(%error, "a connection during the start failed");
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    #[tokio::test]
    async fn health_is_answered_and_everything_else_is_told_to_come_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ask = async |path: &str| {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            answer
        };
        let asking = async {
            for (path, status, text) in [
                ("/livez", "200", "alive"),
                ("/readyz", "503", "not ready: the index is being built"),
                ("/api/websocket/connect", "503", "the server is starting"),
            ] {
                let answer = ask(path).await;
                assert!(
                    answer.starts_with(&format!("HTTP/1.1 {status}")) && answer.contains(text),
                    "{answer}"
                );
            }
        };
        tokio::select! {
            () = asking => {}
            never = answer_all(&listener, None, Duration::ZERO) => match never {},
        }
    }
}

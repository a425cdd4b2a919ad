//! The life of one connection, in one task: handshake, session, end. The session opens before the
//! HTTP response is sent, because live events begin with the connection.

mod shared;

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use chat_core::drive::{Frame, Session, SessionEnd};
use chat_core::id::UserId;
use chat_core::protocol::{CloseCode, ErrorCode, ErrorReply, encode};
use futures::SinkExt as _;
use http::{Request, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{timeout, timeout_at};
use tokio_rustls::server::TlsStream;
use tracing::debug;

pub(crate) use shared::Shared;

use crate::audit::AuditedConnection;
use crate::auth::TokenRejection;
use crate::health::Phase;
use crate::http::{HttpResponse, UpgradeRequest, refusal};
use crate::metrics::ConnectionMetrics;
use crate::newcomers::{ClientAddress, Newcomer, NewcomerPlace};
#[cfg(feature = "postgres")]
use crate::shared::OnlineUser;
use crate::tls::Tls;
use crate::transport::Transport;
use crate::websocket::{self, Heartbeat, Watch, WebSocket};

/// Deadline for sending a refusal.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

/// Most bytes of the request's head. A token with the longest possible claims has about 2 KiB.
const HEAD_BYTES: usize = 16 * 1024;

/// The result of a request that became a WebSocket.
struct OpenedSocket {
    admission: Admission,
    heartbeat: Heartbeat,
}

/// Whether a client is admitted.
enum Admission {
    /// The token is valid.
    Admitted(Box<Admitted>),
    /// Refused within the WebSocket, because browsers hide the response to a refused upgrade.
    Refused(ConnectionRefusal),
}

/// A session ready to run.
struct Admitted {
    session: Session,
    audited: AuditedConnection,
    counted: ConnectionMetrics,
    /// The session's permit (`--max-connections`).
    place: OwnedSemaphorePermit,
    address: ClientAddress,
    /// The user's place among those who are connected, if other servers have to know it.
    #[cfg(feature = "postgres")]
    online: Option<OnlineUser>,
}

impl Admitted {
    /// Runs the session to its end.
    async fn serve<S: Transport + Watch>(self: Box<Self>, mut websocket: Box<WebSocket<S>>) {
        #[cfg(feature = "postgres")]
        let _online = self.online;
        let (session, audited, mut counted) = (self.session, self.audited, self.counted);
        let (place, address) = (self.place, self.address);
        let (signs, clock) = (session.signs(), counted.clock());
        websocket.on_sign(move || signs.note(clock.monotonic()));
        let code = {
            let ended = session.run_with_observer(&mut *websocket, |carried| counted.carried(carried)).await;
            audited.ended(&counted.ended(&ended));
            match ended {
                SessionEnd::ByServer(code) => Some(code),
                SessionEnd::ByPeer | SessionEnd::Failed(_) => None,
            }
        };
        let end = Box::pin(websocket.finish(code));
        if code.is_some_and(turns_away) {
            Box::pin(address.leave(place, end)).await;
        } else {
            end.await;
            drop(place);
        }
    }
}

/// Whether the engine may close a session with this code before its first reply. A client that
/// does not close then holds no permit of a session, because a valid token costs nothing.
fn turns_away(code: CloseCode) -> bool {
    matches!(code, CloseCode::RightsChanged | CloseCode::Deactivated | CloseCode::TryAgainLater)
}

/// The reason that a client is not admitted.
#[derive(Clone, Debug)]
enum ConnectionRefusal {
    NotAuthenticated,
    /// The token of this user has expired.
    TokenExpired(UserId),
    /// The token may be valid, and can't be verified now.
    UnknownKey,
    Full,
}

impl ConnectionRefusal {
    /// The error and the close code sent to the client.
    fn words(&self) -> (Option<ErrorCode>, CloseCode) {
        match self {
            Self::NotAuthenticated => (Some(ErrorCode::NotAuthenticated), CloseCode::NotAuthenticated),
            Self::TokenExpired(_) => (Some(ErrorCode::TokenExpired), CloseCode::TokenExpired),
            Self::UnknownKey | Self::Full => (None, CloseCode::TryAgainLater),
        }
    }
}

impl From<TokenRejection> for ConnectionRefusal {
    fn from(rejected: TokenRejection) -> Self {
        match rejected {
            TokenRejection::Invalid => Self::NotAuthenticated,
            TokenRejection::Expired(user) => Self::TokenExpired(user),
            TokenRejection::UnknownKey => Self::UnknownKey,
        }
    }
}

/// A WebSocket with its session, ready to run.
type Entered<S> = (Box<WebSocket<S>>, Box<Admitted>);

/// Serves a connection to its end.
///
/// To keep idle sessions small, all state of the handshake is boxed and freed before the session
/// begins, and state of the end is allocated at the end. The WebSocket is boxed too, to exist once
/// only. This is a plain function, because an async function keeps room for its arguments while the
/// future lives.
pub(crate) fn serve<S: Transport + Watch>(
    stream: S,
    shared: Arc<Shared>,
    newcomer: Newcomer,
) -> impl Future<Output = ()> + Send {
    let Newcomer { place, eviction, begins } = newcomer;
    run(begins, eviction.unless(Box::pin(enter(stream, shared, place))))
}

/// Serves a connection over TLS. The TLS handshake must complete before the deadline for headers.
pub(crate) fn serve_secure<S: Transport + Watch>(
    stream: S,
    tls: Arc<Tls>,
    shared: Arc<Shared>,
    newcomer: Newcomer,
) -> impl Future<Output = ()> + Send {
    let Newcomer { place, eviction, begins } = newcomer;
    run(begins, eviction.unless(Box::pin(enter_secure(stream, tls, shared, place))))
}

/// Runs the session of an admitted client.
async fn run<S: Transport + Watch>(
    begins: OwnedSemaphorePermit,
    entering: impl Future<Output = Option<Option<Entered<S>>>>,
) {
    drop(begins);
    if let Some((websocket, admitted)) = entering.await.flatten() {
        admitted.serve(websocket).await;
    }
}

/// Upgrades the connection if the client has a valid token. Otherwise answers the client and
/// returns `None`.
async fn enter<S: Transport + Watch>(
    stream: S,
    shared: Arc<Shared>,
    place: NewcomerPlace,
) -> Option<Entered<S>> {
    let (stream, leftover, opened) = handshake(stream, shared, &place).await?;
    let mut websocket = Box::new(WebSocket::new(stream, &leftover, opened.heartbeat).await);
    match opened.admission {
        Admission::Admitted(admitted) => Some((websocket, admitted)),
        Admission::Refused(refusal) => {
            refuse(&mut websocket, &refusal).await;
            None
        }
    }
}

/// Like [`enter`], over TLS.
async fn enter_secure<S: Transport + Watch>(
    stream: S,
    tls: Arc<Tls>,
    shared: Arc<Shared>,
    place: NewcomerPlace,
) -> Option<Entered<Box<TlsStream<S>>>> {
    let mut phase = shared.health.phase.clone();
    let accepted = tokio::select! {
        accepted = timeout_at(place.deadline(), tls.accept(stream)) => accepted.ok()?,
        _ = phase.wait_for(|phase| *phase == Phase::Stopping) => return None,
    };
    match accepted {
        Ok(stream) => Box::pin(enter(Box::new(stream), shared, place)).await,
        Err((error, mut stream)) => {
            debug!(%error, "no TLS with a client");
            place.leaves();
            // TLS has sent an alert with the reason, which the client must be able to read.
            websocket::close(&mut stream).await;
            None
        }
    }
}

/// Answers one HTTP request. Returns `Some` if the request opened a WebSocket.
async fn handshake<S: Transport>(
    stream: S,
    shared: Arc<Shared>,
    place: &NewcomerPlace,
) -> Option<(S, Bytes, OpenedSocket)> {
    let mut phase = shared.health.phase.clone();
    let opened = Mutex::new(None);
    let service = service_fn(async |request: Request<Incoming>| {
        let answer = match answer(&request, &shared, place).await {
            Ok((answer, admitted)) => {
                *opened.lock().unwrap_or_else(PoisonError::into_inner) = Some(admitted);
                answer
            }
            Err(refused) => {
                place.leaves();
                *refused
            }
        };
        Ok::<_, Infallible>(answer)
    });
    let http = http1::Builder::new()
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .without_shutdown();
    let served = tokio::select! {
        served = timeout_at(place.deadline(), http) => served.ok()?.ok()?,
        _ = phase.wait_for(|phase| *phase == Phase::Stopping) => return None,
    };
    let (mut stream, leftover) = (served.io.into_inner(), served.read_buf);
    let opened = opened.into_inner().unwrap_or_else(PoisonError::into_inner);
    if opened.is_none() {
        websocket::close(&mut stream).await;
    }
    opened.map(|opened| (stream, leftover, opened))
}

/// Decides about a request. For a valid token the session begins here, before the response is sent,
/// because live events begin with the connection.
async fn answer(
    request: &Request<Incoming>,
    shared: &Shared,
    place: &NewcomerPlace,
) -> Result<(HttpResponse, OpenedSocket), Box<HttpResponse>> {
    place.asks(request.headers());
    if let Some(answer) = shared.health.answer(request) {
        return Err(answer);
    }
    #[cfg(feature = "console")]
    if let Some(answer) = shared.console.answer(request) {
        return Err(answer);
    }
    let opening = UpgradeRequest::read(request)?;
    if *shared.health.phase.borrow() != Phase::Serving {
        return Err(stopping());
    }
    let address = place.client(request.headers());
    let admission = admit(opening.token.as_deref(), shared, place, address).await?;
    if let Admission::Refused(refusal) = &admission {
        place.leaves();
        let code = refusal.words().1;
        shared.metrics.refused(code);
        let user = if let ConnectionRefusal::TokenExpired(user) = refusal { Some(user) } else { None };
        shared.audit.not_connected(user, address, code.code());
    }
    let heartbeat = Heartbeat::every(opening.heartbeat.unwrap_or(Heartbeat::DEFAULT));
    Ok((opening.switch(), OpenedSocket { admission, heartbeat }))
}

/// Verifies the token, then exchanges the newcomer's place for a permit of the session.
async fn admit(
    token: Option<&str>,
    shared: &Shared,
    newcomer: &NewcomerPlace,
    ip: IpAddr,
) -> Result<Admission, Box<HttpResponse>> {
    let claims = match shared.verifier.admit(token.unwrap_or_default()).await {
        Ok(claims) => claims,
        Err(rejected) => return Ok(Admission::Refused(rejected.into())),
    };
    let Ok(place) = Arc::clone(&shared.places).try_acquire_owned() else {
        return Ok(Admission::Refused(ConnectionRefusal::Full));
    };
    let address = newcomer.admitted();
    let (user, role) = (claims.user.id.clone(), claims.user.role);
    let session = shared.handle.open(claims).await.map_err(|_| stopping())?;
    #[cfg(feature = "postgres")]
    let online = shared.online.as_ref().map(|online| online.enter(user.clone()));
    let audited = shared.audit.connected(session.id(), user, role, ip);
    let counted = shared.metrics.opened(role);
    Ok(Admission::Admitted(Box::new(Admitted {
        session,
        audited,
        counted,
        place,
        address,
        #[cfg(feature = "postgres")]
        online,
    })))
}

fn stopping() -> Box<HttpResponse> {
    refusal(StatusCode::SERVICE_UNAVAILABLE, "the server is stopping, connect again later")
}

/// Sends the reason and closes.
async fn refuse<S: Transport + Watch>(websocket: &mut WebSocket<S>, refusal: &ConnectionRefusal) {
    let (error, code) = refusal.words();
    let farewell = async {
        if let Some(error) = error {
            websocket.feed(Frame::Text(encode(&ErrorReply::event(error.into())))).await?;
        }
        websocket.send(Frame::Close(code)).await
    };
    // A few hundred bytes always fit into the socket's buffer, unless the client is gone.
    let _ = timeout(REFUSED_WITHIN, farewell).await;
    websocket.finish(Some(code)).await;
}

#[cfg(test)]
mod tests;

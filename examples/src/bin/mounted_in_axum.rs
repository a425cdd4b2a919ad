//! The chat as a route of an axum service, behind the service's own sign-in.
//!
//! ```sh
//! # Two users talk, then the program ends:
//! cargo run -p examples --bin mounted_in_axum
//! # A server until Ctrl-C:
//! cargo run -p examples --bin mounted_in_axum 127.0.0.1:4000
//! ```
//!
//! The chat needs only a user. A sign-in by cookie must check `Origin` too, because any page may
//! open a WebSocket.

use axum::extract::{State, WebSocketUpgrade};
use axum::http::{HeaderMap, StatusCode};
use axum::{Router, response::Response, routing::get};
use chat_core::drive::{Drive, Handle, NoRefresh};
use chat_core::engine::{Engine, Settings};
use chat_core::protocol::{Role, User};
use chat_core::store::MemoryStore;
use examples::{Error, MAX_FRAME, PatientListener, TokioClock, claims, epoch, seed, websocket};
use tokio_util::task::TaskTracker;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1);
    let (listener, here) = PatientListener::bind(address.as_deref()).await?;
    println!("listening on {here}");
    let (engine, store) = (Engine::new(Settings::default(), seed()?), MemoryStore::new(epoch()?));
    let (chat, service) = Drive::new(engine, store, NoRefresh, TokioClock::start()).start();
    let (service, sessions) = (tokio::spawn(service), TaskTracker::new());
    let app = Router::new().route("/chat", get(connect)).with_state((chat.clone(), sessions.clone()));
    tokio::spawn(axum::serve(listener, app).into_future());
    match address {
        Some(_) => tokio::signal::ctrl_c().await?,
        None => websocket::demo(here, &chat).await?,
    }
    chat.drain().await;
    service.await?; // Every acknowledged change is in the store.
    sessions.close();
    sessions.wait().await; // Each session has flushed its queue.
    Ok(())
}

async fn connect(
    State((chat, sessions)): State<(Handle, TaskTracker)>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response, StatusCode> {
    let user = signed_in(&headers).ok_or(StatusCode::UNAUTHORIZED)?;
    let session = chat.open(claims(user)).await.map_err(|_stopped| StatusCode::SERVICE_UNAVAILABLE)?;
    let tracked = sessions.token();
    Ok(upgrade.max_message_size(MAX_FRAME).on_upgrade(async move |socket| {
        websocket::serve(session, socket).await;
        drop(tracked);
    }))
}

fn signed_in(headers: &HeaderMap) -> Option<User> {
    let sessions = [("s1", "driver_1", Role::BusDriver), ("s2", "control_1", Role::ControlStaff)];
    let named = headers.get("x-session")?.to_str().ok()?;
    let (_, id, role) = sessions.into_iter().find(|(session, ..)| *session == named)?;
    Some(User::new(id, role))
}

//! A WebSocket closed by its user is closed in both directions.

use async_tungstenite::tokio::connect_async;
use async_tungstenite::tungstenite::Message;
use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::routing::get;
use chat_core::drive::{Drive, NoRefresh};
use chat_core::engine::{Engine, Settings};
use chat_core::protocol::{Role, User};
use chat_core::store::MemoryStore;
use examples::{PatientListener, TokioClock, claims, websocket};
use futures::StreamExt;

#[tokio::test]
async fn a_close_is_answered() {
    let (listener, here) = PatientListener::bind(None).await.unwrap();
    let engine = Engine::new(Settings::default(), [7; 32]);
    let (chat, service) =
        Drive::new(engine, MemoryStore::new("epoch"), NoRefresh, TokioClock::start()).start();
    tokio::spawn(service);
    let route = get(async move |upgrade: WebSocketUpgrade| {
        let session = chat.open(claims(User::new("driver_1", Role::BusDriver))).await.unwrap();
        upgrade.on_upgrade(async move |socket| websocket::serve(session, socket).await)
    });
    tokio::spawn(axum::serve(listener, Router::new().route("/", route)).into_future());

    let (mut socket, _response) = connect_async(format!("ws://{here}/")).await.unwrap();
    socket.send(Message::Close(None)).await.unwrap();
    assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))), "no answer");
    assert!(socket.next().await.is_none());
}

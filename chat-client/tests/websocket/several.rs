//! A service of several servers, each with an address of its own.

use std::time::Duration;

use chat_client::transport::Connector as _;
use chat_client::websocket::{UrlError, WebSocket};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::server::{accept, attempt, head};

async fn listeners() -> ([TcpListener; 2], WebSocket) {
    let listeners =
        [TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap()];
    let [one, other] =
        listeners.each_ref().map(|listener| format!("ws://{}/", listener.local_addr().unwrap()));
    (listeners, WebSocket::new(&one).unwrap().also_at(&other).unwrap())
}

/// Serves the next connection, whichever of these servers it comes to, and returns the server's
/// place.
async fn serve([one, other]: &[TcpListener; 2]) -> usize {
    let (place, stream) = tokio::select! {
        accepted = one.accept() => (0, accepted.unwrap().0),
        accepted = other.accept() => (1, accepted.unwrap().0),
    };
    accept(stream).await;
    place
}

#[tokio::test]
async fn each_connection_goes_to_the_next_server() {
    let (servers, mut connector) = listeners().await;
    let mut places = Vec::new();
    for _ in 0..4 {
        let (client, place) = futures::join!(connector.connect(attempt()), serve(&servers));
        drop(client.unwrap());
        places.push(place);
    }
    assert!(places == [0, 1, 0, 1] || places == [1, 0, 1, 0], "{places:?}");
}

#[tokio::test]
async fn a_dead_server_fails_no_attempt() {
    let ([alive, dead], mut connector) = listeners().await;
    drop(dead);
    for _ in 0..3 {
        let serve = async { accept(alive.accept().await.unwrap().0).await };
        let (client, _server) = futures::join!(connector.connect(attempt()), serve);
        client.unwrap();
    }
}

/// Such as a server that stops, or has lost its database.
#[tokio::test]
async fn a_server_that_refuses_is_not_asked_again_at_once() {
    let (servers, mut connector) = listeners().await;
    let refusing = async {
        let (place, mut stream) = tokio::select! {
            accepted = servers[0].accept() => (0, accepted.unwrap().0),
            accepted = servers[1].accept() => (1, accepted.unwrap().0),
        };
        head(&mut stream).await;
        stream.write_all(b"HTTP/1.1 503 Service Unavailable\r\n\r\n").await.unwrap();
        place
    };
    let (client, refused) = futures::join!(connector.connect(attempt()), refusing);
    assert!(client.err().unwrap().reason.contains("503"));
    let (client, place) = futures::join!(connector.connect(attempt()), serve(&servers));
    client.unwrap();
    assert_ne!(place, refused);
}

#[tokio::test]
async fn of_dead_servers_one_is_named() {
    let (servers, mut connector) = listeners().await;
    drop(servers);
    let failure = timeout(Duration::from_secs(30), connector.connect(attempt())).await.unwrap().unwrap_err();
    assert!(failure.reason.starts_with("can't connect to 127.0.0.1"), "{failure}");
}

#[test]
fn each_address_is_checked() {
    let connector = WebSocket::new("ws://192.0.2.1/").unwrap();
    assert_eq!(connector.also_at("https://192.0.2.2/").unwrap_err(), UrlError::Scheme);
    let connector = WebSocket::new("ws://192.0.2.1/a").unwrap().also_at("wss://192.0.2.2/b?key=7").unwrap();
    let shown = format!("{connector:?}");
    assert!(shown.contains("ws://192.0.2.1:80/a") || shown.contains("ws://192.0.2.1/a"), "{shown}");
    assert!(shown.contains("192.0.2.2") && !shown.contains("key"), "{shown}");
}

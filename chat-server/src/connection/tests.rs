//! Handshakes over pipes, on a simulated clock.

use std::sync::atomic::Ordering;

use chat_core::drive::Drive;
use chat_core::engine::{Command, Engine, Settings};
use chat_core::protocol::{Role, User};
use chat_core::store::MemoryStore;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use super::*;
use crate::auth::{Expected, Secret, TokenVerifier, VerifyingKey, issue};
use crate::clock::{self, SystemClock};
use crate::health::Health;
use crate::newcomers::{MOST_LEAVING, Newcomers, PATIENCE, PATIENCE_UNDER_PRESSURE, Room};
use crate::websocket::Watched;

const REQUEST: &str = "GET /api/websocket/connect?token= HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\n\
                       upgrade: websocket\r\nsec-websocket-version: 13\r\n\
                       sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

fn secret() -> Secret {
    Secret::new(b"a secret of exactly 32 bytes ...", "test").unwrap()
}

fn good_token() -> String {
    token_of("user_1")
}

fn token_of(user: &str) -> String {
    let user = User::new(user, Role::BusDriver);
    issue(&secret(), &user, clock::wall(), Duration::from_hours(1), &Expected::default())
}

/// A request with this token.
fn request_with(token: &str) -> String {
    REQUEST.replace("token=", &format!("token={token}"))
}

/// The shared state, and the sender that sets the server's phase.
fn shared() -> (Arc<Shared>, watch::Sender<Phase>) {
    let verifier = TokenVerifier::new(VerifyingKey::from_secret(&secret()), &Expected::default());
    let engine = Engine::new(Settings::default(), [7; 32]);
    let store = MemoryStore::new("epoch");
    let (handle, service) = Drive::new(engine, store, verifier.clone(), SystemClock::start()).start();
    tokio::spawn(service);
    let (phase, seen) = watch::channel(Phase::Serving);
    let shared = Shared {
        #[cfg(feature = "postgres")]
        online: None,
        handle,
        verifier,
        places: Arc::new(Semaphore::new(1)),
        metrics: crate::metrics::Metrics::new(SystemClock::start()),
        audit: crate::audit::AuditTrail::default(),
        health: Arc::new(Health::by(seen, || None)),
        tls: None,
        #[cfg(feature = "console")]
        console: crate::console::Console::without_trial(),
    };
    (Arc::new(shared), phase)
}

/// Newcomers' places, limited by the number of files.
const PLACES: usize = 300;

/// The address of a stranger.
const STRANGER: &str = "192.0.2.1:4711";

fn newcomers(shared: &Shared) -> Arc<Newcomers> {
    // The other half is for the lobby.
    let room = Room { files: 2 * PLACES, connections: (1, Arc::clone(&shared.places)) };
    Newcomers::new(vec!["127.0.0.0/8".parse().unwrap()], room, Arc::clone(&shared.metrics))
}

/// A connection from an address, being served, and the client's end.
async fn connect_from(
    peer: &str,
    newcomers: &Arc<Newcomers>,
    shared: &Arc<Shared>,
) -> (DuplexStream, JoinHandle<()>) {
    let (ours, theirs) = duplex(1 << 16);
    let newcomer = newcomers.enter(newcomers.turn().await, peer.parse().unwrap());
    (theirs, tokio::spawn(serve(Watched::new(ours), Arc::clone(shared), newcomer)))
}

/// The only connection of a server.
async fn connect(shared: &Arc<Shared>) -> (DuplexStream, JoinHandle<()>) {
    connect_from(STRANGER, &newcomers(shared), shared).await
}

/// The number of newcomers.
fn newcomers_now(shared: &Shared) -> u64 {
    shared.metrics.newcomers.now.load(Ordering::Relaxed)
}

/// Reads all bytes that the server sends before closing.
async fn read_all(client: &mut DuplexStream) -> String {
    let mut sent = Vec::new();
    client.read_to_end(&mut sent).await.unwrap();
    String::from_utf8_lossy(&sent).into_owned()
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_left_after_ten_seconds() {
    let (shared, _stop) = shared();
    let (mut client, served) = connect(&shared).await;
    let start = Instant::now();
    assert_eq!(read_all(&mut client).await, "");
    served.await.unwrap();
    assert_eq!(start.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn while_half_of_the_places_are_taken_newcomers_have_five_seconds() {
    let (shared, _stop) = shared();
    let newcomers = newcomers(&shared);
    let mut unhurried = Vec::new();
    for number in 0..=PLACES / 2 {
        let peer = format!("192.0.2.{}:4711", number % 30);
        unhurried.push(connect_from(&peer, &newcomers, &shared).await);
    }
    let (mut hurried, served) = connect_from(STRANGER, &newcomers, &shared).await;
    let start = Instant::now();
    assert_eq!(read_all(&mut hurried).await, "");
    served.await.unwrap();
    assert_eq!(start.elapsed(), PATIENCE_UNDER_PRESSURE);
    let (mut last, served) = unhurried.pop().unwrap();
    assert_eq!(read_all(&mut last).await, "");
    served.await.unwrap();
    assert_eq!(start.elapsed(), PATIENCE);
}

#[tokio::test(start_paused = true)]
async fn headers_that_come_too_slowly_gain_no_time() {
    let (shared, _stop) = shared();
    let (mut client, served) = connect(&shared).await;
    let start = Instant::now();
    for byte in REQUEST.as_bytes() {
        sleep(Duration::from_millis(900)).await;
        if client.write_all(&[*byte]).await.is_err() {
            break;
        }
    }
    served.await.unwrap();
    assert!(start.elapsed() < PATIENCE + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_head_that_is_too_long_is_refused() {
    let (shared, _stop) = shared();
    let (mut client, served) = connect(&shared).await;
    let long = format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(HEAD_BYTES));
    client.write_all(long.as_bytes()).await.unwrap();
    assert!(read_all(&mut client).await.starts_with("HTTP/1.1 431 "));
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_has_not_asked_yet_is_left_when_the_server_stops() {
    let (shared, stop) = shared();
    let (mut client, served) = connect(&shared).await;
    let start = Instant::now();
    stop.send_replace(Phase::Stopping);
    assert_eq!(read_all(&mut client).await, "");
    served.await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn who_shows_no_good_token_keeps_a_newcomers_place_to_the_end() {
    let (shared, _stop) = shared();
    let (mut client, served) = connect(&shared).await;
    client.write_all(REQUEST.as_bytes()).await.unwrap();
    let sent = read_all(&mut client).await;
    assert!(sent.starts_with("HTTP/1.1 101 ") && sent.contains(r#""code":"not_authenticated""#), "{sent}");
    assert_eq!(newcomers_now(&shared), 1, "the client has not closed yet");
    drop(client);
    served.await.unwrap();
    assert_eq!((newcomers_now(&shared), shared.places.available_permits()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_good_token_gives_a_place_for_as_long_as_the_session() {
    let (shared, _stop) = shared();
    let (mut client, served) = connect(&shared).await;
    client.write_all(request_with(&good_token()).as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    sleep(Duration::from_secs(1)).await;
    assert_eq!((newcomers_now(&shared), shared.places.available_permits()), (0, 0));
    drop(client);
    served.await.unwrap();
    assert_eq!(shared.places.available_permits(), 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_turned_away_by_the_account_and_does_not_close_holds_no_place_of_a_session() {
    let (shared, _stop) = shared();
    let newcomers = newcomers(&shared);
    shared.handle.command(Command::Deactivate("user_1".into())).await.unwrap();
    let (mut refused, served) = connect_from(STRANGER, &newcomers, &shared).await;
    refused.write_all(request_with(&token_of("user_1")).as_bytes()).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    assert_eq!((newcomers_now(&shared), shared.places.available_permits()), (1, 1));
    let (mut other, _served) = connect_from("198.51.100.7:1", &newcomers, &shared).await;
    other.write_all(request_with(&token_of("user_2")).as_bytes()).await.unwrap();
    sleep(Duration::from_millis(500)).await;
    assert_eq!((newcomers_now(&shared), shared.places.available_permits()), (1, 0));
    let sent = read_all(&mut refused).await;
    assert!(sent.starts_with("HTTP/1.1 101 ") && sent.contains(r#""code":"deactivated""#), "{sent}");
    served.await.unwrap();
    assert_eq!(newcomers_now(&shared), 0);
}

#[tokio::test(start_paused = true)]
async fn while_the_service_is_drained_nobody_is_let_in() {
    let (shared, _stop) = shared();
    shared.handle.drain().await;
    let (mut client, served) = connect(&shared).await;
    client.write_all(request_with(&good_token()).as_bytes()).await.unwrap();
    let sent = read_all(&mut client).await;
    assert!(sent.starts_with("HTTP/1.1 503 "), "{sent}");
    drop(client);
    served.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn at_the_bound_a_silent_stranger_gives_way_and_a_lone_one_gets_in() {
    let (shared, _stop) = shared();
    let newcomers = newcomers(&shared);
    let (mut honest, served) = connect_from("198.51.100.7:1", &newcomers, &shared).await;
    let mut strangers = Vec::new();
    for number in 0..2 * PLACES {
        let peer = format!("192.0.2.{}:4711", number % 30);
        strangers.push(connect_from(&peer, &newcomers, &shared).await);
    }
    assert_eq!(newcomers_now(&shared), PLACES as u64);
    for (client, served) in strangers.iter_mut().take(PLACES) {
        assert_eq!(read_all(client).await, "", "the oldest are closed without a word");
        served.await.unwrap();
    }
    honest.write_all(request_with(&good_token()).as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    honest.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 101");
    assert_eq!(newcomers_now(&shared), PLACES as u64 - 1);
    assert!(!served.is_finished());
}

#[tokio::test(start_paused = true)]
async fn who_was_refused_and_does_not_close_is_one_of_a_bounded_number() {
    let (shared, _stop) = shared();
    let newcomers = newcomers(&shared);
    let mut refused = Vec::new();
    for number in 0..2 * MOST_LEAVING {
        let (mut client, served) = connect_from("127.0.0.1:80", &newcomers, &shared).await;
        let forwarded = format!("x-forwarded-for: 192.0.2.{}\r\n\r\n", number % 30);
        let request = REQUEST.replace("\r\n\r\n", &format!("\r\n{forwarded}"));
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 101");
        refused.push((client, served));
    }
    assert_eq!(newcomers_now(&shared), MOST_LEAVING as u64);
    for (client, served) in refused.iter_mut().take(MOST_LEAVING) {
        let sent = read_all(client).await;
        assert!(sent.contains(r#""code":"not_authenticated""#), "it was told why before: {sent}");
        served.await.unwrap();
    }
}

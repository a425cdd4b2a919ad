//! Clients in a hurry: they wait seconds where a bus waits minutes.

use std::time::Duration;

use chat_client::machine::{Periods, Settings};
use chat_client::outbox::{InMemory, Outbox};
use chat_client::{ChatClient, Events};
use chat_core::protocol::User;

use crate::token;

/// Flags of a server that lets clients be in a hurry.
pub const NO_RATES: [&str; 2] = ["--messages-per-second", "0"];

/// Reached only when a test fails.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A running client of this user, and all its events.
pub async fn start(url: &str, user: &User) -> (ChatClient, Events) {
    start_over(url, token(user), InMemory).await
}

/// A running client of this user with the usual settings, that knows several servers, and all its
/// events.
pub async fn start_among(urls: &[String], user: &User) -> (ChatClient, Events) {
    let (first, others) = urls.split_first().expect("a service has an address");
    let builder = ChatClient::builder(first).token(token(user));
    let builder = others.iter().fold(builder, |builder, url| builder.also_at(url));
    let (client, driver) = builder.start().await.unwrap();
    let events = client.events();
    tokio::spawn(driver);
    (client, events)
}

/// The same over an outbox.
pub async fn start_over(url: &str, token: String, outbox: impl Outbox) -> (ChatClient, Events) {
    let builder = ChatClient::builder(url).token(token).settings(in_a_hurry()).outbox(outbox);
    let (client, driver) = builder.start().await.unwrap();
    let events = client.events();
    tokio::spawn(driver);
    (client, events)
}

fn in_a_hurry() -> Settings {
    let periods = Periods {
        heartbeat: Duration::from_secs(2),
        connect_within: Duration::from_secs(2),
        reply_within: Duration::from_secs(1),
        probe_within: Duration::from_millis(500),
        backoff_from: Duration::from_millis(20),
        backoff_to: Duration::from_millis(200),
        backoff_from_crowd: Duration::from_millis(100),
        steady_after: Duration::from_secs(1),
        repeat_after: Duration::from_millis(50),
        ..Periods::default()
    };
    Settings { periods, ..Settings::default() }
}

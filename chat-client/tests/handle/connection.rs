//! The connection: told of networks and of the background, and patient.

use std::time::Duration;

use chat_client::{ConnectionState, Event};

use crate::support::{Chat, DELAY, driver, is_live, until};

#[tokio::test(start_paused = true)]
async fn pauses_grow_and_the_news_of_a_network_ends_them() {
    let chat = Chat::start();
    chat.set_up(false);
    let (john, mut events) = chat.client(&driver()).await;
    tokio::time::sleep(Duration::from_mins(10)).await;
    let attempts = chat.attempts().len();
    assert!((30..200).contains(&attempts), "every 10 seconds on average in the end: {attempts}");
    chat.set_up(true);
    let before = tokio::time::Instant::now();
    john.network_is_back();
    until(&mut events, is_live).await;
    assert_eq!(before.elapsed(), DELAY, "the time of one reply");
}

#[tokio::test(start_paused = true)]
async fn in_the_background_the_heartbeat_is_slow() {
    let chat = Chat::start();
    let (john, mut events) = chat.live(&driver()).await;
    john.in_background(true);
    until(&mut events, is_live).await;
    john.in_background(true);
    john.in_background(false);
    until(&mut events, is_live).await;
    let heartbeats = chat.attempts().iter().map(|attempt| attempt.heartbeat.as_secs()).collect::<Vec<_>>();
    assert_eq!(heartbeats, [25, 240, 25]);
}

#[tokio::test(start_paused = true)]
async fn the_state_can_be_asked_for() {
    let chat = Chat::start();
    let (john, mut events) = chat.live(&driver()).await;
    assert_eq!(john.state(), ConnectionState::Live);
    chat.set_up(false);
    until(&mut events, |event| matches!(event, Event::Connection(ConnectionState::Waiting { .. }))).await;
    assert!(matches!(john.state(), ConnectionState::Waiting { .. }));
}

//! The connection: reports of networks and of the background, and patience.

use std::pin::Pin;
use std::time::Duration;

use chat_client::transport::{Attempt, Connector, TransportError};
use chat_client::{ChatClient, ConnectionState, Event, StopReason};
use chat_core::drive::{Frame, Joined, join};
use chat_core::protocol::CloseCode;
use futures::stream::BoxStream;
use futures::{Sink, SinkExt as _, StreamExt as _};

use crate::handle::support::{Chat, DELAY, TestClock, driver, is_live, until};

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

/// A transport that refuses writes, with an unread reply in it.
#[tokio::test(start_paused = true)]
async fn an_answer_before_the_end_is_heard_though_a_write_has_failed() {
    let builder = ChatClient::over(Broken, TestClock::start()).token("token").seed([7; 32]);
    let (john, running) = builder.start().await.unwrap();
    let mut events = john.events();
    tokio::spawn(running);
    let told = until(&mut events, |event| {
        matches!(event, Event::Connection(ConnectionState::Waiting { .. } | ConnectionState::Stopped(_)))
    })
    .await;
    assert!(told.iter().any(is_live), "{told:?}");
    let stopped = ConnectionState::Stopped(StopReason::Refused { code: CloseCode::Deactivated, error: None });
    assert_eq!(told.last(), Some(&Event::Connection(stopped)), "and so is the goodbye");
}

struct Broken;

impl Connector for Broken {
    type Transport = Joined<
        BoxStream<'static, Result<Frame, TransportError>>,
        Pin<Box<dyn Sink<Frame, Error = TransportError> + Send>>,
    >;

    async fn connect(&mut self, _: Attempt) -> Result<Self::Transport, TransportError> {
        let list = r#"{"success":true,"conversations":[],"count":0,"timestamp":"2024-01-15T10:30:00.000Z","request_id":1}"#;
        let frames = [Ok(Frame::Text(list.into())), Ok(Frame::Close(CloseCode::Deactivated))];
        let arriving = futures::stream::iter(frames).then(async |frame| {
            tokio::time::sleep(DELAY).await;
            frame
        });
        let sink = futures::sink::drain().sink_map_err(|never| match never {});
        let sink =
            sink.with(|_: Frame| futures::future::ready(Err::<Frame, _>(TransportError::network("reset"))));
        Ok(join(arriving.chain(futures::stream::pending()).boxed(), Box::pin(sink)))
    }
}

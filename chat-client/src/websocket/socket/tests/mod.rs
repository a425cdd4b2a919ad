//! The socket over a pair of pipes, in virtual time.

mod progress;

use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode as RawCode;
use futures::FutureExt as _;
use futures::future::{self, Either};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::time::sleep;

use super::*;
use crate::retry::Retry;
use crate::transport::ProgressReport;

const HEARTBEAT: Duration = Duration::from_secs(25);

type Server = WebSocketStream<TokioAdapter<DuplexStream>>;

/// Returns a client's end, and the raw other end of the pipe.
async fn raw_pair(pipe: usize) -> (Socket<DuplexStream>, DuplexStream) {
    let (ours, theirs) = duplex(pipe);
    (Socket::new(Link::plain(ours, ProgressReport::default()), Vec::new(), HEARTBEAT).await, theirs)
}

async fn pair(pipe: usize) -> (Socket<DuplexStream>, Server) {
    let (client, raw) = raw_pair(pipe).await;
    let server = WebSocketStream::from_raw_socket(TokioAdapter::new(raw), Role::Server, None).await;
    (client, server)
}

fn text(text: impl Into<Bytes>) -> Frame {
    Frame::Text(text.into())
}

/// Awaits a future for at most an hour of virtual time: a hanging test fails under its own name.
async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_hours(1), future).await.expect("it does not hang")
}

/// Asserts that the stream has failed, with `what` in the text.
fn assert_dead(failure: Option<Result<Frame, TransportError>>, what: &str) {
    let Some(Err(failure)) = failure else { panic!("{failure:?} instead of a failure") };
    assert_eq!(failure.retry, Retry::AfterPause(None));
    assert!(failure.reason.contains(what), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn bytes_that_came_with_the_handshake_are_read() {
    let (ours, _theirs) = duplex(64);
    let mut client =
        Socket::new(Link::plain(ours, ProgressReport::default()), b"\x81\x05early".to_vec(), HEARTBEAT).await;
    assert_eq!(client.next().await, Some(Ok(text("early"))));
}

#[tokio::test(start_paused = true)]
async fn what_is_fed_waits_for_the_flush() {
    let (mut client, mut server) = pair(1 << 16).await;
    client.feed(text("é")).await.unwrap();
    client.feed(Frame::Binary(vec![0xff].into())).await.unwrap();
    assert!(server.next().now_or_never().is_none());
    client.flush().await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Message::text("é"));
    assert_eq!(server.next().await.unwrap().unwrap(), Message::binary(vec![0xff]));
}

#[tokio::test(start_paused = true)]
async fn a_dead_link_is_pinged_and_then_found_within_the_heartbeat() {
    let (mut client, mut raw) = raw_pair(1 << 16).await;
    let start = Instant::now();
    let pinged = async {
        let mut ping = [0; 6];
        raw.read_exact(&mut ping).await.unwrap();
        assert_eq!(ping[..2], [0x89, 0x80], "a ping, masked and empty");
        assert_eq!(start.elapsed(), Duration::from_secs(15));
        raw
    };
    let (frame, mut raw) = within(future::join(client.next(), pinged)).await;
    assert_dead(frame, "no sign of life for 25s");
    assert_eq!(start.elapsed(), HEARTBEAT);
    assert_eq!(client.next().await, None, "after a failure the stream ends");
    drop(client);
    assert_eq!(raw.read(&mut [0]).await.unwrap(), 0, "pinged once");
}

#[tokio::test(start_paused = true)]
async fn in_the_background_the_radio_is_left_alone_for_longer() {
    let (ours, mut raw) = duplex(1 << 16);
    let mut client =
        Socket::new(Link::plain(ours, ProgressReport::default()), Vec::new(), Duration::from_mins(4)).await;
    let start = Instant::now();
    let pinged = async {
        raw.read_exact(&mut [0; 6]).await.unwrap();
        assert_eq!(start.elapsed(), Duration::from_secs(230));
    };
    within(future::select(client.next(), Box::pin(pinged))).await;
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_pings_lives() {
    let (mut client, mut server) = pair(1 << 16).await;
    let start = Instant::now();
    let answer = async {
        for beat in 1..=5 {
            assert_eq!(server.next().await.unwrap().unwrap(), Message::Ping(Bytes::new()));
            assert_eq!(start.elapsed(), Duration::from_secs(15 * beat));
            server.flush().await.unwrap();
        }
        server.send(Message::text("still here")).await.unwrap();
    };
    let (frame, ()) = within(future::join(client.next(), answer)).await;
    assert_eq!(frame, Some(Ok(text("still here"))));
}

#[tokio::test(start_paused = true)]
async fn a_frame_that_trickles_in_is_life() {
    let (mut client, mut raw) = raw_pair(1 << 16).await;
    let trickle = async {
        for byte in b"\x81\x04slow" {
            sleep(Duration::from_secs(24)).await;
            raw.write_all(&[*byte]).await.unwrap();
        }
    };
    let (frame, ()) = futures::join!(client.next(), trickle);
    assert_eq!(frame, Some(Ok(text("slow"))));
}

#[tokio::test(start_paused = true)]
async fn pings_of_the_server_are_answered() {
    let (mut client, mut server) = pair(1 << 16).await;
    server.send(Message::Ping("beat".into())).await.unwrap();
    let (frame, pong) = within(future::join(client.next(), server.next())).await;
    assert_eq!(pong.unwrap().unwrap(), Message::Pong("beat".into()));
    assert_dead(frame, "no sign of life");
}

#[tokio::test(start_paused = true)]
async fn pongs_do_not_pile_up() {
    let (mut client, mut raw) = raw_pair(1 << 10).await;
    let ping = [&[0x89, 125][..], &[7; 125]].concat();
    let pings = 4 * WRITE_BUFFER_MOST / ping.len();
    let flood = async {
        for _ in 0..pings {
            raw.write_all(&ping).await.unwrap();
        }
        // The client's bytes are taken only now.
        let mut taken = 0;
        let mut buffer = [0; 1024];
        while let Ok(Ok(read)) = tokio::time::timeout(Duration::from_secs(1), raw.read(&mut buffer)).await {
            taken += read;
        }
        taken
    };
    let read = async { assert_dead(client.next().await, "no sign of life") };
    let (taken, ()) = futures::join!(flood, read);
    // Besides the buffer, the pipe, the newest pong and the client's own ping count.
    assert!(taken > 10_000 && taken <= WRITE_BUFFER_MOST + 4 * 1024, "{taken}");
}

#[tokio::test(start_paused = true)]
async fn what_waits_unread_counts_before_silence_does() {
    let (mut client, mut server) = pair(1 << 10).await;
    server.send(Message::text("in time")).await.unwrap();
    sleep(HEARTBEAT * 2).await;
    let stuck = client.send(text("x".repeat(2_000))).now_or_never();
    assert!(stuck.is_none(), "who only writes does not judge silence: {stuck:?}");
    assert_eq!(client.next().await, Some(Ok(text("in time"))));
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_not_taken_fails_at_the_same_deadline() {
    let (mut client, _raw) = raw_pair(16).await;
    sleep(Duration::from_secs(10)).await;
    let start = Instant::now();
    let failure = within(client.send(text("x".repeat(1000)))).await.unwrap_err();
    assert_dead(Some(Err(failure)), "took nothing for 25s");
    assert_eq!(start.elapsed(), HEARTBEAT);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_not_taken_is_found_though_frames_come_in() {
    let (mut client, mut raw) = raw_pair(16).await;
    assert!(client.send(text("x".repeat(1000))).now_or_never().is_none());
    let start = Instant::now();
    let read = async {
        loop {
            match client.next().await {
                Some(Ok(frame)) => assert_eq!(frame, text("hi")),
                end => break end,
            }
        }
    };
    let talk = async {
        while raw.write_all(b"\x81\x02hi").await.is_ok() {
            sleep(Duration::from_secs(3)).await;
        }
    };
    let talk = Box::pin(talk);
    let end = match within(future::select(Box::pin(read), talk)).await {
        Either::Left((end, _)) => end,
        Either::Right(_) => panic!("the pipe broke"),
    };
    assert_dead(end, "took nothing for 25s");
    assert_eq!(start.elapsed(), HEARTBEAT);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_little_by_little_lives() {
    let (mut client, mut raw) = raw_pair(16).await;
    let taker = tokio::spawn(async move {
        loop {
            sleep(Duration::from_secs(20)).await;
            let _ = raw.read(&mut [0; 16]).await.unwrap();
        }
    });
    client.feed(text("x".repeat(500))).await.unwrap();
    let flushed = std::future::poll_fn(|cx| match client.poll_next_unpin(cx) {
        Poll::Ready(frame) => Poll::Ready(Err(frame)),
        Poll::Pending => client.poll_flush_unpin(cx).map(Ok),
    });
    assert_eq!(within(flushed).await, Ok(Ok(())));
    taker.abort();
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_be_written_goes_on_while_only_read_from() {
    let start = Instant::now();
    let (mut client, mut raw) = raw_pair(16).await;
    assert!(client.send(text("x".repeat(1000))).now_or_never().is_none());
    let serve = async {
        raw.read_exact(&mut [0; 8 + 1000]).await.unwrap();
        raw.write_all(b"\x81\x02ok").await.unwrap();
    };
    let (frame, ()) = within(future::join(client.next(), serve)).await;
    assert_eq!(frame, Some(Ok(text("ok"))));
    assert_eq!(start.elapsed(), Duration::ZERO, "it does not wait for the next ping");
}

#[tokio::test(start_paused = true)]
async fn silence_is_found_on_time_though_a_write_waits_too() {
    let (mut client, _raw) = raw_pair(16).await;
    let start = Instant::now();
    sleep(Duration::from_secs(5)).await;
    client.feed(text("x".repeat(500))).await.unwrap();
    // The write is polled last: its later deadline must not hide the earlier one.
    let end = std::future::poll_fn(|cx| {
        if let Poll::Ready(frame) = client.poll_next_unpin(cx) {
            return Poll::Ready(frame);
        }
        assert!(client.poll_flush_unpin(cx).is_pending());
        Poll::Pending
    });
    assert_dead(within(end).await, "no sign of life for 25s");
    assert_eq!(start.elapsed(), HEARTBEAT);
}

#[tokio::test(start_paused = true)]
async fn a_failed_write_fails_at_once() {
    let (mut client, raw) = raw_pair(16).await;
    drop(raw);
    let start = Instant::now();
    let failure = client.send(text("hi")).await.unwrap_err();
    assert_eq!(failure.retry, Retry::AfterPause(None));
    assert!(failure.reason.starts_with("the connection broke: "), "{failure}");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_breaks_the_protocol_is_left() {
    let all: [(&[u8], &str); 5] = [
        (b"\x83\x02hi", "the server broke the WebSocket protocol"),
        (b"\x81\x82\0\0\0\0hi", "the server broke the WebSocket protocol"),
        (b"\x81\x02\xff\xfe", "not UTF-8"),
        (b"\x81\x7f\0\0\0\0\x04\0\0\x01", "too long"),
        (b"", "hung up"),
    ];
    for (bytes, what) in all {
        let (mut client, mut raw) = raw_pair(64).await;
        raw.write_all(bytes).await.unwrap();
        drop(raw);
        assert_dead(client.next().await, what);
        assert_eq!(client.next().await, None);
        client.close().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_close_is_answered_though_nobody_polls_again() {
    let (mut client, mut server) = pair(1 << 16).await;
    let close = CloseFrame { code: RawCode::Away, reason: "bye".into() };
    server.send(Message::Close(Some(close.clone()))).await.unwrap();
    assert_eq!(client.next().await, Some(Ok(Frame::Close(CloseCode::GoingAway))));
    drop(client);
    assert_eq!(server.next().await.unwrap().unwrap(), Message::Close(Some(close)));
}

#[tokio::test(start_paused = true)]
async fn closing_waits_for_the_server_but_not_for_ever() {
    let (mut client, mut raw) = raw_pair(1 << 16).await;
    let start = Instant::now();
    client.feed(text("last")).await.unwrap();
    client.feed(Frame::Close(CloseCode::Normal)).await.unwrap();
    within(client.close()).await.unwrap();
    assert_eq!(start.elapsed(), CLOSE_WITHIN);
    let mut sent = [0; 18];
    raw.read_exact(&mut sent).await.unwrap();
    assert_eq!((sent[0], sent[10]), (0x81, 0x88), "the text, then the close");
    drop(client);
    assert_eq!(raw.read(&mut [0]).await.unwrap(), 0, "one close");
}

/// The server has sent frames and is gone: a write fails before they are read.
#[tokio::test(start_paused = true)]
async fn what_had_come_in_is_read_though_a_write_has_failed() {
    let (mut client, mut raw) = raw_pair(1 << 10).await;
    raw.write_all(b"\x81\x05reply\x89\x00\x81\x05event\x88\x02\x03\xe9").await.unwrap();
    drop(raw);
    assert!(client.send(text("too late")).await.is_err());
    assert_eq!(client.next().await, Some(Ok(text("reply"))));
    assert_eq!(client.next().await, Some(Ok(text("event"))));
    assert_eq!(client.next().await, Some(Ok(Frame::Close(CloseCode::GoingAway))));
}

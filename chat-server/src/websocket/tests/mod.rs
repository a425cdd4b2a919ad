//! The transport over a pair of pipes, on a simulated clock.

use std::time::Duration;

use futures::FutureExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::*;

mod heartbeat;
mod patience;

type TestClient = WebSocketStream<TokioAdapter<DuplexStream>>;

/// A server's end, and the raw other end of the pipe.
async fn raw_pair(pipe: usize) -> (WebSocket<Watched<DuplexStream>>, DuplexStream) {
    let (ours, theirs) = duplex(pipe);
    (WebSocket::new(Watched::new(ours), &[], Heartbeat::default()).await, theirs)
}

async fn pair(pipe: usize) -> (WebSocket<Watched<DuplexStream>>, TestClient) {
    let (server, raw) = raw_pair(pipe).await;
    let client = WebSocketStream::from_raw_socket(TokioAdapter::new(raw), Role::Client, None).await;
    (server, client)
}

/// Reads until the connection ends, then finishes. Returns the frames and the failure.
fn serve(mut server: WebSocket<Watched<DuplexStream>>) -> JoinHandle<(Vec<Frame>, Option<WebSocketError>)> {
    tokio::spawn(async move {
        let (mut frames, mut failure) = (Vec::new(), None);
        while let Some(frame) = server.next().await {
            match frame {
                Ok(frame) => frames.push(frame),
                Err(error) => failure = Some(error),
            }
        }
        server.finish(None).await;
        (frames, failure)
    })
}

/// The code of the first close frame in raw bytes.
fn close_code(mut sent: &[u8]) -> Option<u16> {
    while let [opcode, length, rest @ ..] = sent {
        let (payload, after) = rest.split_at_checked(usize::from(*length))?;
        match (opcode, payload) {
            (0x88, [high, low, ..]) => return Some(u16::from_be_bytes([*high, *low])),
            _ => sent = after,
        }
    }
    None
}

/// A masked frame, as clients send it, with a mask of zeros.
fn masked(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![opcode];
    if payload.len() < 126 {
        frame.push(0x80 | u8::try_from(payload.len()).unwrap());
    } else {
        frame.push(0x80 | 127);
        frame.extend((payload.len() as u64).to_be_bytes());
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// The close code that the server sends after these bytes.
async fn code_after(bytes: &[u8]) -> Option<u16> {
    let (server, mut raw) = raw_pair(1 << 20).await;
    let server = serve(server);
    raw.write_all(bytes).await.unwrap();
    let mut sent = Vec::new();
    raw.read_to_end(&mut sent).await.unwrap();
    drop(raw);
    server.await.unwrap();
    close_code(&sent)
}

#[tokio::test(start_paused = true)]
async fn frames_go_both_ways() {
    let (mut server, mut client) = pair(1 << 16).await;
    client.send(Message::text("é")).await.unwrap();
    client.send(Message::binary(vec![0xff])).await.unwrap();
    assert_eq!(server.next().await.unwrap().unwrap(), Frame::Text("é".into()));
    assert_eq!(server.next().await.unwrap().unwrap(), Frame::Binary(vec![0xff].into()));

    server.feed(Frame::Text("one".into())).await.unwrap();
    server.feed(Frame::Text("two".into())).await.unwrap();
    assert!(client.next().now_or_never().is_none(), "what is fed waits for the flush");
    server.flush().await.unwrap();
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("one"));
    assert_eq!(client.next().await.unwrap().unwrap(), Message::text("two"));
}

#[tokio::test(start_paused = true)]
async fn bytes_that_came_with_the_handshake_are_read() {
    let (ours, _theirs) = duplex(64);
    let mut server = WebSocket::new(Watched::new(ours), &masked(0x81, b"early"), Heartbeat::default()).await;
    assert_eq!(server.next().await.unwrap().unwrap(), Frame::Text("early".into()));
}

#[tokio::test(start_paused = true)]
async fn a_message_in_pieces_is_put_together() {
    let (mut server, mut raw) = raw_pair(1 << 16).await;
    for piece in [masked(0x01, b"one "), masked(0x89, b"ping between"), masked(0x80, b"message")] {
        raw.write_all(&piece).await.unwrap();
    }
    assert_eq!(server.next().await.unwrap().unwrap(), Frame::Text("one message".into()));
}

#[tokio::test(start_paused = true)]
async fn what_breaks_the_protocol_is_told_by_1002() {
    let unmasked = [0x81, 2, b'h', b'i'];
    let reserved_bit = masked(0xc1, b"hi");
    let reserved_opcode = masked(0x83, b"hi");
    let reserved_control = masked(0x8b, b"hi");
    let long_ping = masked(0x89, &[0; 126]);
    let ping_in_pieces = masked(0x09, b"hi");
    let continued_nothing = masked(0x80, b"hi");
    let interrupted = [masked(0x01, b"hi"), masked(0x81, b"hi")].concat();
    let close_of_one_byte = masked(0x88, &[3]);
    let all: [&[u8]; 9] = [
        &unmasked,
        &reserved_bit,
        &reserved_opcode,
        &reserved_control,
        &long_ping,
        &ping_in_pieces,
        &continued_nothing,
        &interrupted,
        &close_of_one_byte,
    ];
    for bytes in all {
        assert_eq!(code_after(bytes).await, Some(1002), "{bytes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn invalid_utf8_is_told_by_1007() {
    assert_eq!(code_after(&masked(0x81, b"\xff\xfe")).await, Some(1007));
    let in_pieces = [masked(0x01, b"ok"), masked(0x80, b"\xff")].concat();
    assert_eq!(code_after(&in_pieces).await, Some(1007));
}

#[tokio::test(start_paused = true)]
async fn what_is_too_long_is_told_by_1009() {
    assert_eq!(code_after(&masked(0x81, &vec![b'x'; FRAME_BYTES + 1])).await, Some(1009));
    let in_pieces = [masked(0x01, &vec![b'x'; FRAME_BYTES]), masked(0x80, b"x")].concat();
    assert_eq!(code_after(&in_pieces).await, Some(1009));
    // The announced length is enough. The server neither waits nor allocates for its bytes.
    assert_eq!(code_after(&[0x81, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]).await, Some(1009));
}

#[tokio::test(start_paused = true)]
async fn a_frame_of_the_limit_is_read() {
    let (mut server, mut client) = pair(1 << 10).await;
    let text = "x".repeat(FRAME_BYTES);
    let (sent, read) = futures::join!(client.send(Message::text(text.clone())), server.next());
    sent.unwrap();
    assert_eq!(read.unwrap().unwrap(), Frame::Text(text.into()));
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_and_what_is_answered_do_not_mix() {
    let (mut server, mut client) = pair(64).await;
    let (text, payload) = ("x".repeat(1_000), Bytes::from_static(&[b'p'; 56]));
    let (asked, answer) = (Message::Ping(payload.clone()), Message::Pong(payload));

    // There is room for one pong and a part of the next.
    for _ in 0..2 {
        client.send(asked.clone()).await.unwrap();
        assert!(server.next().now_or_never().is_none());
    }
    let sending = server.send(Frame::Text(text.clone().into()));
    let (sent, received) = futures::join!(sending, client.by_ref().take(3).collect::<Vec<_>>());
    sent.unwrap();
    let received: Vec<_> = received.into_iter().map(Result::unwrap).collect();
    assert_eq!(received, [answer.clone(), answer.clone(), Message::text(text.clone())]);

    assert!(server.next().now_or_never().is_none());

    // Part of a text is written when the ping arrives.
    assert!(server.send(Frame::Text(text.clone().into())).now_or_never().is_none());
    client.send(asked).await.unwrap();
    assert!(server.next().now_or_never().is_none());
    let (sent, received) = futures::join!(server.flush(), client.by_ref().take(2).collect::<Vec<_>>());
    sent.unwrap();
    let received: Vec<_> = received.into_iter().map(Result::unwrap).collect();
    assert_eq!(received, [Message::text(text), answer]);
}

#[tokio::test(start_paused = true)]
async fn a_close_is_answered() {
    let (server, mut client) = pair(1 << 16).await;
    let server = serve(server);
    client.close(Some(close_frame(CloseCode::Normal))).await.unwrap();
    let reply = client.next().await.unwrap().unwrap();
    assert_eq!(reply, Message::Close(Some(close_frame(CloseCode::Normal))));
    assert!(client.next().await.is_none());
    drop(client);
    let (frames, failure) = server.await.unwrap();
    assert_eq!(frames, [Frame::Close(CloseCode::Normal)]);
    assert!(failure.is_none(), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_close_is_left_after_a_while() {
    let (mut server, _client) = pair(1 << 16).await;
    server.send(Frame::Close(CloseCode::GoingAway)).await.unwrap();
    let start = Instant::now();
    server.finish(None).await;
    assert_eq!(start.elapsed(), Duration::from_secs(2));
}

#[tokio::test(start_paused = true)]
async fn after_the_close_what_still_comes_is_thrown_away() {
    let (mut server, mut raw) = raw_pair(64).await;
    let start = Instant::now();
    let end = async {
        server.send(Frame::Close(CloseCode::GoingAway)).await.unwrap();
        server.finish(None).await;
        drop(server);
    };
    let talk_on = async {
        raw.write_all(&[7; 10_000]).await.unwrap();
        let mut sent = Vec::new();
        raw.read_to_end(&mut sent).await.unwrap();
        assert_eq!(close_code(&sent), Some(1001));
        drop(raw);
    };
    futures::join!(end, talk_on);
    assert_eq!(start.elapsed(), Duration::ZERO, "it ends with the peer");
}

#[tokio::test(start_paused = true)]
async fn who_was_too_slow_to_be_told_why_is_told_at_the_end() {
    let (mut server, mut client) = pair(16).await;
    assert!(server.send(Frame::Text("x".repeat(1000).into())).now_or_never().is_none());
    let end = async {
        server.flush().await.unwrap();
        server.finish(Some(CloseCode::TooSlow)).await;
    };
    let read = async {
        assert!(client.next().await.unwrap().unwrap().is_text());
        assert_eq!(
            client.next().await.unwrap().unwrap(),
            Message::Close(Some(close_frame(CloseCode::TooSlow)))
        );
    };
    futures::join!(end, read);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_nothing_for_ten_seconds_is_given_up() {
    let (mut server, _raw) = raw_pair(16).await;
    let start = Instant::now();
    let sent = server.send(Frame::Text("x".repeat(1000).into())).await;
    assert!(matches!(sent, Err(WebSocketError::Stalled)), "{sent:?}");
    assert_eq!(start.elapsed(), STALLED_AFTER);
}

#[tokio::test(start_paused = true)]
async fn a_reader_notices_a_stalled_write_too() {
    let (mut server, _raw) = raw_pair(16).await;
    assert!(server.send(Frame::Text("x".repeat(1000).into())).now_or_never().is_none());
    let start = Instant::now();
    assert!(matches!(server.next().await, Some(Err(WebSocketError::Stalled))));
    assert_eq!(start.elapsed(), STALLED_AFTER);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_takes_little_by_little_lives() {
    let (mut server, mut raw) = raw_pair(16).await;
    let reader = tokio::spawn(async move {
        let mut taken = [0; 16];
        loop {
            // The peer never sends a pong, although pinged. Its reading is the sign of life.
            sleep(Duration::from_secs(9)).await;
            let _ = raw.read(&mut taken).await.unwrap();
        }
    });
    server.feed(Frame::Text("x".repeat(1000).into())).await.unwrap();
    let flushed_while_read = std::future::poll_fn(|cx| match server.poll_next_unpin(cx) {
        Poll::Ready(frame) => Poll::Ready(Err(frame)),
        Poll::Pending => server.poll_flush_unpin(cx).map(Ok),
    });
    let flushed = flushed_while_read.await;
    assert!(matches!(flushed, Ok(Ok(()))), "{flushed:?}");
    reader.abort();
}

//! Deadlines on slow links depend on progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;

/// A kernel buffer that takes everything at once, in front of a slow link.
const LARGE: usize = 1 << 20;

/// Bytes per second of a link of 64 kbit/s.
const SLOW: usize = 8_000;

/// A server that sends this many bytes and then runs until the connection ends.
fn say(mut server: WebSocket<Watched<DuplexStream>>, bytes: usize) -> JoinHandle<Option<WebSocketError>> {
    tokio::spawn(async move {
        server.send(Frame::Text("x".repeat(bytes).into())).await.unwrap();
        while let Some(frame) = server.next().await {
            if let Err(failure) = frame {
                return Some(failure);
            }
        }
        None
    })
}

#[tokio::test(start_paused = true)]
async fn a_ping_behind_much_that_is_taken_slowly_is_waited_for() {
    let (server, mut raw) = raw_pair(LARGE).await;
    let server = say(server, 400_000);
    let start = Instant::now();
    let mut taken = vec![0; SLOW];
    // The pings arrive behind the text, after fifty seconds, and are answered one by one.
    for second in 1..=70 {
        sleep(Duration::from_secs(1)).await;
        let read = raw.read(&mut taken).now_or_never().map_or(0, Result::unwrap);
        for _ in taken[..read].windows(2).filter(|bytes| **bytes == [0x89, 0]) {
            raw.write_all(&masked(0x8a, b"")).await.unwrap();
        }
        assert!(!server.is_finished(), "after {second} s");
    }
    assert_eq!(start.elapsed(), Duration::from_secs(70));
}

#[tokio::test(start_paused = true)]
async fn who_takes_nothing_of_what_the_system_holds_is_given_up() {
    for (bytes, seconds) in [(1_000, 35), (40_000, 35 + 9), (LARGE - 100, 35 + 64)] {
        let (server, _raw) = raw_pair(LARGE).await;
        let start = Instant::now();
        let failure = say(server, bytes).await.unwrap();
        assert!(matches!(failure, Some(WebSocketError::Silent)), "{failure:?}");
        assert_eq!(start.elapsed(), Duration::from_secs(seconds), "{bytes} bytes");
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_waits_as_long_as_the_system_tells_nothing_of_a_slow_link() {
    for (system, seconds) in [(16, 10), (16 * 1024, 14), (LARGE, 10 + 16)] {
        let (mut server, _raw) = raw_pair(system).await;
        let start = Instant::now();
        let sent = server.send(Frame::Text("x".repeat(2 * LARGE).into())).await;
        assert!(matches!(sent, Err(WebSocketError::Stalled)), "{sent:?}");
        assert_eq!(start.elapsed(), Duration::from_secs(seconds), "{system} bytes are held");
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_answered_ping_has_shown_gives_no_more_time() {
    let (server, mut raw) = raw_pair(LARGE).await;
    let server = say(server, 400_000);
    let mut taken = vec![0; LARGE];
    sleep(Duration::from_secs(26)).await;
    while let Some(read) = raw.read(&mut taken).now_or_never() {
        read.unwrap();
    }
    raw.write_all(&masked(0x8a, b"")).await.unwrap();
    let start = Instant::now();
    assert!(matches!(server.await.unwrap(), Some(WebSocketError::Silent)));
    assert_eq!(start.elapsed(), Duration::from_secs(24 + 10), "pinged at 50, judged at 60");
}

#[tokio::test(start_paused = true)]
async fn a_part_of_a_frame_is_a_sign_of_life() {
    let (server, mut raw) = raw_pair(1 << 10).await;
    let server = serve(server);
    let frame = masked(0x81, &vec![b'x'; 60_000]);
    // Slow enough to exceed the deadline of any ping.
    for piece in frame.chunks(5_000) {
        sleep(Duration::from_secs(9)).await;
        raw.write_all(piece).await.unwrap();
    }
    assert!(!server.is_finished());
    sleep(Duration::from_secs(36)).await;
    let (frames, failure) = server.await.unwrap();
    assert_eq!(frames.len(), 1);
    assert!(matches!(failure, Some(WebSocketError::Silent)), "{failure:?}");
}

#[tokio::test(start_paused = true)]
async fn pings_and_pongs_are_told_as_signs_of_life_and_frames_are_not() {
    let (mut server, mut raw) = raw_pair(1 << 10).await;
    let signs = Arc::new(AtomicUsize::new(0));
    let told = Arc::clone(&signs);
    server.on_sign(move || {
        told.fetch_add(1, Ordering::Relaxed);
    });
    for bytes in [masked(0x89, b"hi"), masked(0x8a, b""), masked(0x81, b"text")] {
        raw.write_all(&bytes).await.unwrap();
    }
    assert_eq!(server.next().await.unwrap().unwrap(), Frame::Text("text".into()));
    assert_eq!(signs.load(Ordering::Relaxed), 2);
}

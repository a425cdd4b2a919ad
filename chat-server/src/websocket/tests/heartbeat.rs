//! Pings, pongs and silence.

use tokio::task::yield_now;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_peer_that_answers_pings_lives() {
    let (server, mut client) = pair(1 << 16).await;
    let server = serve(server);
    let start = Instant::now();
    for beat in 1..=5 {
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Ping(Bytes::new()));
        assert_eq!(start.elapsed(), Duration::from_secs(25 * beat));
        client.flush().await.unwrap();
    }
    drop(client);
    assert!(matches!(server.await.unwrap().1, Some(WebSocketError::Broken(_))));
}

#[tokio::test(start_paused = true)]
async fn any_frame_after_a_ping_is_a_sign_of_life() {
    let (server, mut raw) = raw_pair(1 << 16).await;
    let server = serve(server);
    sleep(Duration::from_secs(26)).await;
    raw.write_all(&masked(0x81, b"hi")).await.unwrap();
    sleep(Duration::from_secs(23)).await;
    assert!(!server.is_finished(), "heard at 26, judged at 35");
    sleep(Duration::from_secs(13)).await;
    assert!(matches!(server.await.unwrap().1, Some(WebSocketError::Silent)), "pinged at 50, judged at 60");
}

#[tokio::test(start_paused = true)]
async fn silence_is_told_by_4012_ten_seconds_after_a_ping() {
    let (server, mut raw) = raw_pair(1 << 16).await;
    let start = Instant::now();
    // A frame before the ping proves no life after it.
    raw.write_all(&masked(0x81, b"hi")).await.unwrap();
    let server = serve(server);
    let mut sent = Vec::new();
    raw.read_to_end(&mut sent).await.unwrap();
    assert_eq!(close_code(&sent), Some(4012));
    assert_eq!(start.elapsed(), Duration::from_secs(35));
    drop(raw);
    assert!(matches!(server.await.unwrap().1, Some(WebSocketError::Silent)));
}

#[tokio::test(start_paused = true)]
async fn what_waits_unread_counts_before_silence_does() {
    let (mut server, mut client) = pair(1 << 10).await;
    assert!(server.next().now_or_never().is_none());
    sleep(Duration::from_secs(25)).await;
    assert!(server.next().now_or_never().is_none(), "pings");
    client.next().await.unwrap().unwrap();
    client.flush().await.unwrap();
    // The core does not read for a long time, although the pong has arrived.
    sleep(Duration::from_secs(20)).await;
    let stuck = server.send(Frame::Text("x".repeat(2_000).into())).now_or_never();
    assert!(stuck.is_none(), "who only writes does not judge: {stuck:?}");
    assert!(server.next().now_or_never().is_none(), "lives");
}

#[tokio::test(start_paused = true)]
async fn the_interval_is_pressed_into_its_bounds() {
    for (asked, seconds) in [(0, 25), (25, 25), (100, 100), (300, 300), (u64::MAX, 300)] {
        let deadline = Heartbeat::every(asked).deadline();
        assert_eq!(deadline - Instant::now(), Duration::from_secs(seconds), "{asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn pings_are_answered_and_pongs_do_not_pile_up() {
    let (mut server, mut raw) = raw_pair(256).await;
    let mut taken = 0;
    // The peer never reads. Its pings are no longer read once a pong is stuck.
    while raw.write_all(&masked(0x89, &[7; 100])).now_or_never().is_some() {
        assert!(server.next().now_or_never().is_none());
        taken += 1;
        assert!(taken < 100, "read on and on");
        // Renews the task's cooperative budget.
        yield_now().await;
    }
    let mut pong = [0; 102];
    raw.read_exact(&mut pong).await.unwrap();
    assert_eq!(pong[..3], [0x8a, 100, 7]);
    let Some(Err(failure)) = server.next().await else { panic!("must end") };
    assert!(matches!(failure, WebSocketError::Stalled), "{failure:?}");
}

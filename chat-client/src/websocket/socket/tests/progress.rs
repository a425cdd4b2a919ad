//! Reports of progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

/// Returns a socket with a counter of its reports of progress, and the other end of its pipe.
async fn metered(pipe: usize) -> (Socket<DuplexStream>, DuplexStream, Arc<AtomicU32>) {
    let (ours, theirs) = duplex(pipe);
    let reports = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&reports);
    let progress = ProgressReport::to(move || {
        counted.fetch_add(1, Ordering::Relaxed);
    });
    (Socket::new(Link::plain(ours, progress), Vec::new(), HEARTBEAT).await, theirs, reports)
}

#[tokio::test(start_paused = true)]
async fn the_pieces_of_a_frame_are_reported_and_pings_are_not() {
    let (mut client, mut raw, reports) = metered(1 << 16).await;
    let talk = async {
        for _ in 0..20 {
            raw.write_all(b"\x89\x00").await.unwrap();
            sleep(Duration::from_secs(5)).await;
        }
        assert_eq!(reports.load(Ordering::Relaxed), 0, "a server that only answers pings has stopped");
        raw.write_all(b"\x81\x7e\x27\x10").await.unwrap(); // 10,000 bytes follow.
        for _ in 0..10 {
            sleep(Duration::from_secs(2)).await;
            raw.write_all(&[b'x'; 1_000]).await.unwrap();
        }
    };
    let (frame, ()) = within(future::join(client.next(), talk)).await;
    assert_eq!(frame, Some(Ok(text("x".repeat(10_000)))));
    assert_eq!(reports.load(Ordering::Relaxed), 10);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_goes_on_is_reported() {
    let (mut client, mut raw, reports) = metered(1 << 10).await;
    let taker = async {
        let mut buffer = vec![0; 1 << 10];
        for _ in 0..10 {
            sleep(Duration::from_secs(2)).await;
            raw.read_exact(&mut buffer).await.unwrap();
        }
        raw
    };
    let (sent, _raw) = within(future::join(client.send(text("x".repeat(10 * 1024 - 8))), taker)).await;
    sent.unwrap();
    assert!(reports.load(Ordering::Relaxed) >= 8, "{reports:?}");
}

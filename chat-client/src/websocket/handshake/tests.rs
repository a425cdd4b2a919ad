//! Slow responses, in virtual time.

use tokio::io::duplex;
use tokio::time::{Instant, sleep};

use super::*;
use crate::transport::ProgressReport;

/// Returns the error of a handshake and its duration. The response comes in these pieces, half a
/// second apart, and the connection stays open.
async fn failure_after(pieces: &[&str]) -> (TransportError, Duration) {
    let (mut ours, mut theirs) = duplex(1 << 16);
    let address = Address::parse("ws://h/").unwrap();
    let attempt = Attempt {
        token: "token".into(),
        heartbeat: Duration::from_secs(25),
        progress: ProgressReport::default(),
    };
    let start = Instant::now();
    let serve = async {
        for piece in pieces {
            theirs.write_all(piece.as_bytes()).await.unwrap();
            sleep(Duration::from_millis(500)).await;
        }
    };
    let upgrade = async {
        let failure = upgrade(&mut ours, &address, &attempt).await.unwrap_err();
        (failure, start.elapsed())
    };
    let (failure, ()) = futures::join!(upgrade, serve);
    failure
}

#[tokio::test(start_paused = true)]
async fn a_body_that_comes_late_is_waited_for() {
    let pieces = ["HTTP/1.1 503 Busy\r\n", "Content-Length: 12\r\n\r\nfirst", " second", "next"];
    let (failure, took) = failure_after(&pieces).await;
    assert!(failure.reason.ends_with("\"first second\""), "{failure}");
    assert_eq!(took, Duration::from_secs(1), "no longer than it needs");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for_long() {
    let (failure, took) = failure_after(&["HTTP/1.1 503 Busy\r\nContent-Length: 12\r\n\r\nfirst"]).await;
    assert!(failure.reason.ends_with("\"first\""), "{failure}");
    assert_eq!(took, BODY_WITHIN);
}

#[tokio::test(start_paused = true)]
async fn a_body_of_unknown_length_is_not_waited_for() {
    let (failure, took) = failure_after(&["HTTP/1.1 503 Busy\r\n\r\nfirst", "second"]).await;
    assert!(failure.reason.ends_with("\"first\""), "{failure}");
    assert_eq!(took, Duration::ZERO);
}

//! Tokens with an unknown key, on a simulated clock.

use std::fs;

use futures::FutureExt as _;
use futures::future::join_all;
use tokio::task::yield_now;

use super::*;

/// One key, as an issuer would publish it.
const SET: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one",
                                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

/// Keys from a file in this directory.
fn jwks(dir: &Path) -> Arc<Jwks> {
    let path = dir.join("keys.json");
    fs::write(&path, SET).unwrap();
    Arc::new(Jwks::of_file(&path, Accepted(None)))
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_reading_that_may_not_begin() {
    let dir = tempfile::tempdir().unwrap();
    let jwks = jwks(dir.path());
    jwks.progress.send_modify(|progress| progress.not_before = Instant::now() + FETCH_APART);
    let start = Instant::now();
    assert_eq!(jwks.next_reading().await, None);
    assert_eq!(start.elapsed(), Duration::ZERO);
    // A reading was requested all the same.
    jwks.wanted.notified().await;
}

#[tokio::test(start_paused = true)]
async fn one_reading_serves_a_bounded_number_and_the_rest_is_not_kept() {
    let dir = tempfile::tempdir().unwrap();
    let jwks = jwks(dir.path());
    let mut waiting: Vec<_> = (0..WAITERS).map(|_| Box::pin(jwks.next_reading())).collect();
    assert!(waiting.iter_mut().all(|waiter| waiter.now_or_never().is_none()), "they wait");
    assert_eq!(jwks.next_reading().now_or_never(), Some(None), "one more does not");
    let renewing = tokio::spawn(Arc::clone(&jwks).renew(FileWatch::new(Vec::new(), &Reload::new())));
    let read = join_all(waiting).await;
    assert!(read.iter().all(Option::is_some));
    assert_eq!(jwks.progress.borrow().ended, 1);
    renewing.abort();
}

#[tokio::test(start_paused = true)]
async fn a_reading_under_way_is_waited_for_and_a_failed_one_no_longer_than_it_takes() {
    let dir = tempfile::tempdir().unwrap();
    let jwks = jwks(dir.path());
    jwks.progress.send_modify(|progress| {
        progress.is_under_way = true;
        progress.not_before = Instant::now() + FETCH_APART;
    });
    let waiter = tokio::spawn({
        let jwks = Arc::clone(&jwks);
        async move { jwks.next_reading().await }
    });
    yield_now().await;
    let start = Instant::now();
    jwks.read().await.unwrap();
    assert_eq!(waiter.await.unwrap(), Some(start), "it began after the question, on a clock that stands");
    let mut waiter = Box::pin(jwks.next_reading());
    jwks.progress.send_modify(|progress| progress.not_before = Instant::now());
    assert!(waiter.as_mut().now_or_never().is_none());
    fs::write(dir.path().join("keys.json"), "no set").unwrap();
    jwks.read().await.unwrap_err();
    assert_eq!((waiter.await, start.elapsed()), (None, Duration::ZERO));
}

//! A data directory that is moved away while the server runs.

use std::fs;

use crate::chat::Chat;
use crate::support::{Server, john};

#[tokio::test]
async fn nothing_is_acknowledged_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let (data, away) = (dir.path().join("data"), dir.path().join("away"));
    let server = Server::start_in(dir.path(), &[]);
    let mut chat = Chat::begin(&server).await;
    let mut john_ = server.connect(&john()).await;
    fs::rename(&data, &away).unwrap();
    let fault = chat.suffer(&mut john_, || ()).await;
    println!("a data directory that was moved away: {fault}");
    assert_eq!(fault.acknowledged, 0);
    assert!(!data.exists(), "nothing is begun anew in its place");
    fs::rename(&away, &data).unwrap();
    chat.go_on(&mut john_).await;
    let (status, log, _) = server.stop().await;
    assert!(status.success());
    let told = "nothing is acknowledged until the data directory is back where it was";
    assert_eq!(log.matches(told).count(), 1, "{log}");
    assert_eq!(log.matches("the journal can be written again").count(), 1, "{log}");

    let server = Server::start_in(dir.path(), &[]);
    chat.check(&mut server.connect(&john()).await).await;
}

#[tokio::test]
async fn a_stop_without_it_ends_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (data, away) = (dir.path().join("data"), dir.path().join("away"));
    let server = Server::start_in(dir.path(), &[]);
    let chat = Chat::begin(&server).await;
    fs::rename(&data, &away).unwrap();
    let (status, log, _) = server.stop().await;
    assert!(status.success() && log.contains("the stop is not marked as clean"), "{log}");
    fs::rename(&away, &data).unwrap();

    let server = Server::start_in(dir.path(), &[]);
    chat.check(&mut server.connect(&john()).await).await;
}

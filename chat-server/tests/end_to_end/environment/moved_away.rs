//! A data directory that is moved away or removed while the server runs.

use std::fs;

use server_test_support::{Server, john};

use crate::environment::chat::Chat;

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
async fn one_that_was_removed_is_not_begun_anew_and_a_copy_serves_after_a_start() {
    let dir = tempfile::tempdir().unwrap();
    let (data, copy) = (dir.path().join("data"), dir.path().join("copy"));
    let server = Server::start_in(dir.path(), &[]);
    let mut chat = Chat::begin(&server).await;
    let mut john_ = server.connect(&john()).await;
    fs::create_dir(&copy).unwrap();
    for segment in fs::read_dir(data.join("journal")).unwrap().map(Result::unwrap) {
        fs::copy(segment.path(), copy.join(segment.file_name())).unwrap();
    }
    fs::remove_dir_all(&data).unwrap();
    let fault = chat.suffer(&mut john_, || ()).await;
    println!("a data directory that was removed: {fault}");
    assert_eq!(fault.acknowledged, 0);
    assert!(!data.exists(), "nothing is begun anew in its place");
    // A copy is another directory for a process that has the old one open.
    fs::create_dir(&data).unwrap();
    fs::rename(&copy, data.join("journal")).unwrap();
    assert_eq!(chat.say(&mut john_).await.as_deref(), Some("unavailable"));
    let (_, log, _) = server.stop().await;
    assert_eq!(log.matches("or the server is started again").count(), 1, "{log}");

    let server = Server::start_in(dir.path(), &[]);
    let mut john_ = server.connect(&john()).await;
    chat.check(&mut john_).await;
    chat.go_on(&mut john_).await;
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

//! Files with a limit on their size. To the program this is a full disk, and the test needs no
//! root.

use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use server_test_support::http::probe;
use server_test_support::program::without_settings;
use server_test_support::{Server, john};

use crate::environment::chat::Chat;

#[tokio::test]
async fn nothing_is_acknowledged_until_they_may_grow_again() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::spawn(deaf_to_the_signal(), dir.path(), &[]);
    let mut chat = Chat::begin(&server).await;
    let mut john_ = server.connect(&john()).await;
    limit_files(&server, Some(journal_length(dir.path()) + 100));
    let fault = chat.suffer(&mut john_, || ()).await;
    println!("files that may not grow: {fault}");
    assert!(fault.acknowledged == 0 && fault.read > 0, "{fault}");
    assert_eq!(probe(&server, "/readyz").await, (503, "not ready: the store can't be written\n".to_owned()));
    limit_files(&server, None);
    chat.go_on(&mut john_).await;
    assert_eq!(probe(&server, "/readyz").await, (200, "ready\n".to_owned()));
    server.kill().await;

    let server = Server::start_in(dir.path(), &[]);
    chat.check(&mut server.connect(&john()).await).await;
}

#[tokio::test]
async fn the_operator_hears_once_of_a_fault_and_once_of_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::spawn(deaf_to_the_signal(), dir.path(), &[]);
    let mut chat = Chat::begin(&server).await;
    let mut john_ = server.connect(&john()).await;
    for _ in 0..2 {
        limit_files(&server, Some(journal_length(dir.path()) + 100));
        for _ in 0..10 {
            assert_eq!(chat.say(&mut john_).await.as_deref(), Some("unavailable"));
        }
        limit_files(&server, None);
        chat.go_on(&mut john_).await;
    }
    let (status, log, _) = server.stop().await;
    assert!(status.success());
    assert_eq!(
        log.matches("File too large (os error 27)): nothing is acknowledged until").count(),
        2,
        "{log}"
    );
    assert_eq!(log.matches("Check the space on its disk").count(), 2, "{log}");
    assert_eq!(log.matches("the journal can be written again").count(), 2, "{log}");
}

/// The program, to which a file that is too long is an error like any other.
fn deaf_to_the_signal() -> Command {
    let mut shell = without_settings(Command::new("sh"));
    shell.args(["-c", r#"trap '' XFSZ && exec "$0" "$@""#, env!("CARGO_BIN_EXE_chat-server")]);
    shell
}

fn limit_files(server: &Server, bytes: Option<u64>) {
    let pid = Pid::from_raw(i32::try_from(server.pid()).unwrap());
    prlimit(pid, Resource::Fsize, Rlimit { current: bytes, maximum: None }).unwrap();
}

/// How long the journal is, without the zeros that were written ahead.
fn journal_length(dir: &Path) -> u64 {
    let segments = fs::read_dir(dir.join("data/journal")).unwrap();
    let segments = segments.map(|segment| segment.unwrap().path());
    let segment = segments.filter(|path| path.extension().is_some_and(|end| end == "log")).max().unwrap();
    let bytes = fs::read(segment).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64 + 1
}

//! A data directory that has lost its store, or never had one.

use std::fs;
use std::path::Path;
use std::process::Output;

use server_test_support::program::program;
use server_test_support::{SECRET, Server, john};

use crate::environment::chat::Chat;
use crate::environment::start::refusal;

fn run(arguments: &[&str], data: &Path) -> Output {
    program().args(arguments).arg("--data-dir").arg(data).env("CHAT_JWT_SECRET", SECRET).output().unwrap()
}

/// Empties a data directory, and leaves one directory in it.
fn spoil(data: &Path, left: &str) {
    fs::remove_dir_all(data).unwrap();
    fs::create_dir(data).unwrap();
    if !left.is_empty() {
        fs::create_dir(data.join(left)).unwrap();
    }
}

#[tokio::test]
async fn no_server_begins_a_store_among_the_remains_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    drop(Server::start_in(dir.path(), &[]));
    for (left, found) in [
        ("index", "it holds only index"),
        ("journal", "it holds only journal"),
        ("journal.partial", "a restore into it was cut off. Remove `journal.partial`"),
    ] {
        spoil(&data, left);
        let said = refusal(program(), dir.path());
        for wanted in [found, "Is its disk mounted?", "chat-server restore", "chat-server init"] {
            assert!(said.contains(wanted), "{left}: {said}");
        }
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "{left}: nothing was made");
    }
}

#[tokio::test]
async fn an_empty_directory_gets_a_store_with_a_warning_unless_one_is_required() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for left in ["", "lost+found"] {
        drop(Server::start_in(dir.path(), &[]));
        spoil(&data, left);
        let mut requiring = program();
        requiring.env("CHAT_REQUIRE_STORE", "true");
        let said = refusal(requiring, dir.path());
        assert!(said.contains("there is no store in") && said.contains("Is its disk mounted?"), "{said}");
        let (_, log, _) = Server::start_in(dir.path(), &[]).stop().await;
        assert!(log.contains("WARN") && log.contains("began a new store in"), "{log}");
        let (_, log, _) = Server::start_in(dir.path(), &["--require-store"]).stop().await;
        assert!(!log.contains("began a new store"), "{log}");
    }
}

#[test]
fn no_command_begins_a_store_by_the_way() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for command in [&["users", "list"][..], &["users", "import", "/dev/null"], &["rebuild"]] {
        let output = run(command, &data);
        assert!(String::from_utf8_lossy(&output.stderr).contains("there is no store in"), "{output:?}");
        assert_eq!((output.status.code(), data.exists()), (Some(1), false), "{command:?}");
    }
}

#[tokio::test]
async fn init_begins_a_store_once_and_never_where_one_was() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    fs::create_dir(&data).unwrap();
    let begun = run(&["init"], &data);
    assert!(String::from_utf8_lossy(&begun.stdout).contains("began an empty store"), "{begun:?}");
    let server = Server::start_in(dir.path(), &["--require-store"]);
    let mut chat = Chat::begin(&server).await;
    assert!(server.stop().await.0.success());
    let again = run(&["init"], &data);
    assert!(String::from_utf8_lossy(&again.stdout).contains("nothing was changed"), "{again:?}");
    let server = Server::start_in(dir.path(), &[]);
    chat.go_on(&mut server.connect(&john()).await).await;
    assert!(server.stop().await.0.success());
    fs::rename(data.join("journal"), dir.path().join("elsewhere")).unwrap();
    let refused = run(&["init"], &data);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("it holds only "), "{refused:?}");
}

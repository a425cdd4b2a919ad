//! A disk without room.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use crate::environment::chat::Chat;
use crate::environment::mount::Mount;
use server_test_support::client::Client;
use server_test_support::http::probe;
use server_test_support::{Server, john, until};

#[tokio::test]
#[ignore = "mounts a file system, which takes root"]
async fn service_goes_on_when_there_is_room_again() {
    let disk = Mount::new("8m");
    let (server, mut chat, mut john_, mut ballast) = used_up(&disk).await;
    // A rebuilt index frees some room, and this room must be used up too.
    let fault = chat.suffer(&mut john_, || ballast.fill()).await;
    println!("a full disk: {fault}");
    ballast.remove();
    chat.go_on(&mut john_).await;
    let (status, log, _) = server.stop().await;
    assert!(status.success());
    assert!(log.contains("No space left on device (os error 28)): nothing is acknowledged until"), "{log}");
    assert!(log.contains("the journal can be written again"), "{log}");
    let server = disk.serve();
    chat.check(&mut server.connect(&john()).await).await;
}

/// A server and its chat, on a disk that became full while a driver wrote.
async fn used_up(disk: &Mount) -> (Server, Chat, Client, Ballast) {
    let server = disk.serve();
    let mut chat = Chat::begin(&server).await;
    chat.settle().await;
    let mut john_ = server.connect(&john()).await;
    let mut ballast = Ballast::on(disk);
    chat.use_up(&mut john_, || ballast.fill()).await;
    (server, chat, john_, ballast)
}

/// A server with the usual reserve on a disk without room, once its health says so and the index is
/// ready.
async fn serve_full(disk: &Mount, flags: &[&str]) -> Server {
    let command = disk.command(env!("CARGO_BIN_EXE_chat-server"));
    let server = Server::spawn(command, disk.inside(), flags);
    let full = "not ready: the disk is full: only retention and administration may write\n";
    until("the disk is full", async || probe(&server, "/readyz").await == (503, full.to_owned())).await;
    server
}

#[tokio::test]
#[ignore = "mounts a file system, which takes root"]
async fn a_start_without_room_serves_what_was_written_and_goes_on_when_there_is_some() {
    for is_clean in [false, true] {
        let disk = Mount::new("16m");
        let (server, mut chat, _john, mut ballast) = used_up(&disk).await;
        if is_clean {
            assert!(server.stop().await.0.success());
        } else {
            server.kill().await;
        }
        ballast.fill();
        // A new index may take some pages more than the old one leaves.
        ballast.give_back(64 << 10);

        let server = serve_full(&disk, &[]).await;
        let mut john_ = server.connect(&john()).await;
        chat.check(&mut john_).await;
        assert_eq!(chat.say(&mut john_).await.as_deref(), Some("storage_low"));
        ballast.remove();
        until("the disk has room", async || probe(&server, "/readyz").await.0 == 200).await;
        chat.go_on(&mut john_).await;
        assert!(server.stop().await.0.success());
    }
}

#[tokio::test]
#[ignore = "mounts a file system, which takes root"]
async fn retention_makes_room_for_an_index_where_there_is_none() {
    let disk = Mount::new("16m");
    let (server, mut chat, _john, mut ballast) = used_up(&disk).await;
    server.kill().await;
    fs::remove_dir_all(disk.outside().join("data/index")).unwrap();
    ballast.fill();

    // The room that the ballast takes stays taken.
    let command = disk.command(env!("CARGO_BIN_EXE_chat-server"));
    let flags = [
        "--messages-per-second",
        "0",
        "--reserve-mib",
        "0",
        "--retention",
        "1s",
        "--retention-confirmed",
        "1s",
    ];
    let server = Server::spawn(command, disk.inside(), &flags);
    until("there is room for the index", async || probe(&server, "/readyz").await.0 == 200).await;
    let mut john_ = server.connect(&john()).await;
    assert_eq!(chat.say(&mut john_).await, None);
    let shown = chat.read(&mut john_).await.unwrap();
    assert!(shown.first().unwrap().is_empty(), "it is too old");
    let (status, log, _) = server.stop().await;
    assert!(status.success());
    assert!(log.contains("nothing can be read before there is room for the index"), "{log}");
}

/// A file that takes all the room on a disk.
struct Ballast(PathBuf, File);

impl Ballast {
    fn on(disk: &Mount) -> Self {
        let path = disk.outside().join("ballast");
        let file = File::create(&path).unwrap();
        Self(path, file)
    }

    fn fill(&mut self) {
        for piece in [1 << 16, 1 << 10, 1] {
            let full = loop {
                if let Err(error) = self.1.write_all(&vec![0; piece]) {
                    break error;
                }
            };
            assert_eq!(full.kind(), ErrorKind::StorageFull);
        }
    }

    /// Leaves this many bytes to others.
    fn give_back(&mut self, bytes: u64) {
        let length = self.1.metadata().unwrap().len();
        self.1.set_len(length - bytes).unwrap();
    }

    fn remove(self) {
        fs::remove_file(self.0).unwrap();
    }
}

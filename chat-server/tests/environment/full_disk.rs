//! A disk without room.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;

use crate::chat::Chat;
use crate::mount::Mount;
use crate::start::refusal;
use crate::support::john;

#[tokio::test]
#[ignore = "mounts a file system, which takes root"]
async fn service_goes_on_when_there_is_room_again() {
    let disk = Mount::new("8m");
    let server = disk.serve();
    let mut chat = Chat::begin(&server).await;
    chat.settle().await;
    let mut john_ = server.connect(&john()).await;
    let mut ballast = Ballast::on(&disk);
    chat.use_up(&mut john_, || ballast.fill()).await;
    // The index makes itself some room when it is built anew, and that has to go too.
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

#[tokio::test]
#[ignore = "mounts a file system, which takes root"]
async fn a_start_without_room_says_so_and_loses_nothing() {
    let disk = Mount::new("8m");
    let server = disk.serve();
    let mut chat = Chat::begin(&server).await;
    chat.settle().await;
    let mut john_ = server.connect(&john()).await;
    let mut ballast = Ballast::on(&disk);
    chat.use_up(&mut john_, || ballast.fill()).await;
    server.kill().await;
    ballast.fill();

    let said = refusal(disk.command(env!("CARGO_BIN_EXE_chat-server")), disk.inside());
    assert!(said.contains("No space left on device") && said.contains("the space on its disk"), "{said}");
    ballast.remove();
    let server = disk.serve();
    let mut john_ = server.connect(&john()).await;
    chat.check(&mut john_).await;
    chat.go_on(&mut john_).await;
}

/// What takes all the room on a disk.
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

    fn remove(self) {
        fs::remove_file(self.0).unwrap();
    }
}

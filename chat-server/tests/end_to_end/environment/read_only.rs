//! A data directory that may only be read.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use rustix::process::geteuid;
use server_test_support::program::{program, without_settings};
use server_test_support::{Server, john};

use crate::environment::chat::Chat;
use crate::environment::mount::Mount;
use crate::environment::start::refusal;

#[tokio::test]
async fn a_running_server_goes_on_and_a_start_says_what_it_lacks() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::spawn(unprivileged(), dir.path(), &[]);
    let mut chat = Chat::begin(&server).await;
    set_writable(dir.path(), false);
    // The files that are open are as good as before.
    chat.go_on(&mut server.connect(&john()).await).await;
    let (status, log, _) = server.stop().await;
    assert!(status.success() && log.contains("the stop is not marked as clean"), "{log}");

    let said = refusal(unprivileged(), dir.path());
    assert!(
        said.contains("Permission denied (os error 13). Check the permissions of the data directory"),
        "{said}"
    );
    set_writable(dir.path(), true);
    let server = Server::spawn(unprivileged(), dir.path(), &[]);
    chat.go_on(&mut server.connect(&john()).await).await;
}

#[tokio::test]
#[ignore = "mounts a file system, which takes root"]
async fn a_start_on_a_disk_that_is_mounted_so_says_so() {
    let disk = Mount::new("8m");
    let server = disk.serve();
    let mut chat = Chat::begin(&server).await;
    assert!(server.stop().await.0.success());
    disk.remount("ro");
    let said = refusal(disk.command(env!("CARGO_BIN_EXE_chat-server")), disk.inside());
    assert!(said.contains("Read-only file system (os error 30)"), "{said}");
    disk.remount("rw");
    let server = disk.serve();
    chat.go_on(&mut server.connect(&john()).await).await;
}

fn set_writable(dir: &Path, writable: bool) {
    for name in ["data", "data/journal"] {
        fs::set_permissions(dir.join(name), Permissions::from_mode(if writable { 0o700 } else { 0o500 }))
            .unwrap();
    }
}

/// The program, for which permissions count even if root starts it.
fn unprivileged() -> Command {
    if !geteuid().is_root() {
        return program();
    }
    let mut command = without_settings(Command::new("setpriv"));
    command.args(["--inh-caps=-all", "--bounding-set=-all", env!("CARGO_BIN_EXE_chat-server")]);
    command
}

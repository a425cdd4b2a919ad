//! Permissions of everything that the program makes, whatever the umask and whoever made the
//! directory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use server_test_support::program::without_settings;
use server_test_support::{Server, create, john};

/// The program under the usual umask, by which others may read every new file.
fn permissive() -> Command {
    let mut command = without_settings(Command::new("sh"));
    command.args(["-c", r#"umask 022 && exec "$0" "$@""#, env!("CARGO_BIN_EXE_chat-server")]);
    command
}

/// All that stands in a directory, with the directory itself.
fn tree(path: &Path) -> Vec<PathBuf> {
    let below = if path.is_dir() {
        fs::read_dir(path).unwrap().flat_map(|entry| tree(&entry.unwrap().path())).collect()
    } else {
        Vec::new()
    };
    [vec![path.to_owned()], below].concat()
}

/// Those of the paths to which other users have any permission.
fn open_to_others(paths: &[PathBuf]) -> Vec<&PathBuf> {
    let is_open = |path: &&PathBuf| path.metadata().unwrap().permissions().mode() & 0o077 != 0;
    paths.iter().filter(is_open).collect()
}

#[tokio::test]
async fn what_is_kept_is_for_its_owner_alone_in_a_directory_that_was_open_to_all() {
    let dir = tempfile::tempdir().unwrap();
    let (data, kept, export) =
        (dir.path().join("data"), dir.path().join("kept"), dir.path().join("export.jsonl"));
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, Permissions::from_mode(0o755)).unwrap();
    for _ in 0..2 {
        let server = Server::spawn(permissive(), dir.path(), &[]);
        create(&mut server.connect(&john()).await, "t", "for us alone").await;
        assert!(tree(&data).iter().any(|path| path.ends_with("index/db")));
        assert_eq!(open_to_others(&tree(&data)), Vec::<&PathBuf>::new());
        assert!(server.stop().await.0.success());
        assert_eq!(open_to_others(&tree(&data)), Vec::<&PathBuf>::new());
        // As an earlier version left it, or a copy.
        for path in tree(&data) {
            let mode = if path.is_dir() { 0o755 } else { 0o644 };
            fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        }
    }
    for (command, to) in [(&["backup"][..], &kept), (&["export", "--output"], &export)] {
        let output = permissive().args(command).arg(to).arg("--data-dir").arg(&data).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(open_to_others(&tree(to)), Vec::<&PathBuf>::new());
    }
}

//! A data directory that belongs to another user than the one running a command: the service's
//! directory, and root.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};

use server_test_support::program::{init, program};

/// A directory with all that it contains.
fn tree(path: &Path) -> Vec<PathBuf> {
    let mut paths = vec![path.to_owned()];
    if path.is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| paths.extend(tree(&entry.unwrap().path())));
    }
    paths
}

#[test]
#[ignore = "gives a directory away, which takes root"]
fn root_writes_nothing_that_the_server_could_not_open() {
    let dir = tempfile::tempdir().unwrap();
    let (data, users) = (dir.path().join("data"), dir.path().join("users"));
    fs::create_dir(&data).unwrap();
    fs::write(&users, r#"{"id":"user_john","role":"BUS_DRIVER"}"#).unwrap();
    chown(&data, Some(12_345), Some(12_345)).unwrap();
    let users = users.to_str().unwrap();
    for arguments in [
        &["users", "import", users][..],
        &["users", "list"],
        &["restore", "backup"],
        &["rebuild"],
        &["serve"],
        &["init"],
    ] {
        let output = program().args(arguments).arg("--data-dir").arg(&data).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains("belongs to user 12345"), "{arguments:?}: {said}");
        assert_eq!(fs::read_dir(&data).unwrap().count(), 0, "{arguments:?}");
    }
}

#[test]
#[ignore = "gives a directory away, which takes root"]
fn a_backup_that_root_takes_belongs_to_the_owner_of_the_data() {
    let dir = tempfile::tempdir().unwrap();
    let (data, backup) = (dir.path().join("data"), dir.path().join("backup"));
    init(&data);
    tree(&data).iter().for_each(|path| chown(path, Some(12_345), Some(12_345)).unwrap());
    let left = dir.path().join(".backup.partial-killed");
    fs::create_dir(&left).unwrap();
    let output = program().arg("backup").arg(&backup).arg("--data-dir").arg(&data).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    for path in tree(&backup).iter().chain(&tree(&data)) {
        let found = path.metadata().unwrap();
        assert_eq!((found.uid(), found.gid()), (12_345, 12_345), "{}", path.display());
    }
    assert!(!left.exists(), "what a killed backup has left is removed");
}

//! A data directory that belongs to another user than the one running a command: the service's
//! directory, and root.

use std::fs;
use std::os::unix::fs::chown;

use server_test_support::program::program;

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

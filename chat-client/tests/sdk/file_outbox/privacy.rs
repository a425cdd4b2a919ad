//! Only the owner can read drivers' texts.

use super::{Folder, put_text, write};

#[cfg(unix)]
#[test]
fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let mut outbox = folder.open();
    write(&mut outbox, [put_text("a", "x")]).unwrap();
    let files: Vec<_> = std::fs::read_dir(folder.0.path()).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 2, "the outbox and its lock");
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn no_text_is_in_what_is_printed_for_debugging() {
    let folder = Folder::new();
    let mut outbox = folder.open();
    let change = put_text("a", "my secret");
    let printed = format!("{change:?}");
    write(&mut outbox, [change]).unwrap();
    let printed = [printed, format!("{outbox:?}"), format!("{:?}", super::load(&mut outbox))].concat();
    assert!(!printed.contains("secret"), "{printed}");
    drop(outbox);
    let error = chat_client::outbox::FileOutbox::open(folder.path(), &"driver_2".into()).unwrap_err();
    assert!(!format!("{error:?}{error}").contains("secret"));
}

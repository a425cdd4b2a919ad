//! A file that this user must not use is refused, with advice, and left unchanged.

use std::fs;
use std::path::Path;

use chat_client::machine::{Input, Machine, Output, Settings};
use chat_client::outbox::file::OpenError;
use chat_client::outbox::{FileOutbox, Outbox as _};
use chat_client::{ConnectionState, StopReason};
use chat_core::id::UserId;
use chat_core::time::Now;

use super::{Folder, load, open_at, put, write};

/// Returns the error of opening, without the folder's name in its text.
fn refusal(folder: &Folder, result: Result<FileOutbox, OpenError>) -> (OpenError, String) {
    let error = result.unwrap_err();
    let place = folder.0.path().canonicalize().unwrap();
    let text = error.to_string().replace(&place.join("").display().to_string(), "");
    (error, text)
}

#[test]
fn the_file_of_another_user() {
    let folder = Folder::new();
    write(&mut folder.open(), [put("a")]).unwrap();
    let before = fs::read(folder.path()).unwrap();
    let (error, text) = refusal(&folder, FileOutbox::open(folder.path(), &UserId::from("driver_2")));
    assert!(matches!(error, OpenError::OfAnotherUser { .. }));
    assert_eq!(
        text,
        "the outbox driver_1.outbox belongs to driver_1, not to driver_2: give each user a file of their own"
    );
    assert_eq!(fs::read(folder.path()).unwrap(), before);
    assert_eq!(folder.found().0, ["a"]);
}

#[test]
fn the_file_of_another_user_whose_header_is_damaged() {
    let folder = Folder::new();
    write(&mut folder.open(), [put("a")]).unwrap();
    let mut bytes = fs::read(folder.path()).unwrap();
    bytes[0] = b'?';
    fs::write(folder.path(), &bytes).unwrap();
    let (error, _) = refusal(&folder, FileOutbox::open(folder.path(), &UserId::from("driver_2")));
    assert!(matches!(error, OpenError::Unrecognised { .. }));
    assert_eq!(fs::read(folder.path()).unwrap(), bytes);
    assert_eq!(folder.found(), (vec!["a".to_owned()], 1), "its owner still has it");
}

#[test]
fn a_file_that_is_open_already() {
    let folder = Folder::new();
    let first = folder.open();
    let (error, text) = refusal(&folder, folder.try_open());
    assert!(matches!(error, OpenError::InUse { .. }));
    assert_eq!(
        text,
        "the outbox driver_1.outbox is open already: close the app or the client that has it, or give this one \
         another file"
    );
    drop(first);
    folder.open();
}

#[cfg(unix)]
#[test]
fn a_file_that_is_open_already_under_another_name() {
    let folder = Folder::new();
    let _first = folder.open();
    let link = folder.0.path().join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    assert!(matches!(open_at(&link), Err(OpenError::InUse { .. })));
}

#[test]
fn a_file_of_a_newer_format() {
    let folder = Folder::new();
    let header = r#"{"format":2,"owner":"driver_1","added":[]}"#;
    let crc = crc32fast::hash(header.as_bytes());
    let file = format!("{crc:08x} {:08x} {header}\nwhatever comes then", header.len());
    fs::write(folder.path(), &file).unwrap();
    let (error, text) = refusal(&folder, folder.try_open());
    assert!(matches!(error, OpenError::Newer { found: 2, known: 1, .. }));
    assert_eq!(
        text,
        "the outbox driver_1.outbox has format 2, and this version of the app knows formats up to 1: update the app"
    );
    assert_eq!(fs::read_to_string(folder.path()).unwrap(), file);
}

#[test]
fn a_file_that_is_no_outbox() {
    let folder = Folder::new();
    for bytes in [&b"x"[..], b"\n", b"holiday photos\n\n", &[0; 4096]] {
        fs::write(folder.path(), bytes).unwrap();
        let (error, text) = refusal(&folder, folder.try_open());
        assert!(matches!(error, OpenError::Unrecognised { .. }));
        assert_eq!(
            text,
            "driver_1.outbox is no outbox, or damaged beyond reading: move it away, and a new one is made in its place"
        );
        assert_eq!(fs::read(folder.path()).unwrap(), bytes);
    }
}

#[test]
fn a_folder_that_is_not_there() {
    let folder = Folder::new();
    for path in ["no/such/folder/outbox", "missing/..", ""] {
        let error = open_at(Path::new(path)).unwrap_err();
        assert!(matches!(error, OpenError::NoFolder { .. }), "{error}");
        assert_eq!(error.to_string(), format!("there is no folder for the outbox {path}: create it first"));
    }
    let error = open_at(folder.0.path()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "a folder in the place of the file: {error}");
}

/// Another user's token on this user's file: the app took the name from its settings instead of the
/// token.
#[test]
fn a_token_of_another_user_than_the_files() {
    let folder = Folder::new();
    write(&mut folder.open(), [put("a")]).unwrap();
    let mut outbox = folder.open();
    assert_eq!(outbox.owner(), Some(&UserId::from("driver_1")));
    let settings = Settings { outbox_owner: outbox.owner().cloned(), ..Settings::default() };
    let mut machine = Machine::new(settings, [7; 32]);
    let mut inputs = vec![Input::Restored(load(&mut outbox))];
    while let Some(input) = inputs.pop() {
        machine.handle(Now::default(), input);
        while let Some(output) = machine.poll() {
            match output {
                // {"sub":"driver_2","exp":"of a wrong type"}
                Output::GetToken => inputs.push(Input::Token(Ok(
                    "e30.eyJzdWIiOiJkcml2ZXJfMiIsImV4cCI6Im9mIGEgd3JvbmcgdHlwZSJ9.".into(),
                ))),
                Output::Connect { .. } => panic!("connects in another user's name"),
                _ => {}
            }
        }
    }
    assert_eq!(*machine.state(), ConnectionState::Stopped(StopReason::OtherUser));
}

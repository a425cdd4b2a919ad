//! The file of a client's outbox.

use std::fs;
use std::path::Path;

use chat_client::outbox::file::OpenError;
use chat_client::outbox::{Change, Entry, FileOutbox, Outbox};
use futures::executor::block_on;

const OWNER: &str = "driver_17";
const HEADER: &str = r#"{"format":1,"owner":"driver_17"}"#;
/// The hashed prefix of a change's checksum.
const SEAL: &str = "1 driver_17\n";

/// Reads the bytes as a file. The file is refused, or read, and read again to the same. If the
/// expected entries are given, they are found.
pub(super) fn read(bytes: &[u8], expected: Option<&[Entry]>) {
    let directory = super::directory();
    let path = directory.path().join("outbox");
    fs::write(&path, bytes).expect("there is room for a file");
    match FileOutbox::open(&path, &OWNER.into()) {
        Ok(mut outbox) => {
            let found = block_on(outbox.load()).expect("the thread of the outbox lives");
            drop(outbox);
            if let Some(expected) = expected {
                assert_eq!(found, expected, "of {:?}", String::from_utf8_lossy(bytes));
            }
            assert_eq!(load(&path), found, "read for the second time");
            assert_eq!(written_anew(&directory.path().join("another"), &found), found, "written anew");
        }
        Err(OpenError::OfAnotherUser { .. } | OpenError::Newer { .. } | OpenError::Unrecognised { .. }) => {
            assert!(expected.is_none(), "refused: {:?}", String::from_utf8_lossy(bytes));
            assert_eq!(fs::read(&path).expect("it is still there"), bytes, "a refused file is not changed");
        }
        Err(error) => panic!("{error}"),
    }
}

/// Gives each line a valid checksum: all valid changes are found.
pub(super) fn read_sealed(bytes: &[u8]) {
    let mut file = sealed("", HEADER.as_bytes());
    let mut expected: Vec<Entry> = Vec::new();
    for line in bytes.split(|byte| *byte == b'\n') {
        file.extend(sealed(SEAL, line));
        match serde_json::from_slice(line) {
            Ok(Change::Put(entry)) => {
                let is_new = expected.iter().all(|kept| kept.client_message_id != entry.client_message_id);
                expected.extend(is_new.then_some(entry));
            }
            Ok(Change::Remove(id)) => expected.retain(|kept| kept.client_message_id != id),
            Err(_) => {}
        }
    }
    read(&file, Some(&expected));
}

fn sealed(seal: &str, json: &[u8]) -> Vec<u8> {
    let crc = crc32fast::hash(&[seal.as_bytes(), json].concat());
    [format!("{crc:08x} {:08x} ", json.len()).as_bytes(), json, b"\n"].concat()
}

fn load(path: &Path) -> Vec<Entry> {
    let mut outbox = FileOutbox::open(path, &OWNER.into()).expect("it was opened before");
    assert_eq!(outbox.damaged(), 0, "the damage is still in the file");
    block_on(outbox.load()).expect("the thread of the outbox lives")
}

fn written_anew(path: &Path, entries: &[Entry]) -> Vec<Entry> {
    let mut outbox = FileOutbox::open(path, &OWNER.into()).expect("a new one");
    let changes = entries.iter().cloned().map(Change::Put).collect();
    block_on(outbox.write(changes)).expect("there is room for the entries");
    drop(outbox);
    load(path)
}

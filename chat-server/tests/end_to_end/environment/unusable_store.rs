//! A store that can't be used: the error names the remedy, and the remedy makes the store whole.
//!
//! Tests of the store alone cover damage at every place, and records of newer versions.

use std::fs;
use std::path::Path;

use server_test_support::program::program;
use server_test_support::{Server, john};

use crate::environment::chat::Chat;
use crate::environment::start::refusal;

const JOURNAL: &str = "data/journal/00000000000000000001.log";
const STATE: &str = "data/state";

/// A file, its damage, and the required words of the error.
type Case = (&'static str, fn(&mut Vec<u8>), [&'static str; 2]);

const CASES: [Case; 5] = [
    (
        JOURNAL,
        |bytes| newer_journal(bytes),
        ["has format version 2, and this program knows versions up to 1", "Start the newer program"],
    ),
    (
        STATE,
        newer_state,
        ["has format version 2, and this program knows versions up to 1", "Start the newer program"],
    ),
    (JOURNAL, |bytes| bytes[200] ^= 1, ["the journal is damaged at byte", "chat-server repair says"]),
    (JOURNAL, |bytes| bytes.truncate(400), ["the journal", "chat-server repair says"]),
    (
        STATE,
        |bytes| bytes[20] ^= 1,
        ["is damaged: its checksum does not fit", "chat-server repair sets the file aside"],
    ),
];

#[tokio::test]
async fn it_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let mut chat = begin(dir.path()).await;
    for (name, spoil, wanted) in CASES {
        let file = dir.path().join(name);
        let sound = fs::read(&file).unwrap();
        let mut spoilt = sound.clone();
        spoil(&mut spoilt);
        fs::write(&file, &spoilt).unwrap();
        let said = refusal(program(), dir.path());
        let said = said.lines().last().unwrap();
        println!("{said}");
        assert!(said.contains(dir.path().to_str().unwrap()), "the place is named: {said}");
        assert!(wanted.iter().all(|wanted| said.contains(wanted)), "{said}");
        assert!(fs::read(&file).unwrap() == spoilt, "nothing was changed");
        fs::write(&file, sound).unwrap();
        let server = Server::start_in(dir.path(), &[]);
        chat.go_on(&mut server.connect(&john()).await).await;
        assert!(server.stop().await.0.success());
    }
}

#[tokio::test]
async fn a_state_that_is_damaged_is_repaired() {
    let dir = tempfile::tempdir().unwrap();
    let mut chat = begin(dir.path()).await;
    fs::write(dir.path().join(STATE), "nonsense").unwrap();
    assert!(refusal(program(), dir.path()).contains("chat-server repair"));
    let data = dir.path().join("data");
    let repaired = program().args(["repair", "--yes", "--data-dir"]).arg(data).output().unwrap();
    assert!(String::from_utf8_lossy(&repaired.stdout).contains("lost: nothing"), "{repaired:?}");
    let server = Server::start_in(dir.path(), &[]);
    chat.go_on(&mut server.connect(&john()).await).await;
}

#[tokio::test]
async fn an_index_that_is_damaged_is_built_anew_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let mut chat = begin(dir.path()).await;
    fs::write(dir.path().join("data/index/db"), vec![7; 5_000]).unwrap();
    let server = Server::start_in(dir.path(), &[]);
    chat.go_on(&mut server.connect(&john()).await).await;
    let (_, log, _) = server.stop().await;
    assert!(log.contains("the index was built anew"), "{log}");
}

/// A store that was left well.
async fn begin(dir: &Path) -> Chat {
    let server = Server::start_in(dir, &[]);
    let chat = Chat::begin(&server).await;
    assert!(server.stop().await.0.success());
    chat
}

/// Writes the version of a segment's header, and its checksum.
fn newer_journal(bytes: &mut [u8]) {
    bytes[8..12].copy_from_slice(&2_u32.to_be_bytes());
    let checksum = crc32fast::hash(&bytes[..12]);
    bytes[12..16].copy_from_slice(&checksum.to_be_bytes());
}

fn newer_state(bytes: &mut Vec<u8>) {
    let text = String::from_utf8(bytes.clone()).unwrap();
    let json = text.lines().next().unwrap().replace("\"version\":1", "\"version\":2");
    *bytes = format!("{json}\n{:08x}\n", crc32fast::hash(json.as_bytes())).into_bytes();
}

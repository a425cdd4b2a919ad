//! A data directory of version 0.1.0, with every kind of record, opens and has its content.
//!
//! `fixtures/data_of_0_1_0` is never written anew. Version 0.1.0 made the export beside it. A later
//! export may have more fields and more kinds of lines.

use std::fs;
use std::path::{Path, PathBuf};

use chat_core::protocol::Role;
use chat_server::store::{Checks, LocalStore, Selection, export, verify};
use futures::executor::block_on;
use serde_json::Value;
use server_test_support::store::{commit, copy_dir, creation, open};
use tempfile::TempDir;

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures")
}

/// A copy of the old data directory, with or without its index.
fn old_data(with_index: bool) -> TempDir {
    let dir = TempDir::new().unwrap();
    copy_dir(&fixtures().join("data_of_0_1_0"), dir.path());
    if !with_index {
        fs::remove_dir_all(dir.path().join("index")).unwrap();
    }
    dir
}

fn lines(text: &[u8]) -> Vec<Value> {
    text.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect()
}

fn exported(dir: &Path) -> Vec<Value> {
    let mut text = Vec::new();
    export(dir, &Selection::default(), &mut text, &|_, _| ()).unwrap();
    lines(&text)
}

/// Whether a line has all content of an older one.
fn says(line: &Value, older: &Value) -> bool {
    older.as_object().unwrap().iter().all(|(name, value)| line.get(name) == Some(value))
}

fn assert_has_all(dir: &Path) {
    let now = exported(dir);
    let before = lines(&fs::read(fixtures().join("data_of_0_1_0.jsonl")).unwrap());
    assert_eq!(before.len(), 21, "the fixture is whole");
    for line in before.iter().filter(|line| line["type"] != "end") {
        assert!(now.iter().any(|other| says(other, line)), "{line}");
    }
}

fn assert_knows_the_users(store: &LocalStore) {
    let accounts = block_on(store.accounts(None, 100)).unwrap();
    let accounts: Vec<_> =
        accounts.iter().map(|known| (known.user.id.as_str(), known.user.role, known.active)).collect();
    let expected = [
        ("control_1", Role::ControlStaff, true),
        ("control_2", Role::ControlAdmin, false),
        ("control_3", Role::ControlStaff, false),
        ("control_4", Role::BusDriver, true),
        ("driver_1", Role::BusDriver, true),
        ("driver_gone", Role::BusDriver, false),
        ("regulator_1", Role::QueueRegulator, true),
    ];
    assert_eq!(accounts, expected);
}

fn assert_verified(dir: &Path) {
    let verified = verify(dir, &Checks::default(), &|_, _| ()).unwrap();
    assert_eq!(verified.count, 0, "{:?}", verified.findings);
}

fn opens_and_goes_on(with_index: bool) {
    let dir = old_data(with_index);
    assert_has_all(dir.path());
    let store = open(dir.path());
    assert_knows_the_users(&store);
    commit(&store, vec![creation(&"conv_new".into(), None)]);
    store.close().unwrap();
    let store = open(dir.path());
    assert_knows_the_users(&store);
    store.close().unwrap();
    assert_has_all(dir.path());
    assert_verified(dir.path());
}

#[test]
fn with_its_index() {
    opens_and_goes_on(true);
}

#[test]
fn with_its_journal_alone() {
    opens_and_goes_on(false);
}

#[test]
fn it_has_every_kind_of_record() {
    let journal = fs::read(fixtures().join("data_of_0_1_0/journal/00000000000000000001.log")).unwrap();
    let text = String::from_utf8_lossy(&journal);
    let kinds = [
        "epoch_begun",
        "account_put",
        "conversation_created",
        "message_appended",
        "message_read",
        "user_enrolled",
        "user_withdrawn",
    ];
    for kind in kinds {
        assert!(text.contains(&format!("{{\"{kind}\":")), "{kind}");
    }
}

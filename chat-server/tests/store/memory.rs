//! Building the index takes memory for a part of the journal at a time, not for all of it.

use std::fs;

use chat_core::store::Change;
use chat_server::store::Options;
use server_test_support::store::{commit, conv, creation, message, open, open_with};
use tempfile::TempDir;

const BATCHES: usize = 40;
const BATCH: usize = 1_000;

/// Far above the need of one batch, and far below that of all batches together.
const GROWTH_MOST: u64 = 70 << 20;

/// Most bytes of memory that this process ever had.
fn peak() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() << 10
}

#[test]
fn building_the_index_does_not_gather_memory() {
    let dir = TempDir::new().unwrap();
    let store = open(dir.path());
    commit(&store, vec![creation(&conv(), None)]);
    for _ in 0..BATCHES {
        let batch: Vec<Change> = (0..BATCH).map(|_| message(&conv(), &"x".repeat(200), None)).collect();
        commit(&store, batch);
    }
    store.close().unwrap();
    drop(store);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let before = peak();
    open_with(dir.path(), Options { index_cache_bytes: 4 << 20, ..Options::default() });
    let grown = peak() - before;
    assert!(grown < GROWTH_MOST, "{} MB", grown >> 20);
}

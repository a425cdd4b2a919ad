//! The cost of the store: of one commit, of a stream of commits that the index has to keep up with,
//! and of building the index.
//!
//! `cargo bench -p chat-server --bench store` runs all of them, and a filter (`-- commit`) runs
//! some.

use std::fs;

use chat_core::store::Change;
use divan::Bencher;
use divan::counter::ItemsCount;
use server_test_support::store::{commit, conv, creation, message, open};
use tempfile::TempDir;

const TEXT: &str = "The bridge is closed, take the ring road until further notice; bus 12 turns back.";

fn main() {
    divan::main();
}

/// A source of messages, each with a client message id of its own.
struct Messages(u64);

impl Messages {
    fn group(&mut self, messages: u64) -> Vec<Change> {
        let numbers = self.0..self.0 + messages;
        self.0 += messages;
        // As random as the ids that clients draw.
        let id = |number: u64| format!("{:016x}", number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        numbers.map(|number| message(&conv(), TEXT, Some(&id(number)))).collect()
    }
}

/// One commit: the messages are validated, written, synced and answered. The index follows later.
#[divan::bench(sample_size = 1, args = [1, 64])]
fn commit_group(bencher: Bencher, messages: u64) {
    let dir = TempDir::new().expect("a directory");
    let (store, mut next) = (open(dir.path()), Messages(0));
    commit(&store, vec![creation(&conv(), None)]);
    let bencher = bencher.counter(ItemsCount::new(messages));
    bencher.with_inputs(|| next.group(messages)).bench_local_values(|group| commit(&store, group));
}

/// A long stream of commits of 64 messages. The index has to keep up, so this is the rate that the
/// store can sustain.
#[divan::bench(sample_count = 3, sample_size = 1, args = [500])]
fn commit_stream(bencher: Bencher, groups: u64) {
    let dir = TempDir::new().expect("a directory");
    let (store, mut next) = (open(dir.path()), Messages(0));
    commit(&store, vec![creation(&conv(), None)]);
    bencher.counter(ItemsCount::new(64 * groups)).bench_local(|| {
        for _ in 0..groups {
            commit(&store, next.group(64));
        }
    });
}

/// A rebuild of the index from the journal.
#[divan::bench(sample_count = 3, sample_size = 1, args = [16_000])]
fn build_index(bencher: Bencher, messages: u64) {
    let dir = TempDir::new().expect("a directory");
    let (store, mut next) = (open(dir.path()), Messages(0));
    commit(&store, vec![creation(&conv(), None)]);
    (0..messages / 64).for_each(|_| drop(commit(&store, next.group(64))));
    store.close().expect("the store closes");
    let lose_index = || fs::remove_dir_all(dir.path().join("index")).expect("an index");
    bencher.counter(ItemsCount::new(messages)).with_inputs(lose_index).bench_local_values(|()| {
        open(dir.path()).close().expect("the store closes");
    });
}

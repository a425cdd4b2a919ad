//! The guides show the measured figures: `.ci/figures.json`, which `.ci/proof` writes, and
//! `chat-server/benches/against_the_floor.json`, which the benchmark of this name writes.
//!
//! `FIGURES=write cargo test -p chat-server --test figures` updates their tables.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use server_test_support::report::{Report, thousands};

/// The parts of `.ci/proof` that count something, by name.
const PARTS: [&str; 12] = [
    "attacks",
    "bits",
    "cuts",
    "events",
    "faults",
    "fuzz",
    "kills",
    "mutations",
    "package",
    "seeds",
    "telemetry",
    "tunnels",
];

/// The guide that shows the counts of the tests.
const PROOFS: &str = "chat-core/src/testing/README.md";
/// The guide that shows the benchmark.
const SPEED: &str = "chat-server/benches/README.md";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    name: String,
    /// The unit of the number.
    counted: String,
    number: u64,
    command: String,
    /// The measured commit.
    commit: String,
    /// The day of the measurement.
    date: String,
    /// The duration of the measurement.
    seconds: u64,
}

impl Figure {
    fn row(&self) -> String {
        let Self { counted, number, command, commit, date, seconds, .. } = self;
        let number = thousands(&number.to_string());
        format!("| {number} | {counted} | `{command}` | {commit}, {date} | {seconds} s |\n")
    }
}

fn table(figures: &[Figure]) -> String {
    let mut table = String::from("| | | command | commit, date | time |\n|---:|---|---|---|---:|\n");
    figures.iter().for_each(|figure| write!(table, "{}", figure.row()).unwrap());
    table
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

fn measured<T: DeserializeOwned>(name: &str) -> T {
    serde_json::from_str(&fs::read_to_string(file(name)).unwrap()).unwrap()
}

fn assert_is_a_commit(commit: &str) {
    assert!(commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{commit}");
}

/// Compares the table of a guide with the measured one, or writes the measured one into the guide.
fn assert_shown(document: &str, place: &str, table: &str) {
    let (begin, end) = (format!("<!-- figures of {place} -->\n"), "<!-- end of figures -->\n");
    let text = fs::read_to_string(file(document)).unwrap();
    let (before, rest) = text.split_once(&begin).expect("the figures have their place");
    let (shown, after) = rest.split_once(end).expect("and its end");
    if env::var_os("FIGURES").is_some_and(|what| what == "write") {
        return fs::write(file(document), [before, &begin, table, end, after].concat()).unwrap();
    }
    assert!(shown == table, "not what was measured: run FIGURES=write with this test");
}

#[test]
fn the_counts_of_tests_are_shown() {
    let figures: Vec<Figure> = measured(".ci/figures.json");
    let mut names: Vec<_> = figures.iter().map(|figure| figure.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, PARTS, "each part has a figure");
    for Figure { name, number, commit, .. } in &figures {
        assert!(*number > 0, "{name}: nothing was measured");
        assert_is_a_commit(commit);
    }
    assert_shown(PROOFS, ".ci/figures.json, written by .ci/proof", &format!("\n{}\n", table(&figures)));
}

/// Without a measurement the guide shows no table.
#[test]
fn the_benchmark_is_shown() {
    let name = "chat-server/benches/against_the_floor.json";
    if !file(name).exists() {
        return assert_shown(SPEED, name, "");
    }
    let report: Report = measured(name);
    assert!(report.rows.iter().any(|row| row.bar.is_some()), "nothing is held against a bar");
    assert_is_a_commit(&report.commit);
    assert_shown(SPEED, name, &format!("\n{}\n", report.markdown()));
}

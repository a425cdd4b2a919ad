//! The documents show the figures that were measured: `.ci/figures.json`, by `.ci/figures`, and
//! `chat-server/benches/against_the_floor.json`, by the benchmark of that name.
//!
//! `FIGURES=write cargo test -p chat-server --test figures` writes the tables anew.

#[path = "../../benches/against_the_floor/report.rs"]
#[expect(dead_code, reason = "the benchmark makes what is only read here")]
mod report;

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use report::{Report, thousands};

/// What `.ci/figures` measures, by name.
const NAMES: [&str; 7] = ["attacks", "bits", "cuts", "fuzz", "kills", "mutations", "seeds"];

/// The document that shows the counts of tests.
const PROOFS: &str = "chat-core/src/testing/README.md";
/// The document that shows the benchmark.
const SPEED: &str = "chat-server/benches/README.md";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    name: String,
    /// What was counted.
    what: String,
    number: u64,
    command: String,
    /// What was measured.
    commit: String,
    /// How long it took.
    seconds: u64,
}

impl Figure {
    fn row(&self) -> String {
        let Self { what, number, command, commit, seconds, .. } = self;
        format!("| {} | {what} | `{command}` | {commit} | {seconds} s |\n", thousands(&number.to_string()))
    }
}

fn table(figures: &[Figure]) -> String {
    let mut table = String::from("| | | seen by | at commit | in |\n|---:|---|---|---|---:|\n");
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

/// Compares the table that a document shows with the measured one, or writes the measured one there.
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
    assert_eq!(names, NAMES, "each is measured, once");
    for Figure { name, number, commit, .. } in &figures {
        assert!(*number > 0, "{name}: nothing was measured");
        assert_is_a_commit(commit);
    }
    assert_shown(PROOFS, ".ci/figures.json, written by .ci/figures", &format!("\n{}\n", table(&figures)));
}

/// Where it was not measured yet, nothing is shown.
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

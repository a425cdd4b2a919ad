//! The figures of the README are those of `.ci/figures.json`, which `.ci/figures` has measured.
//!
//! `FIGURES=write cargo test -p chat-server --test figures` writes the table anew.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

const BEGIN: &str = "<!-- figures of .ci/figures.json, written by .ci/figures -->\n";
const END: &str = "<!-- end of figures -->\n";

/// What `.ci/figures` measures, by name.
const NAMES: [&str; 7] = ["attacks", "bits", "cuts", "fuzz", "kills", "mutations", "seeds"];

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
        format!("| {} | {what} | `{command}` | {commit} | {seconds} s |\n", grouped(*number))
    }
}

/// With commas between thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn table(figures: &[Figure]) -> String {
    let mut table = String::from("\n| | | seen by | at commit | in |\n|---:|---|---|---|---:|\n");
    figures.iter().for_each(|figure| write!(table, "{}", figure.row()).unwrap());
    table.push('\n');
    table
}

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)
}

#[test]
fn the_readme_shows_what_was_measured() {
    let figures: Vec<Figure> =
        serde_json::from_str(&fs::read_to_string(file(".ci/figures.json")).unwrap()).unwrap();
    let mut names: Vec<_> = figures.iter().map(|figure| figure.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, NAMES, "each is measured, once");
    for Figure { name, number, commit, .. } in &figures {
        assert!(*number > 0, "{name}: nothing was measured");
        assert!(commit.len() >= 7 && commit.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}: {commit}");
    }
    let readme = fs::read_to_string(file("README.md")).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("the figures have their place");
    let (shown, after) = rest.split_once(END).expect("and its end");
    if env::var_os("FIGURES").is_some_and(|what| what == "write") {
        return fs::write(file("README.md"), [before, BEGIN, &table(&figures), END, after].concat()).unwrap();
    }
    assert!(shown == table(&figures), "not what was measured: run FIGURES=write with this test");
}

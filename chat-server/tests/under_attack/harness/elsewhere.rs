//! Links to tests elsewhere; a test fails if a linked test is gone.

use std::fs;
use std::path::Path;

/// The attack, its outcome, and the test as `file::test`, with the file's path in the repository.
pub struct Elsewhere(pub &'static str, pub &'static str, pub &'static str);

/// Fails if a named test is not there, or is ignored.
pub fn assert_there(all: &[Elsewhere]) {
    for Elsewhere(tried, must, place) in all {
        println!("{tried} => {must}: {place}");
        let (file, test) = place.split_once("::").expect("file::test");
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        let source = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{file}: {error}"));
        let lines: Vec<&str> = source.lines().map(str::trim).collect();
        let is_named =
            |line: &&str| line.split("fn ").nth(1).is_some_and(|rest| rest == format!("{test}() {{"));
        let at = lines.iter().position(is_named).unwrap_or_else(|| panic!("{place} is not there"));
        let attributes: Vec<_> = lines[..at].iter().rev().take_while(|line| line.starts_with("#[")).collect();
        let is_test = |line: &&&str| line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        assert!(attributes.iter().any(is_test), "{place} is no test");
        assert!(!attributes.iter().any(|line| line.starts_with("#[ignore")), "{place} is ignored");
    }
}

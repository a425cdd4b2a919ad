//! The program's commands, as an operator runs them.

use std::process::Output;

use server_test_support::program::program;

/// Runs a command.
pub(crate) fn run_program(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

/// Runs a command to its success, and returns its output.
pub(crate) fn says(arguments: &[&str]) -> String {
    let output = run_program(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Runs a command that is refused, and returns the reason.
pub(crate) fn refused(arguments: &[&str]) -> String {
    let output = run_program(arguments);
    assert!(!output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stderr).unwrap()
}

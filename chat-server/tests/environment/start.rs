//! Starts that must come to no server.

use std::path::Path;
use std::process::Command;

use crate::support::SECRET;
use crate::support::program::serving;

/// What the operator is told on standard error by a start that fails.
pub fn refusal(program: Command, dir: &Path) -> String {
    let output = serving(program, dir, &[]).env("CHAT_JWT_SECRET", SECRET).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "it serves: {said}");
    said
}

//! Starts that must come to no server.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use server_test_support::SECRET;
use server_test_support::program::serving;

/// How long a start may take to fail. Reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// The error of a start that fails, from standard error.
pub fn refusal(program: Command, dir: &Path) -> String {
    let mut command = serving(program, dir, &[]);
    command.env("CHAT_JWT_SECRET", SECRET).stdout(Stdio::piped()).stderr(Stdio::piped());
    let (mut child, begun) = (command.spawn().unwrap(), Instant::now());
    while child.try_wait().unwrap().is_none() {
        if begun.elapsed() > PATIENCE {
            child.kill().unwrap();
        }
        sleep(Duration::from_millis(10));
    }
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && output.stdout.is_empty(), "it serves: {said}");
    said
}

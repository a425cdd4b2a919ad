//! Each program runs to its end and prints the expected lines.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

/// Maximum of pauses for a program: far more than any needs, to stop only a hanging one.
const PAUSES: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);

/// The lines of each program, in order.
const CONVERSATION: [&str; 11] = [
    r#"control_1 -> {"type":"get_active_conversations""#,
    r#"driver_1  -> {"type":"create_support_conversation""#,
    r#"driver_1  <- {"success":true,"message":"Support conversation created successfully""#,
    r#"driver_1  <- {"type":"new_message""#,
    r#"control_1 <- {"type":"new_support_conversation""#,
    r#"control_1 <- {"type":"new_message""#,
    r#"control_1 -> {"type":"send_chat_message""#,
    r#"control_1 <- {"success":true,"message":"Message sent successfully""#,
    r#"driver_1  <- {"type":"new_message""#,
    r#"driver_1  -> {"type":"mark_message_read""#,
    r#"control_1 <- {"type":"message_read""#,
];

#[test]
fn two_users_talk_in_one_process() {
    let output = output_of(env!("CARGO_BIN_EXE_two_users"));
    assert_shows(&output, &CONVERSATION);
    assert_shows(&output, &["driver_1  <- close 1001", "control_1 <- close 1001"]);
    assert_eq!(output, output_of(env!("CARGO_BIN_EXE_two_users")), "each run prints the same");
}

#[test]
fn lines_over_tcp_plays_its_demonstration() {
    let output = output_of(env!("CARGO_BIN_EXE_lines_over_tcp"));
    assert_shows(&output, &["listening on 127.0.0.1:"]);
    assert_shows(&output, &CONVERSATION);
    assert_shows(&output, &["driver_1  <- end", "control_1 <- end"]);
}

#[test]
fn smol_over_unix_plays_its_demonstration() {
    let output = output_of(env!("CARGO_BIN_EXE_smol_over_unix"));
    assert_shows(&output, &["listening on "]);
    assert_shows(&output, &CONVERSATION);
    assert_shows(&output, &["driver_1  <- end", "control_1 <- end"]);
    let program = include_str!("../../src/bin/smol_over_unix.rs");
    let lines = program.lines().count();
    assert!(lines <= 60, "{lines} lines: an embedder needs no more than 60");
}

#[test]
fn smol_over_unix_signs_in_by_passphrase() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("chat.sock");
    let mut program = Command::new(env!("CARGO_BIN_EXE_smol_over_unix"));
    let program = program.arg(&path).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    stdout.read_line(&mut line).unwrap();
    assert!(line.starts_with("listening on "), "{line}");
    let list = r#"{"type":"get_active_conversations","data":{}}"#;
    let ask = |sign_in: &str| {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(format!("{sign_in}\n{list}\n").as_bytes()).unwrap();
        let mut reply = String::new();
        BufReader::new(stream).read_line(&mut reply).map(|_| reply)
    };
    assert!(ask("driver_1 open sesame").unwrap().starts_with(r#"{"success":true"#));
    // A stream that is closed with unread bytes may be reset instead of ended.
    assert_eq!(ask("driver_1 guessed").unwrap_or_default(), "");
    drop(child.stdin.take());
    assert!(wait(&mut child).is_some_and(|status| status.success()));
    assert!(!path.exists(), "the socket's file is removed");
}

#[test]
fn mounted_in_axum_plays_its_demonstration() {
    let output = output_of(env!("CARGO_BIN_EXE_mounted_in_axum"));
    assert_shows(&output, &["listening on 127.0.0.1:"]);
    assert_shows(&output, &CONVERSATION);
    assert_shows(&output, &["driver_1  <- close 1001", "control_1 <- close 1001"]);
}

/// The lines of the two apps, in order.
const TUNNEL: [&str; 15] = [
    "driver_1  asks for help",
    "control_1 is told",
    "driver_1  sees control type",
    "control_1 writes: Take the ring road.",
    "driver_1  shows 2. control_1: Take the ring road.",
    "control_1 sees it read",
    "-- driver_1 enters a tunnel",
    "driver_1  writes: On the ring road.",
    "driver_1  writes: There in ten minutes.",
    "control_1 writes: Mind the roadworks.",
    "-- driver_1 leaves the tunnel",
    "driver_1  has sent 4.",
    "driver_1  shows 3. control_1: Mind the roadworks.",
    "driver_1  shows 4. driver_1: On the ring road.",
    "driver_1  shows 5. driver_1: There in ten minutes.",
];

#[test]
fn two_apps_lose_nothing_in_a_tunnel() {
    let output = output_of(env!("CARGO_BIN_EXE_two_apps"));
    assert_shows(&output, &TUNNEL);
}

/// Asserts that lines with these beginnings follow each other.
fn assert_shows(output: &str, beginnings: &[&str]) {
    let mut lines = output.lines();
    for beginning in beginnings {
        let found = lines.any(|line| line.starts_with(beginning));
        assert!(found, "no line, or none in its place, begins with `{beginning}`:\n{output}");
    }
}

/// Runs a program, which must succeed, and returns its output.
fn output_of(program: &str) -> String {
    let mut child = Command::new(program).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let reading = thread::spawn(move || {
        let mut output = String::new();
        stdout.read_to_string(&mut output).map(|_| output)
    });
    let status = wait(&mut child);
    let output = reading.join().unwrap().unwrap();
    assert!(status.is_some_and(|status| status.success()), "{program} ended with {status:?}:\n{output}");
    output
}

/// Returns a program's exit status, or `None` if it had to be killed.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    for _ in 0..PAUSES {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        thread::sleep(PAUSE);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    None
}

//! What an operator does with the data: verify, back up, restore, build the index anew.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::json;

use crate::support::program::program;
use crate::support::{Server, jane, john};

fn run(arguments: &[&str], data: &Path) -> Output {
    program().args(arguments).arg("--data-dir").arg(data).output().unwrap()
}

/// What a command that ended well wrote.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The line of an output that begins so.
fn line<'a>(text: &'a str, begin: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.strip_prefix(begin));
    line.unwrap_or_else(|| panic!("no {begin:?} in {text:?}"))
}

/// Runs a server on this directory in which John sends a message; gives its log.
async fn one_message(dir: &Path, content: &str) -> String {
    let server = Server::start_in(dir, &[]);
    drop(server.connect(&jane()).await);
    let mut john = server.connect(&john()).await;
    john.request("create_support_conversation", json!({"title": "t", "content": content})).await;
    let (status, log, _) = server.stop().await;
    assert!(status.success(), "{log}");
    log
}

/// The heads that a log names, oldest first.
fn heads(log: &str) -> Vec<&str> {
    let heads = log.lines().filter_map(|line| line.split_once("head=")?.1.split_whitespace().next());
    heads.collect()
}

#[tokio::test]
async fn a_head_that_was_logged_is_what_verify_expects() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let first = one_message(dir.path(), "one").await;
    let logged = heads(&first);
    assert_eq!(logged.len(), 2, "at start and stop: {first}");
    assert_eq!(line(&said(&run(&["verify"], &data)), "head: "), logged[1]);
    one_message(dir.path(), "two").await;
    let text = said(&run(&["verify", "--expect", logged[0], "--expect", logged[1]], &data));
    assert!(text.contains("index: compared up to position "), "{text}");
    let forged =
        format!("{}{}", logged[1].split_once(':').unwrap().0, &logged[0][logged[0].find(':').unwrap()..]);
    let output = run(&["verify", "--expect", &forged], &data);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("wrong: the journal is not the one that was expected"), "{text}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        (output.status.code(), &*error),
        (Some(1), "chat-server: one thing is wrong, see above. Nothing was changed\n")
    );
}

#[tokio::test]
async fn verify_names_damage_and_ends_with_1() {
    let dir = tempfile::tempdir().unwrap();
    one_message(dir.path(), "the text that is damaged").await;
    let data = dir.path().join("data");
    let segment = data.join("journal/00000000000000000001.log");
    let mut bytes = fs::read(&segment).unwrap();
    let text = b"the text that is damaged";
    let at = bytes.windows(text.len()).position(|window| window == text).unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let output = run(&["verify"], &data);
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text.contains("wrong: the journal is damaged at byte") && text.contains("00000000000000000001.log"),
        "{text}"
    );
}

#[tokio::test]
async fn beside_a_running_server_verify_leaves_the_index_out() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let data = dir.path().join("data");
    let output = run(&["verify"], &data);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is in use by another server"));
    let text = said(&run(&["verify", "--journal-only"], &data));
    assert!(text.contains("index: not compared"), "{text}");
    server.kill().await;
}

#[tokio::test]
async fn a_stopped_server_is_backed_up_restored_and_its_index_built_anew() {
    let dir = tempfile::tempdir().unwrap();
    one_message(dir.path(), "kept").await;
    let (data, kept) = (dir.path().join("data"), dir.path().join("kept"));
    let new = dir.path().join("restored/data");
    let text = said(&run(&["backup", kept.to_str().unwrap()], &data));
    let head = line(&text, "head: ");
    let verified = said(&program().args(["verify", "--backup"]).arg(&kept).output().unwrap());
    assert_eq!(line(&verified, "head: "), head);
    let restored = said(&run(&["restore", kept.to_str().unwrap()], &new));
    assert_eq!(line(&restored, "head of the backup: "), head);
    assert!(said(&run(&["rebuild"], &new)).starts_with("the index was built anew, up to position "));
    said(&run(&["verify", "--expect", head], &new));
    let server = Server::start_in(new.parent().unwrap(), &[]);
    let reply = server.connect(&john()).await.request("get_active_conversations", json!({})).await;
    assert_eq!(reply["conversations"][0]["last_message"]["content"], "kept", "{reply}");
    server.kill().await;
}

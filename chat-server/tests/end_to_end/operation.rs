//! An operator's work on the data: verify, back up, restore, rebuild the index.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chat_core::protocol::User;
use serde_json::{Value, json};
use server_test_support::program::program;
use server_test_support::{Client, Server, jane, john};
use tokio::sync::Mutex;
use tokio::task::{JoinSet, spawn_blocking};

fn run(arguments: &[&str], data: &Path) -> Output {
    program().args(arguments).arg("--data-dir").arg(data).output().unwrap()
}

#[test]
fn a_data_directory_that_is_not_there_is_asked_about_and_not_made() {
    let dir = tempfile::tempdir().unwrap();
    let (data, to) = (dir.path().join("mistyped"), dir.path().join("to"));
    let to = to.to_str().unwrap();
    for command in [&["verify"][..], &["export"], &["backup", to], &["rebuild"]] {
        let output = run(command, &data);
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(error.contains("Is this the right path, or is --config"), "{command:?}: {error}");
        assert_eq!((output.status.code(), data.exists()), (Some(1), false), "{command:?}: {error}");
    }
}

/// The output of a command that succeeded.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// The line of an output with this beginning.
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
    let mode = fs::metadata(&kept).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "what people say to each other is in it, for its owner alone");
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

/// The acknowledged messages of one conversation: number and content.
type Acknowledged = Arc<Mutex<Vec<(u64, String)>>>;

/// A driver that writes until told to stop.
async fn write_on(
    mut client: Client,
    conversation: String,
    acknowledged: Acknowledged,
    stop: Arc<AtomicBool>,
) {
    for number in 0.. {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let content = format!("{number}, and {}", "more ".repeat(100));
        let data = json!({"conversation_id": conversation, "content": content});
        let reply = client.request("send_chat_message", data).await;
        acknowledged.lock().await.push((reply["seq"].as_u64().unwrap(), content));
    }
}

/// All messages of a conversation, by number.
async fn history(client: &mut Client, conversation: &str) -> Vec<(u64, String)> {
    let mut all: Vec<(u64, String)> = Vec::new();
    loop {
        let after = all.last().map_or(0, |(seq, _)| *seq);
        let data = json!({"conversation_id": conversation, "after_seq": after, "limit": 100});
        let reply = client.request("get_conversation_messages", data).await;
        let messages = reply["messages"].as_array().unwrap();
        if messages.is_empty() {
            return all;
        }
        let read = |message: &Value| {
            (message["seq"].as_u64().unwrap(), message["content"].as_str().unwrap().to_owned())
        };
        all.extend(messages.iter().map(read));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn under_load_a_backup_holds_all_that_was_acknowledged_before_it_began() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start_in(dir.path(), &["--messages-per-second", "0"]);
    drop(server.connect(&jane()).await);
    let (stop, mut writers, mut rooms) = (Arc::new(AtomicBool::new(false)), JoinSet::new(), Vec::new());
    let mut epoch = Value::Null;
    for number in 0..4 {
        let driver = User { id: format!("user_{number}").into(), ..john() };
        let mut client = server.connect(&driver).await;
        let data = json!({"title": "t", "content": "first"});
        let reply = client.request("create_support_conversation", data).await;
        let conversation = reply["conversation_id"].as_str().unwrap().to_owned();
        epoch = client.request("get_active_conversations", json!({})).await["epoch"].clone();
        let acknowledged = Acknowledged::default();
        rooms.push((driver, conversation.clone(), acknowledged.clone()));
        writers.spawn(write_on(client, conversation, acknowledged, stop.clone()));
    }
    for round in 0..3 {
        let mut before = Vec::new();
        for (_, _, acknowledged) in &rooms {
            while acknowledged.lock().await.len() < 20 * (round + 1) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
            before.push(acknowledged.lock().await.clone());
        }
        let (kept, source) = (dir.path().join(format!("kept-{round}")), data.clone());
        let to = kept.clone();
        let output = spawn_blocking(move || run(&["backup", to.to_str().unwrap()], &source)).await.unwrap();
        let head = line(&said(&output), "head: ").to_owned();
        let restored = dir.path().join(format!("restored-{round}"));
        said(&run(&["restore", kept.to_str().unwrap()], &restored.join("data")));
        said(&run(&["verify", "--expect", &head], &restored.join("data")));
        let other = Server::start_in(&restored, &[]);
        for ((driver, conversation, _), before) in rooms.iter().zip(before) {
            let mut client = other.connect(driver).await;
            let data = json!({"conversation_id": conversation, "after_seq": 5, "epoch": epoch});
            let reply = client.request("join_conversation", data).await;
            assert_eq!(reply["reset"], true, "numbers of the old epoch mean nothing: {reply}");
            let kept = history(&mut client, conversation).await;
            assert!(before.iter().all(|message| kept.contains(message)), "of {before:?} there is {kept:?}");
        }
        other.kill().await;
    }
    stop.store(true, Ordering::Release);
    while let Some(written) = writers.join_next().await {
        written.unwrap();
    }
    server.kill().await;
}

#[tokio::test]
async fn a_running_server_is_exported_and_so_is_its_backup() {
    let dir = tempfile::tempdir().unwrap();
    let (data, kept) = (dir.path().join("data"), dir.path().join("kept"));
    let server = Server::start_in(dir.path(), &[]);
    let mut client = server.connect(&john()).await;
    client.request("create_support_conversation", json!({"title": "t", "content": "to be exported"})).await;
    said(&run(&["backup", kept.to_str().unwrap()], &data));
    let text = said(&run(&["export"], &data));
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let types: Vec<_> = lines.iter().map(|line| line["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["account", "conversation", "message", "end"], "{text}");
    assert_eq!(lines[2]["content"], "to be exported");
    let file = dir.path().join("export.jsonl");
    let output =
        program().args(["export", "--backup"]).arg(&kept).arg("--output").arg(&file).output().unwrap();
    assert_eq!((said(&output), fs::read_to_string(&file).unwrap()), (String::new(), text));
    let again =
        program().args(["export", "--backup"]).arg(&kept).arg("--output").arg(&file).output().unwrap();
    assert_eq!(again.status.code(), Some(1), "no file is written over");
    assert!(fs::read_to_string(&file).unwrap().ends_with("}\n"));
    let other = dir.path().join("other.jsonl");
    let misspelt =
        program().args(["export", "--backup", "/nowhere", "--output"]).arg(&other).output().unwrap();
    assert_eq!((misspelt.status.code(), other.exists()), (Some(1), false), "the next one can have the name");
    let unknown = run(&["export", "--conversation", "conv_x"], &data);
    let error = String::from_utf8_lossy(&unknown.stderr).into_owned();
    assert_eq!((unknown.status.code(), &*error), (Some(1), "chat-server: there is no conversation conv_x\n"));
    server.kill().await;
}

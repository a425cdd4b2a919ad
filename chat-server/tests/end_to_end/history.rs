//! "My driver wrote at 14:02 yesterday and nobody saw it" has an answer, at the default settings.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};
use server_test_support::program::{now, program, token_issued};
use server_test_support::{Client, Server, conversation, create, john, token, until};

/// The history of John around now, as an operator gets it.
fn history(data: &Path) -> String {
    let around = now().to_string();
    let output = program()
        .args(["history", "--user", "user_john", "--around", &around, "--data-dir"])
        .arg(data)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The history once it has this text.
async fn history_with(data: &Path, text: &str) -> String {
    until(text, async || history(data).contains(text)).await;
    history(data)
}

fn line<'a>(history: &'a str, part: &str) -> &'a str {
    history.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {history}"))
}

/// The text of all files of the trail.
fn trail(data: &Path) -> String {
    let files = std::fs::read_dir(data.join("audit")).unwrap();
    files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect()
}

#[tokio::test]
async fn a_message_is_told_with_its_way_its_repeat_and_its_first_reader() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start_in(dir.path(), &[]);
    let (mut john_, mut jane_, id) = conversation(&server).await;
    let message = json!({"conversation_id": id, "content": "the secret plan", "client_message_id": "cm-2"});
    let sent = john_.request("send_chat_message", message.clone()).await;
    john_.request("send_chat_message", message).await;
    let told = history_with(&data, "repeated message 2").await;
    let wrote = line(&told, "wrote message 2");
    for part in [&id, sent["message_id"].as_str().unwrap(), "cm-2", "from 127.0.0.1", "read by nobody else"] {
        assert!(wrote.contains(part), "{part}: {wrote}");
    }
    assert!(line(&told, "repeated message 2").contains("it was stored before"), "{told}");
    assert!(line(&told, "connected: connection").contains("from 127.0.0.1 as BUS_DRIVER"), "{told}");
    assert!(told.ends_with("control users with a connection in this time: user_jane\n"), "{told}");

    let read = json!({"conversation_id": id, "message_id": sent["message_id"]});
    jane_.request("mark_message_read", read).await;
    let told = history(&data);
    for number in [1, 2] {
        assert!(line(&told, &format!("wrote message {number}")).contains("read first by user_jane at 20"));
    }
    john_.close().await;
    history_with(&data, "the client closed it").await;
    server.stop().await;
    let told = history(&data);
    assert!(told.contains("the server started") && told.contains("the server stopped"), "{told}");
    for secret in ["secret plan", "Where do I go?", "eyJ", &token(&john())] {
        assert!(!trail(&data).contains(secret), "{secret}");
        assert!(!told.contains(secret), "{secret}");
    }
}

#[tokio::test]
async fn a_message_that_never_arrived_is_told_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start_in(dir.path(), &[]);
    let mut john_ = server.connect(&john()).await;
    let id = create(&mut john_, "t", "one").await;
    let long = json!({"conversation_id": id, "content": "x".repeat(5_000), "client_message_id": "cm-3"});
    john_.request("send_chat_message", long).await;
    john_
        .request("send_chat_message", json!({"conversation_id": "conv_0000000000000000", "content": "x"}))
        .await;
    let expired = token_issued(&john(), now().minus(Duration::from_hours(2)));
    let refused = Client::connect(&format!("{}?token={expired}", server.url)).await.close_code().await;
    assert_eq!(refused, Some(4001));
    let told = history_with(&data, "was not let in").await;
    let long = line(&told, "invalid_parameter");
    assert!(
        long.contains("was refused send_chat_message") && long.contains(&id) && long.contains("cm-3"),
        "{long}"
    );
    assert!(line(&told, "conversation_not_found").contains("conv_0000000000000000"), "{told}");
    assert!(line(&told, "was not let in").contains("from 127.0.0.1: token expired"), "{told}");
    assert!(told.ends_with("no control user was connected in this time\n"), "{told}");
    server.kill().await;
}

#[tokio::test]
async fn acts_of_administration_are_told_with_the_person_behind_them() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start_in(dir.path(), &[]);
    create(&mut server.connect(&john()).await, "t", "one").await;
    let run = |arguments: &[&str]| {
        let output = program().args(arguments).arg("--data-dir").arg(&data).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    let backup = dir.path().join("backup").display().to_string();
    run(&["users", "deactivate", "user_john"]);
    run(&["backup", &backup]);
    run(&["export"]);
    server.stop().await;
    run(&["users", "activate", "user_john"]);
    let acts: Vec<Value> = std::fs::read_to_string(data.join("audit/acts.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let uid = format!("uid {}", rustix::process::getuid().as_raw());
    let acts: Vec<_> = acts.iter().map(|act| (act["act"].as_str().unwrap(), act["user"].as_str())).collect();
    let john = Some("user_john");
    assert_eq!(acts, [("deactivate", john), ("backup", None), ("export", None), ("activate", john)]);
    assert_eq!(trail(&data).matches(&format!("\"by\":\"{uid}")).count(), 4);
    let told = history(&data);
    assert!(line(&told, "did: deactivate").contains(&uid), "{told}");
    assert!(told.contains("the account became John Doe"), "{told}");
}

#[tokio::test]
async fn an_acknowledged_message_that_is_not_in_the_journal_is_told_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start_in(dir.path(), &[]);
    create(&mut server.connect(&john()).await, "t", "one").await;
    server.stop().await;
    let older = dir.path().join("older");
    let copy = |from: &Path, to: &Path| {
        assert!(std::process::Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
    };
    copy(&data.join("journal"), &older);
    let server = Server::start_in(dir.path(), &[]);
    create(&mut server.connect(&john()).await, "t", "two").await;
    server.stop().await;
    std::fs::remove_dir_all(data.join("journal")).unwrap();
    copy(&older, &data.join("journal"));
    let told = history(&data);
    assert!(line(&told, "not in this journal").contains("wrote message 1 in conv_"), "{told}");
    assert_eq!(told.matches("; stored").count(), 1, "{told}");
}

#[test]
fn of_a_directory_without_a_store_nothing_is_told() {
    let dir = tempfile::tempdir().unwrap();
    for arguments in [
        &["history", "--user", "user_john", "--around", "2026-01-31T14:02:00Z"][..],
        &["clock"],
        &["clock", "--trust"],
    ] {
        let nowhere = dir.path().join("nowhere");
        let output = program().args(arguments).arg("--data-dir").arg(&nowhere).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && said.contains("is --config or --data-dir missing?"), "{said}");
    }
}

#[tokio::test]
async fn of_a_time_before_the_trail_or_an_unknown_id_it_says_that_nothing_is_known() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start_in(dir.path(), &[]);
    create(&mut server.connect(&john()).await, "t", "one").await;
    history_with(&data, "connected").await;
    let told = |user: &str, around: &str| {
        let flags = ["history", "--user", user, "--around", around, "--data-dir"];
        let output = program().args(flags).arg(&data).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let unknown = told("user_jon", &now().to_string());
    assert!(unknown.contains("nothing is known of user_jon in this time"), "{unknown}");
    assert!(unknown.ends_with("no control user was connected in this time\n"), "{unknown}");
    let before = told("user_john", "2020-01-31T14:02:00Z");
    assert!(before.contains("nothing is known of user_john in this time"), "{before}");
    assert!(before.ends_with("nothing is known of the control users of this time\n"), "{before}");
    assert!(!history(&data).contains("nothing is known of user_john"), "{before}");
}

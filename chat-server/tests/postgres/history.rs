//! The audit question over a database: the tables and the trail of each server together.

use serde_json::json;
use server_test_support::program::now;
use server_test_support::{conversation, create as create_conversation, jane, john, send, until};

use super::command::says;
use super::database::create;
use super::nodes::node_with;

fn line<'a>(history: &'a str, part: &str) -> &'a str {
    history.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {history}"))
}

#[tokio::test]
async fn a_message_is_told_with_its_way_and_its_reader_at_another_server() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let (a, b) = (node_with(dir.path(), "a", &address, &[]), node_with(dir.path(), "b", &address, &[]));
    let mut john_a = a.connect(&john()).await;
    let id = create_conversation(&mut john_a, "t", "Where do I go?").await;
    let mut jane_b = b.connect(&jane()).await;
    let listed = jane_b.request("get_conversation_messages", json!({"conversation_id": id})).await;
    let told_at = |server: &str| {
        let data = dir.path().join(server).join("data").display().to_string();
        let around = now().to_string();
        says(&[
            "history",
            "--user",
            "user_john",
            "--around",
            &around,
            "--data-dir",
            &data,
            "--database-url",
            &address,
        ])
    };
    until("the trail has it", async || told_at("a").contains("by connection")).await;
    let told = told_at("a");
    let wrote = line(&told, "wrote message 1");
    assert!(wrote.contains("from 127.0.0.1") && wrote.contains("read by nobody else"), "{wrote}");
    assert!(told.contains("at the server of this trail: no control user was connected"), "{told}");
    let servers = line(&told, "messages come from the database");
    assert!(servers.contains(a.authority()) && servers.contains(b.authority()), "{servers}");

    let read = json!({"conversation_id": id, "message_id": listed["messages"][0]["id"]});
    jane_b.request("mark_message_read", read).await;
    assert!(line(&told_at("a"), "wrote message 1").contains("read first by user_jane at 20"));
    let told = told_at("b");
    let wrote = line(&told, "wrote message 1");
    assert!(!wrote.contains("by connection") && wrote.contains("read first by user_jane"), "{wrote}");
    assert!(
        told.ends_with(
            "at the server of this trail: control users with a connection in this time: user_jane\n"
        )
    );
    assert!(!told.contains("Where do I go?"), "no text: {told}");

    // Without the database the trail alone tells nothing of losses.
    let (data, around) = (dir.path().join("a/data").display().to_string(), now().to_string());
    let told = says(&["history", "--user", "user_john", "--around", &around, "--data-dir", &data]);
    assert!(line(&told, "wrote message 1").ends_with("from 127.0.0.1: acknowledged"), "{told}");
    assert!(line(&told, "no journal in").contains("--database-url"), "{told}");
    drop((a, b));
}

/// A time is found among many records, without reading them all.
#[tokio::test]
async fn the_first_message_of_a_long_history_is_found_by_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let server = node_with(dir.path(), "a", &address, &[]);
    let (mut john_, _jane, id) = conversation(&server).await;
    let first = now();
    for number in 0..2_500 {
        send(&mut john_, &id, &format!("{number}")).await;
    }
    let last = now();
    let data = dir.path().join("a/data").display().to_string();
    for (around, seq) in [(first, 2), (last, 2_501)] {
        let around = around.to_string();
        let told = says(&[
            "history",
            "--user",
            "user_john",
            "--around",
            &around,
            "--within",
            "1s",
            "--data-dir",
            &data,
            "--database-url",
            &address,
        ]);
        line(&told, &format!("wrote message {seq} of {id}"));
    }
}

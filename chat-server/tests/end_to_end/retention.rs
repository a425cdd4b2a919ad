//! The text of messages is erased when it was kept for long enough, whatever happens to the server
//! meanwhile.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use chat_core::protocol::{Role, User};
use chat_core::store::Change;
use chat_server::store::{Checks, LocalStore, Options, verify};
use serde_json::{Value, json};
use server_test_support::program::program;
use server_test_support::store::{account, commit, conv, creation, message};
use server_test_support::{Client, Server, create, john, send, until};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

/// All messages of the newest page.
async fn page(client: &mut Client, conversation: &str) -> Vec<Value> {
    let data = json!({"conversation_id": conversation, "limit": 100});
    let reply = client.request("get_conversation_messages", data).await;
    reply["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn text_that_is_too_old_is_erased_and_told_as_such() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let mut client = server.connect(&john()).await;
    let data = json!({"title": "t", "content": "soon forgotten", "client_message_id": "a"});
    let created = client.request("create_support_conversation", data).await;
    let conversation = created["conversation_id"].as_str().unwrap();
    assert_eq!(page(&mut client, conversation).await[0].get("erased"), None);
    server.stop().await;
    sleep(Duration::from_millis(1_100)).await;

    let server = Server::start_in(dir.path(), &["--retention", "1s", "--retention-confirmed", "1s"]);
    let mut client = server.connect(&john()).await;
    let message = loop {
        let message = page(&mut client, conversation).await.remove(0);
        if message["content"] == "" {
            break message;
        }
        sleep(Duration::from_millis(10)).await;
    };
    assert_eq!((&message["erased"], &message["seq"]), (&json!(true), &json!(1)));
    let listed = client.request("get_active_conversations", json!({})).await;
    assert_eq!(listed["conversations"][0]["last_message"]["content"], "", "{listed}");
    let data = json!({"title": "t", "content": "soon forgotten", "client_message_id": "a"});
    let again = client.request("create_support_conversation", data).await;
    assert_eq!(again["conversation_id"], created["conversation_id"], "a repeat is a repeat");
    // The answer comes once the index is erased; the note is written after the answer.
    until("the step is noted as done", async || is_noted(&dir.path().join("data"))).await;
    server.stop().await;
    assert_eq!(verify(&dir.path().join("data"), &Checks::default(), &|_, _| ()).unwrap().count, 0);
}

/// Whether all that was begun is done.
fn is_noted(data: &Path) -> bool {
    std::fs::read_to_string(data.join("journal/erasing")).is_ok_and(|note| note.contains(r#""step":null"#))
}

/// Old messages, enough for many steps.
fn prefill(data: &Path) {
    let store = LocalStore::open(data, Options::default()).unwrap();
    commit(&store, vec![account("driver", Role::BusDriver), creation(&conv(), None)]);
    for batch in 0..25 {
        let message = |number: usize| -> Change {
            message(&conv(), &format!("old-text {batch} {number} ").repeat(number % 4 * 40 + 1), None)
        };
        commit(&store, (0..200).map(message).collect());
    }
    store.close().unwrap();
}

/// The output of `chat-server clock`.
fn clock(data: &Path, flags: &[&str]) -> String {
    let told = program().args(["clock", "--data-dir"]).arg(data).args(flags).output().unwrap();
    assert!(told.status.success(), "{told:?}");
    String::from_utf8(told.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_it_is_erased_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let filled = data.clone();
    spawn_blocking(move || prefill(&filled)).await.unwrap();
    let driver = User::new("driver", Role::BusDriver);
    let server = Server::start_in(dir.path(), &[]);
    send(&mut server.connect(&driver).await, conv().as_str(), "young").await;
    server.stop().await;
    // The server's own message proves nothing: its clock was ahead of all messages before.
    assert!(clock(&data, &[]).contains("nothing is erased"));
    clock(&data, &["--trust"]);
    let (mut erased, mut kills) = (0, 0);
    while erased < 5_002 {
        let server = Server::start_in(dir.path(), &["--retention", "1s", "--retention-confirmed", "1s"]);
        sleep(Duration::from_millis(150 + 37 * kills)).await;
        server.kill().await;
        kills += 1;
        let data = data.clone();
        let seen =
            spawn_blocking(move || verify(&data, &Checks::default(), &|_, _| ()).unwrap()).await.unwrap();
        assert_eq!(seen.count, 0, "{seen:?}");
        assert!(seen.erased >= erased, "{} erased, and {erased} before", seen.erased);
        erased = seen.erased;
    }
    println!("erased through {kills} kills");
    assert!(kills > 1, "it is killed in the middle");
    let server = Server::start_in(dir.path(), &[]);
    let mut client = server.connect(&driver).await;
    let page = page(&mut client, conv().as_str()).await;
    assert!(page.len() == 100 && page.iter().all(|message| message["erased"] == true), "{page:?}");
    server.kill().await;
}

#[tokio::test]
async fn nothing_is_erased_before_the_setting_is_confirmed() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let conversation = create(&mut server.connect(&john()).await, "t", "kept").await;
    server.stop().await;
    sleep(Duration::from_millis(1_100)).await;
    for flags in [&["--retention", "1s"][..], &["--retention", "1s", "--retention-confirmed", "1h"]] {
        let server = Server::start_in(dir.path(), flags);
        server.until_logged("retention is not confirmed", 1).await;
        assert_eq!(page(&mut server.connect(&john()).await, &conversation).await[0]["content"], "kept");
        let (_, log, _) = server.stop().await;
        assert!(log.contains("messages=1"), "{log}");
    }
}

#[tokio::test]
async fn a_clock_whose_note_is_damaged_erases_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let server = Server::start_in(dir.path(), &[]);
    let conversation = create(&mut server.connect(&john()).await, "t", "kept").await;
    server.stop().await;
    let note = std::fs::read_to_string(data.join("clock")).unwrap();
    std::fs::write(data.join("clock"), note.replacen("version", "versioj", 1)).unwrap();
    sleep(Duration::from_millis(1_100)).await;
    let retention = ["--retention", "1s", "--retention-confirmed", "1s"];
    let server = Server::start_in(dir.path(), &retention);
    server.until_logged("can't read what is known of the clock", 1).await;
    sleep(Duration::from_millis(500)).await;
    assert_eq!(page(&mut server.connect(&john()).await, &conversation).await[0]["content"], "kept");
    let told = program().args(["clock", "--data-dir"]).arg(&data).output().unwrap();
    assert!(String::from_utf8_lossy(&told.stderr).contains("chat-server clock --trust"), "{told:?}");
    server.stop().await;
    clock(&data, &["--trust"]);
    let server = Server::start_in(dir.path(), &retention);
    let mut client = server.connect(&john()).await;
    until("it is erased", async || page(&mut client, &conversation).await[0]["erased"] == true).await;
}

#[tokio::test]
#[ignore = "needs faketime"]
async fn a_clock_that_is_years_ahead_erases_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let conversation = create(&mut server.connect(&john()).await, "t", "kept").await;
    server.stop().await;
    let library = Command::new("faketime").args(["-f", "+0", "printenv", "LD_PRELOAD"]).output();
    let library = String::from_utf8(library.expect("faketime is installed").stdout).unwrap();
    let mut ahead = program();
    ahead.env("LD_PRELOAD", library.trim()).env("FAKETIME", "+730d").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let server = Server::spawn(ahead, dir.path(), &["--retention", "365d", "--retention-confirmed", "365d"]);
    server.until_logged("no text is erased", 1).await;
    server.stop().await;
    let server = Server::start_in(dir.path(), &[]);
    assert_eq!(page(&mut server.connect(&john()).await, &conversation).await[0]["content"], "kept");
}

//! Several servers over one database.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use server_test_support::{Client, Server, conversation, jane, john, send, token, until};

use super::database::{connect, create};

/// A server over a database.
fn node(dir: &Path, name: &str, address: &str) -> Server {
    node_with(dir, name, address, &[])
}

/// A server over a database, with these flags.
pub(crate) fn node_with(dir: &Path, name: &str, address: &str, more: &[&str]) -> Server {
    let flags = [&["--messages-per-second", "0", "--database-url", address], more].concat();
    Server::start_in(&dir.join(name), &flags)
}

async fn contents(client: &mut Client, id: &str) -> Vec<Value> {
    let page = client.request("get_conversation_messages", json!({"conversation_id": id})).await;
    page["messages"].as_array().unwrap().iter().map(|message| message["content"].clone()).collect()
}

#[tokio::test]
async fn a_conversation_goes_on_across_servers_and_over_the_end_of_one() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let (a, b) = (node(dir.path(), "a", &address), node(dir.path(), "b", &address));
    let mut jane_b = b.connect(&jane()).await;
    let (mut john_a, mut jane_a, id) = conversation(&a).await;
    assert_eq!(jane_b.event("new_support_conversation").await["conversation_id"], json!(id));
    assert_eq!(jane_b.event("new_message").await["message"]["content"], "Where do I go?");
    let listed = jane_b.request("get_active_conversations", json!({})).await;
    assert_eq!(listed["conversations"][0]["id"], json!(id), "{listed}");

    // Everybody hears both servers' messages, in the order of their numbers.
    send(&mut john_a, &id, "from a").await;
    for listener in [&mut john_a, &mut jane_a, &mut jane_b] {
        assert_eq!(listener.event("new_message").await["message"]["content"], "from a");
    }
    send(&mut jane_b, &id, "from b").await;
    for other in [&mut john_a, &mut jane_a] {
        assert_eq!(other.event("new_message").await["message"]["content"], "from b");
    }

    // A draft whose server dies is sent again to the other one, and stored once.
    let draft = json!({"conversation_id": id, "content": "once", "client_message_id": "c1"});
    let reply = john_a.request("send_chat_message", draft.clone()).await;
    a.signal(Signal::KILL);
    let mut john_b = b.connect(&john()).await;
    assert_eq!(john_b.request("send_chat_message", draft).await, reply);
    let all = contents(&mut jane_b, &id).await;
    assert_eq!(all[1..], ["from a", "from b", "once"]);
    assert!(b.stop().await.0.success());
}

#[tokio::test]
async fn who_types_is_shown_at_the_other_server() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let (a, b) = (node(dir.path(), "a", &address), node(dir.path(), "b", &address));
    let mut jane_b = b.connect(&jane()).await;
    let (mut john_a, _, id) = conversation(&a).await;
    jane_b.event("new_support_conversation").await;
    jane_b.event("new_message").await;
    for is_typing in [true, false] {
        let data = json!({"conversation_id": id, "is_typing": is_typing});
        john_a.request("typing_indicator", data).await;
        let told = jane_b.event("typing_status").await;
        assert_eq!((&told["user_id"], &told["is_typing"]), (&json!(john().id), &json!(is_typing)));
    }
    drop((a, b));
}

#[tokio::test]
async fn a_user_who_is_deactivated_at_one_server_is_disconnected_at_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let (a, b) = (node(dir.path(), "a", &address), node(dir.path(), "b", &address));
    let mut john_b = b.connect(&john()).await;
    john_b.request("get_active_conversations", json!({})).await;
    let mut command = server_test_support::program::program();
    command.args(["users", "deactivate", john().id.as_str(), "--data-dir"]);
    command.arg(dir.path().join("a").join("data"));
    assert!(command.status().unwrap().success());
    assert_eq!(john_b.close_code().await, Some(4503));
    drop((a, b));
}

/// The end of the history is gone, and its positions were given again: as after a failover to a
/// standby that lacks records.
const LOST: &str = "BEGIN; SELECT 1 FROM chat.lane FOR UPDATE; \
    DELETE FROM chat.record WHERE position = (SELECT max(position) FROM chat.record); \
    UPDATE chat.conversation c SET last_seq = r.seq, last_text_seq = r.seq, position = r.position FROM chat.record r \
        WHERE r.position = (SELECT max(position) FROM chat.record WHERE seq IS NOT NULL); \
    INSERT INTO chat.record (position, previous, hash, payload) \
    SELECT position + 1, hash, sha256('another'), '{\"epoch_begun\":{\"epoch\":\"x\"}}' \
    FROM chat.record ORDER BY position DESC LIMIT 1; COMMIT";

#[tokio::test]
async fn servers_begin_anew_by_themselves_when_the_database_has_lost_records() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let (a, b) = (node(dir.path(), "a", &address), node(dir.path(), "b", &address));
    let mut jane_b = b.connect(&jane()).await;
    let (mut john_a, mut jane_a, id) = conversation(&a).await;
    jane_b.event("new_support_conversation").await;
    send(&mut john_a, &id, "kept").await;
    let lost = send(&mut john_a, &id, "lost").await;
    while jane_b.event("new_message").await["message"]["id"] != json!(lost) {}
    let begin = json!({"conversation_id": id, "after_seq": 0});
    let epoch = jane_b.request("join_conversation", begin).await["epoch"].clone();
    connect(&address).await.batch_execute(LOST).await.unwrap();
    for client in [&mut john_a, &mut jane_a, &mut jane_b] {
        assert_eq!(client.close_code().await, Some(1001));
    }
    for server in [&a, &b] {
        let url = format!("{}?token={}", server.url, token(&john()));
        until("the server is back at its address", async || Client::open(url.as_str()).await.is_ok()).await;
        let mut client = server.connect(&john()).await;
        let held = json!({"conversation_id": id, "after_seq": 3, "epoch": epoch});
        let joined = client.request("join_conversation", held).await;
        assert_eq!(
            (&joined["reset"], joined["messages"].as_array().unwrap().len()),
            (&json!(true), 2),
            "{joined}"
        );
    }
    let (status, log, _) = a.stop().await;
    assert!(status.success() && log.contains("another history"), "{log}");
    drop(b);
}

#[tokio::test]
async fn a_server_without_tables_or_secret_says_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let address = super::database::create_empty().await;
    let start = |secret: bool| {
        let mut command = server_test_support::program::program();
        if secret {
            command.env("CHAT_JWT_SECRET", server_test_support::SECRET);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--database-url", &address, "--data-dir"]);
        let output = command.arg(dir.path().join("data")).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let text = start(true);
    assert!(text.contains("run `chat-server database upgrade`"), "{text}");
    let text = start(false);
    assert!(text.contains("give the secret that your tokens are signed with"), "{text}");
    let mut upgrade = server_test_support::program::program();
    let output = upgrade.args(["database", "upgrade", "--database-url", &address]).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "created the tables, with layout 4\n");
}

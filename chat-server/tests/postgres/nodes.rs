//! Several servers over one database.

use std::path::Path;

use rustix::process::Signal;
use serde_json::{Value, json};
use server_test_support::{Server, conversation, jane, john, send};

use super::database::create;

/// A server over a database.
fn node(dir: &Path, name: &str, address: &str) -> Server {
    Server::start_in(&dir.join(name), &["--messages-per-second", "0", "--database-url", address])
}

async fn contents(client: &mut server_test_support::Client, id: &str) -> Vec<Value> {
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
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "created the tables, with layout 1\n");
}

//! All texts of one user are erased on request, and nobody else's.

use serde_json::{Value, json};
use server_test_support::{Client, conversation, create as create_conversation, send};

use super::{broken_links, texts};
use crate::command::{refused, run_program, says};
use crate::database::{connect, create};
use crate::nodes::node_with;

/// Ann of the control centre takes part with a name of her own.
fn import_ann(dir: &std::path::Path, address: &str) {
    let file = dir.join("users");
    let ann =
        json!({"id": "user_ann", "role": "CONTROL_STAFF", "first_name": "Ann", "last_name": "Secretname"});
    std::fs::write(&file, ann.to_string()).unwrap();
    says(&["users", "import", file.to_str().unwrap(), "--database-url", address]);
}

async fn change(client: &mut Client, kind: &str, data: Value) -> u64 {
    let reply = client.request(kind, data).await;
    reply["work"]["version"].as_u64().unwrap_or_else(|| panic!("{reply}"))
}

#[tokio::test]
async fn the_texts_of_a_user_and_entries_that_name_the_user_are_erased_and_recorded() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let database = connect(&address).await;
    let (a, b) = (node_with(dir.path(), "a", &address, &[]), node_with(dir.path(), "b", &address, &[]));
    import_ann(dir.path(), &address);
    let (mut john, mut jane, id) = conversation(&a).await;
    send(&mut john, &id, "the secret plan").await;
    let held = create_conversation(&mut john, "t", "an accident").await;
    let version = change(&mut jane, "take_conversation", json!({"conversation_id": id, "version": 0})).await;
    let transfer = json!({"conversation_id": id, "version": version, "to": "user_ann"});
    change(&mut jane, "transfer_conversation", transfer).await;
    let before = texts(&mut jane, &id).await;
    assert!(before[3].contains("Ann Secretname"), "{before:?}");
    says(&["hold", "add", "--conversation", &held, "--why", "court", "--database-url", &address]);

    let erase = ["erase", "--user", "user_john", "--why", "on request", "--database-url", &address];
    let counted = run_program(&erase);
    let told = String::from_utf8(counted.stdout).unwrap();
    let passed = format!("on hold, and not erased: 1 texts, in {held}\n");
    assert_eq!(told, format!("{passed}to be erased for good: 2 texts of user_john\n"));
    assert!(!counted.status.success());
    assert_eq!(texts(&mut jane, &id).await, before, "counted only");
    let yes = [&erase[..], &["--yes"]].concat();
    assert_eq!(says(&yes), format!("{passed}erased: 2 texts of user_john\n"));
    assert_eq!(texts(&mut jane, &id).await[..2], ["", ""]);
    assert_eq!(texts(&mut jane, &id).await[2..], before[2..]);
    assert_eq!(texts(&mut jane, &held).await, ["an accident"]);

    // By the socket of a running server.
    let data = dir.path().join("b/data").display().to_string();
    let ann = ["erase", "--user", "user_ann", "--why", "left", "--yes", "--database-url", &address];
    let by_socket = post_erase(&data, "user_ann");
    assert!(by_socket.contains("\"erased\":1"), "{by_socket}");
    let after = texts(&mut jane, &id).await;
    assert_eq!((after[2].as_str(), after[3].as_str()), (before[2].as_str(), ""), "{after:?}");
    let shown = jane.request("get_conversation_messages", json!({"conversation_id": id})).await;
    assert_eq!(shown["messages"][3]["work"]["action"], "TRANSFER", "the work stays");
    assert!(says(&ann).ends_with("erased: 0 texts of user_ann\n"));

    let record = "SELECT convert_from(user_id, 'UTF8'), convert_from(why, 'UTF8'), \
        convert_from(by_whom, 'UTF8') LIKE 'uid %', until BETWEEN 1 AND (SELECT max(position) FROM chat.record) \
        FROM chat.erasure ORDER BY user_id";
    let record = database.query(record, &[]).await.unwrap();
    let record: Vec<(String, String, bool, bool)> =
        record.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    let of = |user: &str, why: &str| (user.to_owned(), why.to_owned(), true, true);
    assert_eq!(record, [of("user_ann", "left"), of("user_john", "on request")]);
    assert_eq!(broken_links(&database).await, 0);

    says(&["hold", "add", "--user", "user_john", "--why", "a quarrel", "--database-url", &address]);
    assert!(refused(&yes).contains("a quarrel"));
    drop((a, b));
}

/// Asks the server of a data directory to erase.
fn post_erase(data: &str, user: &str) -> String {
    let body = json!({"user": user, "why": "on request"}).to_string();
    let socket = format!("{data}/admin.sock");
    let arguments = ["-s", "--unix-socket", &socket, "http://x/erase", "-d", &body];
    let output = std::process::Command::new("curl").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// An erasure goes over many steps, and ends with the last message of its beginning.
#[tokio::test]
async fn a_long_history_is_erased_to_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let server = node_with(dir.path(), "a", &address, &[]);
    let (mut john, _jane, id) = conversation(&server).await;
    for number in 0..30 {
        send(&mut john, &id, &format!("text {number}")).await;
    }
    let database = connect(&address).await;
    // Readings have no text, and are passed.
    let more = "INSERT INTO chat.record (position, previous, hash, payload) SELECT position + n, '', '', \
        convert_to('{\"epoch_begun\":{\"epoch\":\"old\"}}', 'UTF8') FROM chat.record, generate_series(1, 4500) AS n \
        WHERE position = (SELECT max(position) FROM chat.record)";
    assert!(server.stop().await.0.success());
    database.execute(more, &[]).await.unwrap();
    let last = "UPDATE chat.record SET position = 10000 WHERE seq = 31";
    database.execute(last, &[]).await.unwrap();
    let erase = ["erase", "--user", "user_john", "--why", "on request", "--yes", "--database-url", &address];
    assert_eq!(says(&erase), "erased: 31 texts of user_john\n");
    let left = "SELECT count(*) FROM chat.record WHERE seq IS NOT NULL AND content <> ''";
    let left: i64 = database.query_one(left, &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

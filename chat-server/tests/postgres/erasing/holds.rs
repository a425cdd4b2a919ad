//! A hold that is set at one server is obeyed by all, until it ends.

use std::time::Duration;

use chat_core::protocol::{Role, User};
use serde_json::json;
use server_test_support::program::program;
use server_test_support::{create as create_conversation, jane, john, send, until};
use tokio::time::sleep;
use tokio_postgres::Client as Database;

use super::{RETENTION, state, texts, until_passed};
use crate::command::{refused, says};
use crate::database::{connect, create};
use crate::nodes::node_with;

#[tokio::test]
async fn retention_passes_what_is_on_hold_and_takes_it_up_at_the_release() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let database = connect(&address).await;
    let a = node_with(dir.path(), "a", &address, &[]);
    let data = dir.path().join("a/data").display().to_string();
    let (mut john, mut jane_) = (a.connect(&john()).await, a.connect(&jane()).await);
    let kept = create_conversation(&mut john, "t", "an accident").await;
    let other = create_conversation(&mut john, "t", "soon forgotten").await;
    send(&mut jane_, &other, "an answer").await;
    let note = json!({"conversation_id": kept, "content": "a note"});
    let mut mary = a.connect(&User::new("user_mary", Role::ControlStaff)).await;
    let notes = mary.request("add_note", note).await["notes_conversation_id"].as_str().unwrap().to_owned();
    let add = ["hold", "add", "--conversation", &kept, "--why", "an accident"];
    says(&[&add[..], &["--database-url", &address]].concat());
    says(&["hold", "add", "--user", "user_jane", "--why", "a quarrel", "--data-dir", &data]);
    let unknown = ["hold", "add", "--user", "user_jon", "--why", "a typo", "--database-url", &address];
    assert!(refused(&unknown).contains("nothing is known of the user user_jon"));
    let again = refused(&[&add[..], &["--data-dir", &data]].concat());
    assert!(again.contains("set by uid ") && again.contains("an accident"), "{again}");
    for place in [["--database-url", &address], ["--data-dir", &data]] {
        let held = says(&[&["hold", "list"][..], &place].concat());
        assert!(held.contains(&kept) && held.contains("user user_jane: since 20"), "{held}");
    }

    sleep(Duration::from_millis(1_100)).await;
    let unconfirmed = node_with(dir.path(), "b", &address, &RETENTION[..2]);
    unconfirmed.until_logged("retention is not confirmed", 1).await;
    let (_, log, _) = unconfirmed.stop().await;
    assert!(log.contains("messages=1"), "{log}");
    let b = node_with(dir.path(), "b", &address, &RETENTION);
    until_passed(&database).await;
    assert_eq!(texts(&mut john, &kept).await, ["an accident"]);
    assert_eq!(texts(&mut mary, &notes).await, ["a note"]);
    assert_eq!(texts(&mut john, &other).await, ["", "an answer"]);
    assert!(b.stop().await.0.success());

    says(&["hold", "release", "--conversation", &kept, "--data-dir", &data]);
    let release = ["hold", "release", "--user", "user_jane", "--database-url", &address];
    says(&release);
    assert!(refused(&release).contains("there is no hold on user user_jane"));
    let b = node_with(dir.path(), "b", &address, &RETENTION);
    until_passed(&database).await;
    assert_eq!(texts(&mut john, &kept).await, [""]);
    assert_eq!(texts(&mut mary, &notes).await, [""]);
    assert_eq!(texts(&mut john, &other).await, ["", ""]);
    let acts = std::fs::read_to_string(dir.path().join("b/data/audit/acts.jsonl")).unwrap();
    assert!(acts.contains("\"act\":\"retention\""), "{acts}");
    drop((a, b));
}

/// Whether a connection waits for a lock with a statement that begins so.
async fn until_waiting(database: &Database, statement: &str) {
    let waiting = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
        AND wait_event_type = 'Lock' AND query LIKE $1 || '%'";
    until("a statement waits", async || database.query_one(waiting, &[&statement]).await.unwrap().get(0))
        .await;
}

const ERASING: &str = "UPDATE chat.record r SET content = ''";
const TAKING: &str = "SELECT state FROM chat.job WHERE name = 'retention' FOR UPDATE";

#[tokio::test]
async fn a_hold_is_acknowledged_after_the_step_that_is_under_way() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let (database, mut other) = (connect(&address).await, connect(&address).await);
    let a = node_with(dir.path(), "a", &address, &[]);
    let mut john = a.connect(&john()).await;
    let id = create_conversation(&mut john, "t", "too late").await;
    sleep(Duration::from_millis(1_100)).await;
    let holding = other.transaction().await.unwrap();
    holding.execute("SELECT 1 FROM chat.record WHERE seq = 1 FOR UPDATE", &[]).await.unwrap();
    let b = node_with(dir.path(), "b", &address, &RETENTION);
    until_waiting(&database, ERASING).await;
    let mut adding = program();
    adding.args(["hold", "add", "--conversation", &id, "--why", "late", "--database-url", &address]);
    let mut adding = adding.spawn().unwrap();
    until_waiting(&database, TAKING).await;
    assert!(adding.try_wait().unwrap().is_none());
    holding.commit().await.unwrap();
    assert!(adding.wait().unwrap().success());
    assert_eq!(texts(&mut john, &id).await, [""], "no text is erased after the answer");
    drop((a, b));
}

/// Copies of the last message, with further positions and numbers.
const MORE: &str = "INSERT INTO chat.record (position, previous, hash, payload, content, conversation, seq, sent_at, \
    author) SELECT position + n, previous, hash, payload, content, conversation, seq + n, sent_at, author \
    FROM chat.record, generate_series(1, $1::bigint) AS n \
    WHERE position = (SELECT max(position) FROM chat.record)";

/// The numbers of the conversation that have a text.
async fn numbers_with_text(database: &Database, id: &str) -> Vec<i64> {
    let left = "SELECT seq FROM chat.record WHERE conversation = $1 AND content <> '' ORDER BY seq";
    let left = database.query(left, &[&id.as_bytes()]).await.unwrap();
    left.iter().map(|row| row.get(0)).collect()
}

/// Other servers set a hold and end another one while the holder of the job is about to erase.
#[tokio::test]
async fn a_step_obeys_what_was_changed_while_it_waited() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let (database, mut other) = (connect(&address).await, connect(&address).await);
    let mut third = connect(&address).await;
    let a = node_with(dir.path(), "a", &address, &[]);
    let mut john = a.connect(&john()).await;
    let released = create_conversation(&mut john, "t", "held at first").await;
    let first = create_conversation(&mut john, "t", "one").await;
    database.execute(MORE, &[&2_000_i64]).await.unwrap();
    says(&["hold", "add", "--conversation", &released, "--why", "for now", "--database-url", &address]);
    assert!(a.stop().await.0.success());
    sleep(Duration::from_millis(1_100)).await;

    // The first step waits for this transaction, and the second one for the next.
    let holding = other.transaction().await.unwrap();
    let one = "SELECT 1 FROM chat.record WHERE conversation = $1 AND seq = 1 FOR UPDATE";
    holding.execute(one, &[&first.as_bytes()]).await.unwrap();
    let b = node_with(dir.path(), "b", &address, &RETENTION);
    until_waiting(&database, ERASING).await;
    let changing = third.transaction().await.unwrap();
    let (lock, unlock) = (changing.execute(TAKING, &[]), holding.commit());
    let (locked, unlocked) = tokio::join!(lock, async {
        until_waiting(&database, TAKING).await;
        unlock.await
    });
    assert_eq!((locked.unwrap(), unlocked.unwrap()), (1, ()));
    assert!(state(&database).await["position"].as_i64().unwrap() >= 2_000);
    until_waiting(&database, TAKING).await;
    let hold = "INSERT INTO chat.hold VALUES ('conversation', $1, '', 'court', 0)";
    changing.execute(hold, &[&first.as_bytes()]).await.unwrap();
    changing.execute("DELETE FROM chat.hold WHERE subject = $1", &[&released.as_bytes()]).await.unwrap();
    let anew = "UPDATE chat.job SET state = convert_to('{\"position\":0}', 'UTF8') WHERE name = 'retention'";
    changing.execute(anew, &[]).await.unwrap();
    changing.commit().await.unwrap();
    until_passed(&database).await;
    let left = numbers_with_text(&database, &first).await;
    assert!(
        !left.is_empty() && left.iter().all(|seq| *seq > 1_900),
        "the second step erases nothing: {left:?}"
    );
    assert_eq!(numbers_with_text(&database, &released).await, [0; 0]);
    drop(b);
}

#[tokio::test]
async fn a_release_begins_anew_though_a_step_was_under_way() {
    let address = create().await;
    let (database, mut other) = (connect(&address).await, connect(&address).await);
    says(&["users", "deactivate", "john", "--database-url", &address]);
    says(&["hold", "add", "--user", "john", "--why", "for now", "--database-url", &address]);
    let stepping = other.transaction().await.unwrap();
    stepping.execute(TAKING, &[]).await.unwrap();
    let mut releasing = program();
    releasing.args(["hold", "release", "--user", "john", "--database-url", &address]);
    let mut releasing = releasing.spawn().unwrap();
    until_waiting(&database, TAKING).await;
    let on = "UPDATE chat.job SET state = convert_to('{\"position\":7}', 'UTF8') WHERE name = 'retention'";
    stepping.execute(on, &[]).await.unwrap();
    stepping.commit().await.unwrap();
    assert!(releasing.wait().unwrap().success());
    assert_eq!(state(&database).await["position"], json!(0));
}

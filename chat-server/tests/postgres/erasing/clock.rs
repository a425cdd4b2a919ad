//! Retention does not believe the clock of a database alone.

use std::time::Duration;

use serde_json::json;
use server_test_support::{create as create_conversation, john, send, until};
use tokio::time::sleep;

use super::{RETENTION, state, texts, until_passed};
use crate::command::says;
use crate::database::{connect, create};
use crate::nodes::node_with;

/// Makes the messages three days older than the clock of the database.
const OLDER: &str = "UPDATE chat.record SET sent_at = sent_at - 259200000 WHERE seq IS NOT NULL";

#[tokio::test]
async fn doubt_outlives_servers_and_new_messages_until_an_operator_confirms_the_clock() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let database = connect(&address).await;
    let clock = ["clock", "--database-url", &address];
    assert!(says(&clock).contains("no server with --retention has looked at the clock yet"));
    let a = node_with(dir.path(), "a", &address, &[]);
    let id = create_conversation(&mut a.connect(&john()).await, "t", "kept").await;
    assert!(a.stop().await.0.success());
    database.execute(OLDER, &[]).await.unwrap();

    let a = node_with(dir.path(), "a", &address, &RETENTION);
    a.until_logged("no text is erased", 1).await;
    until("the doubt is noted", async || state(&database).await["clock"]["is_doubted"] == json!(true)).await;
    let told = says(&clock);
    assert!(told.contains("doubted") && told.contains("nothing is erased"), "{told}");
    // A message that the doubted clock has stamped proves nothing.
    send(&mut a.connect(&john()).await, &id, "stamped meanwhile").await;
    assert!(a.stop().await.0.success());
    let b = node_with(dir.path(), "b", &address, &RETENTION);
    b.until_logged("no text is erased", 1).await;
    assert_eq!(texts(&mut b.connect(&john()).await, &id).await, ["kept", "stamped meanwhile"]);
    assert!(b.stop().await.0.success());

    let told = says(&["clock", "--trust", "--database-url", &address]);
    assert!(told.contains("is believed"), "{told}");
    assert!(says(&clock).contains("believed, last at 20"));
    sleep(Duration::from_millis(1_100)).await;
    let b = node_with(dir.path(), "b", &address, &RETENTION);
    until_passed(&database).await;
    assert_eq!(texts(&mut b.connect(&john()).await, &id).await, ["", ""]);
    assert_eq!(state(&database).await["clock"]["is_doubted"], json!(false));
    drop(b);
}

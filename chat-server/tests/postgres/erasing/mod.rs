//! Erasing over a database: the holds that it obeys, on request, and by a clock that is not simply
//! believed.

mod clock;
mod holds;
mod user;

use serde_json::{Value, json};
use server_test_support::{Client, until};
use tokio_postgres::Client as Database;

/// Retention of a second, confirmed.
const RETENTION: [&str; 4] = ["--retention", "1s", "--retention-confirmed", "1s"];

/// The texts of a conversation. An erased one is empty.
async fn texts(client: &mut Client, id: &str) -> Vec<String> {
    let page = client.request("get_conversation_messages", json!({"conversation_id": id})).await;
    let messages = page["messages"].as_array().unwrap().iter();
    messages.map(|message| message["content"].as_str().unwrap().to_owned()).collect()
}

/// The state of retention's job.
async fn state(database: &Database) -> Value {
    let state = "SELECT coalesce(convert_from(state, 'UTF8'), '{}') FROM chat.job WHERE name = 'retention'";
    let row = database.query_one(state, &[]).await.unwrap();
    serde_json::from_str(row.get(0)).unwrap()
}

/// Waits until retention has passed all records.
async fn until_passed(database: &Database) {
    until("retention has passed all", async || {
        let last = "SELECT max(position) FROM chat.record";
        let last: i64 = database.query_one(last, &[]).await.unwrap().get(0);
        state(database).await["position"] == json!(last)
    })
    .await;
}

/// Records whose hash does not follow from the record before.
async fn broken_links(database: &Database) -> i64 {
    let broken = "SELECT count(*) FROM chat.record r JOIN chat.record p ON p.position = r.position - 1 \
        WHERE r.previous <> p.hash OR r.hash <> sha256(int8send(r.position) || r.previous || r.payload)";
    database.query_one(broken, &[]).await.unwrap().get(0)
}

//! Jobs that one of several servers does for all.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};
use server_test_support::program::program;
use server_test_support::receiver::Receiver;
use server_test_support::{Client, Server, create as create_conversation, jane, john, send, until};
use tokio::time::sleep;

use super::database::{connect, create};
use super::nodes::node_with;

/// The address of the server with a job, and the term.
async fn holder(database: &tokio_postgres::Client, job: &str) -> Option<(String, i64)> {
    let holder = "SELECT n.address, j.term FROM chat.job j JOIN chat.node n ON n.life = j.holder \
        WHERE j.name = $1 AND j.until > now()";
    let row = database.query_opt(holder, &[&job]).await.unwrap();
    row.map(|row| (row.get(0), row.get(1)))
}

async fn until_held(database: &tokio_postgres::Client, job: &str, server: &Server) {
    let by = Some(server.authority());
    until("the job is held", async || holder(database, job).await.as_ref().map(|held| &held.0[..]) == by)
        .await;
}

/// Waits until the webhook's checkpoint covers everything: after a kill before that, notifications
/// come again.
async fn until_noted(database: &tokio_postgres::Client) {
    let is_noted = "SELECT coalesce(bool_and((s.lane -> 'next' ->> 'from')::bigint > r.last), false) \
        FROM chat.job j, LATERAL (SELECT json.lane FROM json_each(convert_from(j.state, 'UTF8')::json) \
            AS json (name, lane) WHERE json.name <> 'version') s, \
        (SELECT max(position) AS last FROM chat.record) r WHERE j.name = 'webhook'";
    until("the checkpoint is written", async || database.query_one(is_noted, &[]).await.unwrap().get(0))
        .await;
}

/// Ann of the control centre, who never connects.
fn import_ann(dir: &Path, server: &str) {
    let file = dir.join("users");
    std::fs::write(&file, r#"{"id":"user_ann","role":"CONTROL_STAFF"}"#).unwrap();
    let mut command = program();
    command.args(["users", "import"]).arg(&file).arg("--data-dir").arg(dir.join(server).join("data"));
    assert!(command.output().unwrap().status.success());
}

/// The id and the users of the next notification.
async fn next(receiver: &mut Receiver) -> (String, Value) {
    let heard = receiver.next().await;
    let mut users = heard.body["data"]["user_ids"].clone();
    users.as_array_mut().unwrap().sort_by_key(|user| user.as_str().unwrap().to_owned());
    (heard.id, users)
}

/// One server tells, users who are connected anywhere are not told, and a server that is killed or
/// frozen is replaced.
#[tokio::test]
async fn a_message_is_told_once_whichever_server_lives() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let database = connect(&address).await;
    let mut receiver = Receiver::start().await;
    let flags = receiver.flags(dir.path());
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let a = node_with(dir.path(), "a", &address, &flags);
    until_held(&database, "webhook", &a).await;
    let b = node_with(dir.path(), "b", &address, &flags);
    import_ann(dir.path(), "a");
    let mut jane_b = b.connect(&jane()).await;
    jane_b.nothing_heard().await;
    let mut john_a = a.connect(&john()).await;
    let id = create_conversation(&mut john_a, "t", "c").await;
    assert_eq!(next(&mut receiver).await.1, json!(["user_ann"]), "Jane is connected to the other server");
    let message = send(&mut jane_b, &id, "for John, who is connected to the other server").await;
    assert_eq!(next(&mut receiver).await, (message, json!(["user_ann"])));

    // A frozen server is replaced. Its users count as gone once its lease has ended.
    until_noted(&database).await;
    a.signal(Signal::STOP);
    let message = send(&mut jane_b, &id, "while a is frozen").await;
    assert_eq!(next(&mut receiver).await, (message, json!(["user_ann", "user_john"])));
    assert_eq!(holder(&database, "webhook").await, Some((b.authority().to_owned(), 2)));
    a.signal(Signal::CONT);
    let both = "SELECT count(*) = 2 FROM chat.node WHERE until > now()";
    until("a is back", async || database.query_one(both, &[]).await.unwrap().get(0)).await;
    let message = send(&mut jane_b, &id, "beside a that is back").await;
    assert_eq!(next(&mut receiver).await, (message, json!(["user_ann"])));

    // A killed one too, and what came meanwhile is told.
    until_noted(&database).await;
    drop(jane_b);
    b.signal(Signal::KILL);
    let message = send(&mut john_a, &id, "after b was killed").await;
    assert_eq!(next(&mut receiver).await, (message, json!(["user_ann", "user_jane"])));
    assert_eq!(holder(&database, "webhook").await, Some((a.authority().to_owned(), 3)));

    // A server notes its progress at a stop, and gives its job back.
    assert!(a.stop().await.0.success());
    assert_eq!(holder(&database, "webhook").await, None);
    let left: i64 = database.query_one("SELECT count(*) FROM chat.node", &[]).await.unwrap().get(0);
    assert_eq!(left, 1, "the row of the killed server");
    assert!(receiver.rest().is_empty(), "nothing is told twice");
}

async fn contents(client: &mut Client, id: &str) -> Vec<Value> {
    let page = client.request("get_conversation_messages", json!({"conversation_id": id})).await;
    page["messages"].as_array().unwrap().clone()
}

#[tokio::test]
async fn text_past_its_retention_is_erased_by_one_server_and_the_chain_holds() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let database = connect(&address).await;
    let first = node_with(dir.path(), "a", &address, &[]);
    let mut client = first.connect(&john()).await;
    let id = create_conversation(&mut client, "t", "soon forgotten").await;
    send(&mut client, &id, "forgotten too").await;
    assert!(first.stop().await.0.success());

    let retention = ["--retention", "1s", "--retention-confirmed", "1s"];
    let a = node_with(dir.path(), "a", &address, &retention);
    let b = node_with(dir.path(), "b", &address, &retention);
    let mut client = b.connect(&john()).await;
    until("both texts are erased", async || {
        contents(&mut client, &id).await.iter().all(|message| message["erased"] == json!(true))
    })
    .await;
    let held = holder(&database, "retention").await.unwrap();
    assert_eq!(held.1, 1, "one server has done all of it");
    assert_eq!(send(&mut client, &id, "kept").await, contents(&mut client, &id).await[2]["id"]);
    let broken = "SELECT count(*) FROM chat.record r JOIN chat.record p ON p.position = r.position - 1 \
        WHERE r.previous <> p.hash OR r.hash <> sha256(int8send(r.position) || r.previous || r.payload)";
    let broken: i64 = database.query_one(broken, &[]).await.unwrap().get(0);
    assert_eq!(broken, 0);
    drop((a, b));
}

/// A server that has not noticed yet that it lost the job tells on, but moves no checkpoint.
#[tokio::test]
async fn progress_of_a_term_that_is_over_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let address = create().await;
    let database = connect(&address).await;
    let mut receiver = Receiver::start().await;
    let flags = receiver.flags(dir.path());
    let flags: Vec<_> = flags.iter().map(String::as_str).collect();
    let server = node_with(dir.path(), "a", &address, &flags);
    until_held(&database, "webhook", &server).await;
    import_ann(dir.path(), "a");
    let mut john = server.connect(&john()).await;
    let id = create_conversation(&mut john, "t", "c").await;
    next(&mut receiver).await;
    until_noted(&database).await;
    let state = async || -> Vec<u8> {
        let state = "SELECT state FROM chat.job WHERE name = 'webhook'";
        database.query_one(state, &[]).await.unwrap().get(0)
    };
    // The checkpoint is written at most once a second, and the server looks every two seconds
    // whether the job is still its own.
    sleep(Duration::from_secs(1)).await;
    until_renewed(&database).await;
    let before = state().await;
    let taken = "UPDATE chat.job SET holder = '\\x00', term = term + 1, until = now() + interval '1 h' \
        WHERE name = 'webhook'";
    database.execute(taken, &[]).await.unwrap();
    let message = send(&mut john, &id, "told by a server that has lost the job").await;
    assert_eq!(next(&mut receiver).await.0, message);
    server.until_logged("another server does this job now", 1).await;
    assert_eq!(state().await, before);
}

/// Waits until the holder has just renewed its lease.
async fn until_renewed(database: &tokio_postgres::Client) {
    let lease = async || -> String {
        let lease = "SELECT until::text FROM chat.job WHERE name = 'webhook'";
        database.query_one(lease, &[]).await.unwrap().get(0)
    };
    let before = lease().await;
    until("the lease is renewed", async || lease().await != before).await;
}

//! A change that a killed database shows after its restart, although no standby has it.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use futures::future::join;
use serde_json::{Value, json};
use server_test_support::{Client, conversation, jane, john, until};
use tokio::time::sleep;

use super::cluster::Cluster;

/// Time in which servers look at the database several times.
const LOOKS: Duration = Duration::from_secs(3);

/// Repeats a draft until it is acknowledged.
async fn acknowledged(client: &mut Client, draft: Value) -> Value {
    loop {
        let reply = client.request("send_chat_message", draft.clone()).await;
        if reply["success"] == true {
            return reply;
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Kills the database while a message waits for the standby, and later has the standby return or
/// take over. Nobody is told before that, and afterwards everybody is told once.
async fn a_message_waits(takes_over: bool) {
    let mut cluster = Cluster::start().await;
    let mut jane = cluster.node(1).connect(&jane()).await;
    let (mut sender, _jane, id) = conversation(cluster.node(0)).await;
    jane.event("new_support_conversation").await;
    jane.event("new_message").await;
    let draft =
        |id, content| json!({"conversation_id": id, "content": content, "client_message_id": content});
    let old = draft(&id, "confirmed");
    let mut there = cluster.node(1).connect(&john()).await;
    acknowledged(&mut there, old.clone()).await;
    jane.event("new_message").await;
    let draft = draft(&id, "unconfirmed");
    let mut sent = pin!(acknowledged(&mut sender, draft));
    let mut told = pin!(jane.event("new_message"));

    cluster.cut_standby().await;
    tokio::select! {
        reply = &mut sent => panic!("acknowledged before the restart: {reply}"),
        () = until("a commit waits", async || cluster.primary().has_waiting_commit().await) => {}
    }
    cluster.kill_database();
    let client = cluster.primary().connect("chat").await;
    let shown = client
        .query_one("SELECT count(*) FROM chat.record WHERE client_message_id = 'unconfirmed'", &[])
        .await;
    assert_eq!(shown.unwrap().get::<_, i64>(0), 1, "the database shows it");
    // A group without effects sees the end of the history too.
    let repeats = async { drop(join(acknowledged(&mut there, old), pending::<()>()).await) };
    tokio::select! {
        () = repeats => {}
        reply = &mut sent => panic!("acknowledged: {reply}"),
        event = &mut told => panic!("told: {event}"),
        () = sleep(LOOKS) => {}
    }
    if takes_over {
        cluster.fail_over();
    } else {
        cluster.reconnect_standby().await;
    }
    let (reply, event) = tokio::join!(sent, told);
    assert_eq!((&reply["seq"], &event["message"]["content"]), (&json!(3), &json!("unconfirmed")), "{reply}");
    let begun = "SELECT count(*) FROM chat.record WHERE convert_from(payload, 'UTF8') LIKE '%epoch_begun%'";
    let row = cluster.primary().connect("chat").await.query_one(begun, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 1, "nothing that was told is lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_standby_has_is_neither_told_nor_acknowledged_after_a_restart() {
    a_message_waits(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_standby_has_is_no_loss_when_the_standby_takes_over() {
    a_message_waits(true).await;
}

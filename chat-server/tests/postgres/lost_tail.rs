//! A failover to a standby that lacks records which were acknowledged and told.

use std::convert::Infallible;
use std::time::Duration;

use chat_client::{ChatClient, Conversation, Event, Events, Snapshot, Update};
use chat_core::id::{ConversationId, Epoch};
use chat_core::protocol::{GetActiveConversations, Message};
use futures::future::join;
use futures::{Stream, StreamExt as _};
use server_test_support::apps::settings::start;
use server_test_support::{jane, john};
use tokio::time::{sleep, timeout};

use super::cluster::Cluster;

/// Reached only when the test fails.
const PATIENCE: Duration = Duration::from_mins(1);

/// The first item that is wanted.
async fn next<T>(stream: &mut (impl Stream<Item = T> + Unpin), wanted: impl Fn(T) -> Option<T>) -> T {
    let found = async {
        loop {
            if let Some(item) = wanted(stream.next().await.expect("nobody closes the client")) {
                return item;
            }
        }
    };
    timeout(PATIENCE, found).await.expect("it comes")
}

async fn hears(shown: &mut Conversation, content: &str) {
    next(shown, |update| match &update {
        Update::Message(message) if *message.content == *content => Some(update),
        _ => None,
    })
    .await;
}

async fn snapshot(shown: &mut Conversation) -> Snapshot {
    match next(shown, |update| matches!(update, Update::Snapshot(_)).then_some(update)).await {
        Update::Snapshot(snapshot) => snapshot,
        _ => unreachable!("it was looked for"),
    }
}

async fn new_epoch(events: &mut Events) -> Epoch {
    match next(events, |event| matches!(event, Event::EpochChanged(_)).then_some(event)).await {
        Event::EpochChanged(epoch) => epoch,
        _ => unreachable!("it was looked for"),
    }
}

fn contents(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| &*message.content).collect()
}

/// A user at one server only, with a conversation on the screen.
struct Screen {
    client: ChatClient,
    events: Events,
    shown: Conversation,
}

/// John at one server and Jane at the other, in a conversation of two messages.
async fn begin(cluster: &Cluster) -> (Screen, Screen, ConversationId) {
    let urls = cluster.urls();
    let (john, john_hears) = start(&urls[0], &john()).await;
    let (jane, jane_hears) = start(&urls[1], &jane()).await;
    jane.get_active_conversations(GetActiveConversations::default()).await.unwrap();
    let id = john
        .create_support_conversation("Road closed", "where do I go?", None)
        .await
        .unwrap()
        .conversation_id;
    let mut john = Screen { shown: john.conversation(id.clone()), client: john, events: john_hears };
    let mut jane = Screen { shown: jane.conversation(id.clone()), client: jane, events: jane_hears };
    snapshot(&mut john.shown).await;
    snapshot(&mut jane.shown).await;
    john.client.send_message(id.clone(), "kept").await.unwrap();
    hears(&mut jane.shown, "kept").await;
    (john, jane, id)
}

/// Starts each server again that ends, as a service manager does.
async fn start_again(cluster: &mut Cluster) -> Infallible {
    loop {
        cluster.start_nodes().await;
        sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_that_lost_records_begins_one_new_epoch_for_all() {
    let mut cluster = Cluster::start().await;
    let (mut john, mut jane, id) = begin(&cluster).await;
    cluster.give_up_standby().await;
    john.client.send_message(id.clone(), "lost").await.unwrap();
    hears(&mut jane.shown, "lost").await;
    cluster.fail_over();
    let waiting = john.client.send_message(id.clone(), "waiting");

    let epochs = tokio::select! {
        epochs = join(new_epoch(&mut john.events), new_epoch(&mut jane.events)) => epochs,
        never = start_again(&mut cluster) => match never {},
    };
    assert_eq!(epochs.0, epochs.1);
    timeout(PATIENCE, waiting).await.expect("it is sent again").unwrap();
    for screen in [&mut john, &mut jane] {
        let mut shown = snapshot(&mut screen.shown).await;
        if shown.last_seq < 3 {
            hears(&mut screen.shown, "waiting").await;
        } else {
            assert_eq!(shown.messages.pop().unwrap().content.as_ref(), "waiting");
        }
        assert_eq!(contents(&shown.messages), ["where do I go?", "kept"]);
    }
    let begun = "SELECT count(*) FROM chat.record WHERE convert_from(payload, 'UTF8') LIKE '%epoch_begun%'";
    let row = cluster.primary().connect("chat").await.query_one(begun, &[]).await.unwrap();
    assert_eq!(row.get::<_, i64>(0), 2, "the first epoch, and one more");
    let log = cluster.logs();
    assert!(log.contains("the database lacks records that were told"), "{log}");
}

//! A server whose data are replaced by others: clients begin anew instead of waiting for ever.

use std::fs;

use chat_client::{ChatClient, Conversation, Event, Events, NotSentReason, Update};
use chat_core::protocol::{ErrorCode, Message};
use futures::StreamExt as _;
use server_test_support::apps::history::{History, Line};
use server_test_support::apps::settings::{PATIENCE, start};
use server_test_support::{Server, jane, john};
use tokio::time::timeout;

use crate::proxy::Proxy;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_of_another_store_begin_anew_and_send_what_waits() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start_in(dir.path(), &[]);
    let proxy = Proxy::start(&server).await;
    let (john, mut john_hears) = start(&proxy.url, &john()).await;
    let (_jane, mut jane_hears) = start(&proxy.url, &jane()).await;
    let (old, mut shown) = conversation(&john).await;

    server.kill().await;
    fs::remove_dir_all(dir.path().join("data")).unwrap();
    let stale = john.send_message(old.as_str(), "to whom?");
    let waiting = john.create_support_conversation("Road closed", "again", None);
    let server = Server::start_in(dir.path(), &[]);
    proxy.lead_to(&server);

    let is_epoch = |event: &Event| matches!(event, Event::EpochChanged(_));
    next(&mut john_hears, is_epoch).await;
    let refused = next(&mut shown, |update| matches!(update, Update::Refused(_))).await;
    let Update::Refused(refusal) = refused else { unreachable!("it was looked for") };
    assert_eq!(refusal.code, Some(ErrorCode::ConversationNotFound));
    let not_sent = within(stale).await.unwrap_err();
    assert!(
        matches!(&not_sent.reason, NotSentReason::Refused(refusal) if refusal.code == Some(ErrorCode::ConversationNotFound)),
        "{not_sent:?}"
    );
    let new = within(waiting).await.unwrap().conversation_id;
    next(&mut jane_hears, is_epoch).await;
    is_the_same_for_all(&john, &mut jane_hears, new.as_str(), &server).await;
}

/// A conversation of two messages, and a view of it.
async fn conversation(john: &ChatClient) -> (String, Conversation) {
    let created = john.create_support_conversation("Road closed", "where do I go?", None);
    let id = within(created).await.unwrap().conversation_id;
    within(john.send_message(id.clone(), "hello?")).await.unwrap();
    let mut shown = john.conversation(id.clone());
    let snapshot = next(&mut shown, |update| matches!(update, Update::Snapshot(_))).await;
    let Update::Snapshot(snapshot) = snapshot else { unreachable!("it was looked for") };
    assert_eq!(snapshot.last_seq, 2);
    (id.to_string(), shown)
}

/// Asserts that John, Jane and the server have the same messages of a conversation.
async fn is_the_same_for_all(john: &ChatClient, jane_hears: &mut Events, id: &str, server: &Server) {
    // The new store makes her a participant in its own time. Earlier messages are not told to her
    // live.
    within(async { while !History::of(&jane(), server).await.0.contains_key(id) {} }).await;
    within(john.send_message(id, "are you there?")).await.unwrap();
    let is_it =
        |event: &Event| matches!(event, Event::NewMessage(new) if *new.message.content == *"are you there?");
    let Event::NewMessage(heard) = next(jane_hears, is_it).await else { unreachable!("it was looked for") };
    let snapshot = next(&mut john.conversation(id), |update| matches!(update, Update::Snapshot(_))).await;
    let Update::Snapshot(snapshot) = snapshot else { unreachable!("it was looked for") };
    let shown = snapshot.messages.iter().map(Line::from).collect::<Vec<_>>();
    let history = History::of(&jane(), server).await;
    assert_eq!(history.0.keys().collect::<Vec<_>>(), [id], "the store is another one");
    assert_eq!(history.0[id].lines, shown);
    assert_eq!(shown.last(), Some(&Line::from(&Message::from(heard))));
}

/// The first of these that is such a one.
async fn next<T>(heard: &mut (impl futures::Stream<Item = T> + Unpin), is_it: impl Fn(&T) -> bool) -> T {
    within(async {
        loop {
            let item = heard.next().await.expect("more is told");
            if is_it(&item) {
                return item;
            }
        }
    })
    .await
}

async fn within<T>(future: impl IntoFuture<Output = T>) -> T {
    timeout(PATIENCE, future).await.expect("it must come")
}

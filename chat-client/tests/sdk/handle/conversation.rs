//! An open conversation: a snapshot, then each message once, whatever happens.

use std::time::Duration;

use chat_client::{Event, Update};
use chat_core::protocol::{ErrorCode, GetConversationMessages};

use crate::handle::support::{Chat, Shown, control, driver, must, next, until};

#[tokio::test(start_paused = true)]
async fn the_snapshot_and_the_messages_after_it_join() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let (jane, _heard) = chat.live(&control()).await;
    let created = must(john.create_support_conversation("Detour", "0", None)).await.unwrap();
    let id = created.conversation_id;
    let writing = {
        let (john, id, chat) = (john.clone(), id.clone(), chat.clone());
        tokio::spawn(async move {
            for i in 1..=100 {
                john.send_message(id.clone(), i.to_string()).await.unwrap();
                if i % 7 == 0 {
                    chat.cut();
                }
            }
        })
    };
    let mut shown = Vec::new();
    for _ in 0..5 {
        let mut view = jane.conversation(id.clone());
        let mut show = Shown::default();
        show.apply(next(&mut view).await);
        shown.push((view, show));
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    must(writing).await.unwrap();
    for (mut view, mut show) in shown {
        show.until(&mut view, "100").await;
        assert_eq!(show.0.len(), 101);
    }
}

#[tokio::test(start_paused = true)]
async fn older_messages_are_asked_for_by_number() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let created = must(john.create_support_conversation("Detour", "0", None)).await.unwrap();
    let id = created.conversation_id;
    let posted = (1..=340).map(|i| john.send_message(id.clone(), i.to_string())).collect::<Vec<_>>();
    for posted in posted {
        must(posted).await.unwrap();
    }
    let mut view = john.conversation(id.clone());
    let Update::Snapshot(snapshot) = next(&mut view).await else { panic!("a snapshot comes first") };
    assert_eq!((snapshot.messages.len(), snapshot.last_seq), (300, 341));
    let oldest = snapshot.messages[0].seq.unwrap();
    let older = GetConversationMessages {
        conversation_id: id,
        limit: Some(100),
        skip: None,
        before_seq: Some(i64::try_from(oldest).unwrap()),
        after_seq: None,
    };
    let page = must(john.get_conversation_messages(older)).await.unwrap();
    assert_eq!(page.messages.len(), 41);
    assert_eq!(page.messages.last().unwrap().seq, Some(oldest - 1));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_may_show_is_refused_and_ends() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let mut view = john.conversation("conv_nobody_knows");
    let Update::Refused(refusal) = next(&mut view).await else { panic!("a refusal") };
    assert_eq!(refusal.code, Some(ErrorCode::ConversationNotFound));
    assert_eq!(must(futures::StreamExt::next(&mut view)).await, None);
}

#[tokio::test(start_paused = true)]
async fn another_epoch_begins_with_a_new_snapshot() {
    let chat = Chat::start();
    let (john, mut events) = chat.live(&driver()).await;
    let created = must(john.create_support_conversation("Detour", "old", None)).await.unwrap();
    let mut view = john.conversation(created.conversation_id);
    let Update::Snapshot(_) = next(&mut view).await else { panic!("a snapshot") };
    chat.replace();
    until(&mut events, |event| matches!(event, Event::EpochChanged(_))).await;
    // The new store does not know the conversation.
    let Update::Refused(_) = next(&mut view).await else { panic!("a refusal") };
    must(john.create_support_conversation("Detour", "new", None)).await.unwrap();
    until(&mut events, |event| matches!(event, Event::NewMessage(new) if &*new.message.content == "new"))
        .await;
    assert_eq!(john.counters().epoch_changes, 1);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_was_too_slow_begins_anew() {
    let chat = Chat::start();
    let (john, mut events) = chat.live(&driver()).await;
    let created = must(john.create_support_conversation("Detour", "0", None)).await.unwrap();
    let id = created.conversation_id;
    let mut view = john.conversation(id.clone());
    let mut shown = Shown::default();
    shown.until(&mut view, "0").await;
    for i in 1..=1_100 {
        must(john.send_message(id.clone(), i.to_string())).await.unwrap();
    }
    shown.until(&mut view, "1100").await;
    assert_eq!(shown.contents().first(), Some(&"801"), "the newest page, after what was lost");
    let told = until(&mut events, |event| matches!(event, Event::Lagged(_))).await;
    let Some(Event::Lagged(lost)) = told.last() else { unreachable!() };
    assert!(*lost >= 1_024);
}

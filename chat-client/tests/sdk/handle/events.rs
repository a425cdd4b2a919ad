//! The stream of events: states of the connection, lists, messages, unread counts.

use chat_client::{ConnectionState, Event, Unread};

use crate::handle::support::{Chat, control, driver, is_live, must, next, until};

#[tokio::test(start_paused = true)]
async fn it_begins_with_the_state_and_tells_each_change() {
    let chat = Chat::start();
    let (_john, mut events) = chat.client(&driver()).await;
    assert_eq!(next(&mut events).await, Event::Connection(ConnectionState::Connecting));
    assert!(is_live(&next(&mut events).await));
    assert_eq!(next(&mut events).await, Event::Conversations(Vec::new()));
    chat.cut();
    let Event::Connection(ConnectionState::Waiting { reason, .. }) = next(&mut events).await else {
        panic!("it waits")
    };
    assert_eq!(&*reason, "the connection ended");
    assert_eq!(next(&mut events).await, Event::Connection(ConnectionState::Connecting));
    assert!(is_live(&next(&mut events).await));
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_comes_after_the_tunnel() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let (_jane, mut heard) = chat.live(&control()).await;
    // Jane has received nothing before she is gone.
    let jane_is_gone = chat.clone();
    jane_is_gone.cut();
    let created = must(john.create_support_conversation("Detour", "1", None)).await.unwrap();
    for i in 2..=10 {
        must(john.send_message(created.conversation_id.clone(), i.to_string())).await.unwrap();
    }
    let mut told = Vec::new();
    while told.len() < 10 {
        if let Event::NewMessage(message) = next(&mut heard).await {
            told.push(message.message.content.to_string());
        }
    }
    assert_eq!(told, (1..=10).map(|i| i.to_string()).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn unread_messages_are_counted_until_they_are_read() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let (jane, mut heard) = chat.live(&control()).await;
    let (_jane_too, mut heard_too) = chat.live(&control()).await;
    let created = must(john.create_support_conversation("Detour", "1", None)).await.unwrap();
    let id = created.conversation_id;
    let second = must(john.send_message(id.clone(), "2")).await.unwrap();
    must(john.send_message(id.clone(), "3")).await.unwrap();
    let unread = |unread_count, read_up_to| {
        let unread = Unread { conversation_id: id.clone(), read_up_to, unread_count };
        move |event: &Event| *event == Event::Unread(unread.clone())
    };
    until(&mut heard, unread(3, 0)).await;
    until(&mut heard_too, unread(3, 0)).await;
    must(jane.mark_message_read(id.clone(), second.message_id)).await.unwrap();
    until(&mut heard, unread(1, 2)).await;
    // The other device hears it too.
    until(&mut heard_too, unread(1, 2)).await;
}

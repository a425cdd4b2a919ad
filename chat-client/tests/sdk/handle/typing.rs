//! Typing, shown while the guard is held.

use std::time::Duration;

use chat_client::Event;

use crate::handle::support::{Chat, control, driver, must, next, until};

/// Returns the next change of another user's typing, and the time until its arrival.
async fn typing(events: &mut chat_client::Events) -> bool {
    loop {
        if let Event::TypingStatus(status) = next(events).await {
            return status.is_typing;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn it_lasts_as_long_as_the_guard() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let (_jane, mut heard) = chat.live(&control()).await;
    let created = must(john.create_support_conversation("Detour", "1", None)).await.unwrap();
    let guard = john.typing(created.conversation_id.clone());
    assert!(typing(&mut heard).await);
    // Longer than the server shows typing without a refresh.
    let ended =
        tokio::time::timeout(Duration::from_mins(1), async { while typing(&mut heard).await {} }).await;
    assert!(ended.is_err(), "it is refreshed");
    drop(guard);
    assert!(!typing(&mut heard).await);
}

#[tokio::test(start_paused = true)]
async fn it_is_said_again_after_the_connection_was_lost() {
    let chat = Chat::start();
    let (john, mut events) = chat.live(&driver()).await;
    let (_jane, mut heard) = chat.live(&control()).await;
    let created = must(john.create_support_conversation("Detour", "1", None)).await.unwrap();
    let _guard = john.typing(created.conversation_id.clone());
    assert!(typing(&mut heard).await);
    until(&mut events, |event| matches!(event, Event::NewMessage(_))).await;
    chat.cut();
    until(&mut heard, crate::handle::support::is_live).await;
    assert!(typing(&mut heard).await);
}

#[tokio::test(start_paused = true)]
async fn the_message_ends_it() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let (_jane, mut heard) = chat.live(&control()).await;
    let created = must(john.create_support_conversation("Detour", "1", None)).await.unwrap();
    let _guard = john.typing(created.conversation_id.clone());
    assert!(typing(&mut heard).await);
    must(john.send_message(created.conversation_id, "2")).await.unwrap();
    assert!(!typing(&mut heard).await);
    let again = tokio::time::timeout(Duration::from_mins(1), typing(&mut heard)).await;
    assert!(again.is_err(), "the guard of what was sent says nothing more");
}

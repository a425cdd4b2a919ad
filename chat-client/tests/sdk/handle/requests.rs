//! Requests, answered by the server or by a typed error.

use std::time::Duration;

use chat_client::Error;
use chat_core::protocol::{ErrorCode, GetActiveConversations, JoinConversation, RoomType};

use crate::handle::support::{Chat, control, driver, must, until};

#[tokio::test(start_paused = true)]
async fn each_event_has_its_own_reply() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let (jane, _heard) = chat.live(&control()).await;
    let room = must(jane.join_support_room(RoomType::DriverSupport)).await.unwrap();
    assert_eq!(room.room_id, "support:driver_support");
    let created = must(john.create_support_conversation("Detour", "1", None)).await.unwrap();
    let list = must(jane.get_active_conversations(GetActiveConversations::default())).await.unwrap();
    assert_eq!(list.conversations[0].id, created.conversation_id);
    let request =
        JoinConversation { conversation_id: created.conversation_id.clone(), after_seq: None, epoch: None };
    assert!(must(jane.join_conversation(request)).await.unwrap().catch_up.is_none());
    must(jane.typing_indicator(created.conversation_id, true)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_a_typed_error() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let Err(Error::Refused(refusal)) = must(john.join_support_room(RoomType::GeneralSupport)).await else {
        panic!("drivers join no rooms")
    };
    assert_eq!(refusal.code, Some(ErrorCode::Forbidden));
    assert_eq!(Error::Refused(refusal).to_string(), "Insufficient permissions for the requested action");
}

#[tokio::test(start_paused = true)]
async fn a_request_outlives_the_connection() {
    let chat = Chat::start();
    chat.set_up(false);
    let (john, _events) = chat.client(&driver()).await;
    let asking = tokio::spawn({
        let john = john.clone();
        async move { john.get_active_conversations(GetActiveConversations::default()).await }
    });
    tokio::time::sleep(Duration::from_mins(2)).await;
    assert!(!asking.is_finished());
    assert_eq!(must(john.typing_indicator("conv_1", true)).await, Err(Error::Offline));
    chat.set_up(true);
    assert_eq!(must(asking).await.unwrap().unwrap().count, 0);
}

#[tokio::test(start_paused = true)]
async fn one_request_too_many_is_refused_at_once() {
    let chat = Chat::start();
    chat.set_up(false);
    let (john, _events) = chat.client(&driver()).await;
    let ask = || john.get_active_conversations(GetActiveConversations::default());
    let waiting = (0..256).map(|_| Box::pin(ask())).collect::<Vec<_>>();
    let all = futures::future::join_all(waiting);
    futures::pin_mut!(all);
    assert!(futures::poll!(all.as_mut()).is_pending());
    assert_eq!(must(ask()).await, Err(Error::Busy));
    chat.set_up(true);
    assert!(must(all).await.iter().all(Result::is_ok));
}

#[tokio::test(start_paused = true)]
async fn a_room_is_joined_again_after_every_reconnect() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let (jane, mut heard) = chat.live(&control()).await;
    // Regulators only: Jane hears only the message of a driver's request.
    must(jane.join_support_room(RoomType::RegulatorSupport)).await.unwrap();
    chat.cut();
    until(&mut heard, crate::handle::support::is_live).await;
    must(john.create_support_conversation("Detour", "1", None)).await.unwrap();
    let told = until(&mut heard, |event| matches!(event, chat_client::Event::NewMessage(_))).await;
    assert!(!told.iter().any(|event| matches!(event, chat_client::Event::NewSupportConversation(_))));
}

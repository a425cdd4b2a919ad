//! Drafts: acknowledged, refused, kept while offline, sent once.

use std::time::Duration;

use chat_client::outbox::Draft;
use chat_client::{Acknowledged, ConnectionState, NotSentReason, Progress};
use chat_core::drive::Clock as _;
use chat_core::protocol::ErrorCode;
use futures::StreamExt as _;

use crate::handle::support::{Chat, Shown, control, driver, is_live, must, until};

#[tokio::test(start_paused = true)]
async fn a_draft_tells_how_far_it_has_come() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let created = must(john.create_support_conversation("Detour", "Road closed", None)).await.unwrap();
    assert_eq!(&*created.title, "Support: Detour");

    let posted = john.send_message(created.conversation_id.clone(), "Where do I go?");
    let progress = must(posted.collect::<Vec<_>>()).await;
    let [Progress::Queued, Progress::Sent, Progress::Acknowledged(Acknowledged::Message(reply))] =
        &progress[..]
    else {
        panic!("{progress:?}");
    };
    assert_eq!((reply.seq, &reply.conversation_id), (Some(2), &created.conversation_id));
}

#[tokio::test(start_paused = true)]
async fn what_the_server_will_not_have_comes_back_with_the_reason() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let not_sent = must(john.send_message("conv_nobody_knows", "Hello?")).await.unwrap_err();
    let NotSentReason::Refused(refusal) = &not_sent.reason else { panic!("{not_sent:?}") };
    assert_eq!(refusal.code, Some(ErrorCode::ConversationNotFound));
    assert_eq!(not_sent.to_string(), "not sent: Conversation not found or access denied");
    assert!(!not_sent.maybe_sent);
    let Draft::SendChatMessage { content, .. } = not_sent.draft else { panic!("a message") };
    assert_eq!(&*content, "Hello?");
}

#[tokio::test(start_paused = true)]
async fn several_are_awaited_together() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let id = must(john.create_support_conversation("Detour", "1", None)).await.unwrap().conversation_id;
    let posted = ["2", "3"].map(|text| john.send_message(id.clone(), text).into_future());
    let replies = must(futures::future::join_all(posted)).await;
    assert!(replies.iter().map(|reply| reply.as_ref().unwrap().seq).eq([Some(2), Some(3)]));
}

#[tokio::test(start_paused = true)]
async fn what_was_written_in_the_tunnel_goes_out_in_order_after_it() {
    let chat = Chat::start();
    let (john, mut events) = chat.live(&driver()).await;
    let created = must(john.create_support_conversation("Detour", "0", None)).await.unwrap();
    chat.set_up(false);
    until(&mut events, |event| {
        matches!(event, chat_client::Event::Connection(ConnectionState::Waiting { .. }))
    })
    .await;
    let contents = (1..=30).map(|i| i.to_string()).collect::<Vec<_>>();
    let posted =
        contents.iter().map(|text| john.send_message(created.conversation_id.clone(), text.as_str()));
    let posted = posted.collect::<Vec<_>>();
    assert_eq!(john.outbox().len(), 30);
    tokio::time::sleep(Duration::from_mins(5)).await;
    assert!(posted.iter().all(|posted| posted.progress() == Progress::Queued));
    chat.set_up(true);
    for (i, posted) in posted.into_iter().enumerate() {
        assert_eq!(must(posted).await.unwrap().seq, Some(i as u64 + 2));
    }
    let mut view = john.conversation(created.conversation_id);
    let mut shown = Shown::default();
    shown.until(&mut view, "30").await;
    assert_eq!(shown.0.len(), 31);
}

#[tokio::test(start_paused = true)]
async fn a_draft_whose_time_has_passed_is_handed_back() {
    let chat = Chat::start();
    let (john, mut events) = chat.live(&driver()).await;
    let created = must(john.create_support_conversation("Detour", "Road closed", None)).await.unwrap();
    chat.set_up(false);
    until(&mut events, |event| !is_live(event)).await;
    let draft =
        Draft::SendChatMessage { conversation_id: created.conversation_id, content: "At the depot".into() };
    let posted = john.post(draft.clone(), Some(chat.clock.now().wall.plus(Duration::from_mins(1))));
    let not_sent = must(posted).await.unwrap_err();
    assert_eq!((not_sent.reason, not_sent.draft), (NotSentReason::TooLate, draft));
    assert!(!not_sent.maybe_sent);
    assert!(john.outbox().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lost_reply_makes_no_second_message() {
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let (jane, mut heard) = chat.live(&control()).await;
    let created = must(john.create_support_conversation("Detour", "0", None)).await.unwrap();
    let mut view = jane.conversation(created.conversation_id.clone());
    let mut shown = Shown::default();
    for i in 1..=50 {
        while john.state() != ConnectionState::Live {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let posted = john.send_message(created.conversation_id.clone(), i.to_string());
        // Before the reply, or after it.
        tokio::time::sleep(Duration::from_millis(i % 8)).await;
        chat.cut();
        must(posted).await.unwrap();
    }
    shown.until(&mut view, "50").await;
    assert_eq!(shown.0.len(), 51, "{shown:?}");
    assert!(john.counters().resends > 0, "{:?}", john.counters());
    let mut told = 0;
    while told < 51 {
        let event = crate::handle::support::next(&mut heard).await;
        if let chat_client::Event::NewMessage(message) = event {
            told += 1;
            assert_eq!(message.message.seq, Some(told));
        }
    }
}

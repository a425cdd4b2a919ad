//! Closing: all pending requests are answered.

use std::time::Duration;

use chat_client::outbox::{Change, Entry, FileOutbox, Outbox, OutboxError};
use chat_client::{
    ChatClient, ConnectionState, Error, Event, NotSentReason, Progress, StartError, StopReason,
};
use chat_core::protocol::GetActiveConversations;
use futures::StreamExt as _;

use crate::handle::support::{Chat, driver, must, read_aloud, until};

#[tokio::test(start_paused = true)]
async fn closing_answers_and_hands_back_everything() {
    let chat = Chat::start();
    chat.set_up(false);
    let (john, mut events) = chat.client(&driver()).await;
    let mut view = john.conversation("conv_1");
    let posted = john.send_message("conv_1", "Hello?");
    let asking = tokio::spawn({
        let john = john.clone();
        async move { john.get_active_conversations(GetActiveConversations::default()).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    must(john.close()).await;
    assert_eq!(must(asking).await.unwrap(), Err(Error::Closed));
    let not_sent = must(posted).await.unwrap_err();
    assert_eq!((not_sent.reason, not_sent.maybe_sent), (NotSentReason::Closed, false));
    assert_eq!(must(view.next()).await, None);
    let told = must((&mut events).collect::<Vec<_>>()).await;
    assert_eq!(told.last(), Some(&Event::Connection(ConnectionState::Closed)));
    // Nothing new begins.
    let late = must(john.send_message("conv_1", "Hello?")).await.unwrap_err();
    assert_eq!(late.reason, NotSentReason::Closed);
    assert_eq!(
        must(john.join_support_room(chat_core::protocol::RoomType::GeneralSupport)).await,
        Err(Error::Closed)
    );
    assert_eq!(must(john.conversation("conv_1").next()).await, None);
    assert!(must(john.events().collect::<Vec<_>>()).await.len() == 1);
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_ends_the_driver() {
    let chat = Chat::start();
    let (client, driver) = chat.builder(chat.token(&driver())).start().await.unwrap();
    let running = tokio::spawn(driver);
    let clone = client.clone();
    drop(client);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert!(!running.is_finished());
    drop(clone);
    must(running).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_driver_that_is_dropped_closes_the_client() {
    let chat = Chat::start();
    let (client, driver) = chat.builder(chat.token(&driver())).start().await.unwrap();
    let mut events = client.events();
    let running = tokio::spawn(driver);
    until(&mut events, crate::handle::support::is_live).await;
    running.abort();
    until(&mut events, |event| *event == Event::Connection(ConnectionState::Closed)).await;
}

#[tokio::test]
async fn an_outbox_on_disk_keeps_what_the_next_life_sends() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("outbox");
    let chat = Chat::start();
    let (john, _events) = chat.live(&driver()).await;
    let id = must(john.create_support_conversation("Detour", "1", None)).await.unwrap().conversation_id;
    must(john.close()).await;

    chat.set_up(false);
    let start = async || -> ChatClient {
        let outbox = FileOutbox::open(&path, &"driver_1".into()).unwrap();
        let (client, driver) = chat.builder(chat.token(&driver())).outbox(outbox).start().await.unwrap();
        tokio::spawn(driver);
        client
    };
    let john = start().await;
    let posted = (2..=5).map(|i| john.send_message(id.clone(), i.to_string())).collect::<Vec<_>>();
    for posted in &posted {
        while posted.progress() != chat_client::Progress::Queued {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
    must(john.close()).await;
    for posted in posted {
        assert_eq!(must(posted).await.unwrap_err().reason, NotSentReason::Kept);
    }

    chat.set_up(true);
    let john = start().await;
    let mut view = john.conversation(id);
    let mut shown = crate::handle::support::Shown::default();
    shown.until(&mut view, "5").await;
    assert_eq!(shown.contents(), ["1", "2", "3", "4", "5"]);
    while !john.outbox().is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// An outbox that fails.
struct Broken {
    loads: bool,
}

impl Outbox for Broken {
    const SURVIVES: bool = true;

    async fn load(&mut self) -> Result<Vec<Entry>, OutboxError> {
        if self.loads { Ok(Vec::new()) } else { Err(OutboxError::new("the disk is gone")) }
    }

    async fn write(&mut self, _: Vec<Change>) -> Result<(), OutboxError> {
        Err(OutboxError::new("the disk is full"))
    }
}

#[tokio::test(start_paused = true)]
async fn an_outbox_that_can_not_be_read_or_written_says_so() {
    let chat = Chat::start();
    let Err(error) = chat.builder(chat.token(&driver())).outbox(Broken { loads: false }).start().await else {
        panic!("it must not start")
    };
    assert!(matches!(error, StartError::Outbox(_)));
    assert_eq!(read_aloud(&error), "can't read or write the outbox: the disk is gone");

    let builder = chat.builder(chat.token(&driver())).outbox(Broken { loads: true });
    let (john, driver) = builder.start().await.unwrap();
    tokio::spawn(driver);
    let not_sent = must(john.send_message("conv_1", "Hello?")).await.unwrap_err();
    assert_eq!(not_sent.to_string(), "not sent: can't read or write the outbox: the disk is full");
    assert!(!not_sent.maybe_sent);
}

#[tokio::test]
async fn what_one_user_wrote_is_not_sent_in_the_name_of_another() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("outbox");
    let chat = Chat::start();
    let open = || FileOutbox::open(&file, &"driver_1".into()).unwrap();
    chat.set_up(false);
    let (first, running) = chat.builder(chat.token(&driver())).outbox(open()).start().await.unwrap();
    let running = tokio::spawn(running);
    let mut posted = first.create_support_conversation("Written by John", "I have had an accident.", None);
    until(&mut posted, |progress| *progress == Progress::Queued).await;
    must(first.close()).await;
    assert_eq!(must(posted).await.unwrap_err().reason, NotSentReason::Kept);
    must(running).await.unwrap();

    chat.set_up(true);
    let before = chat.attempts().len();
    let jack = "e30.eyJzdWIiOiJkcml2ZXJfMiJ9."; // {"sub":"driver_2"}
    let (second, running) = chat.builder(jack).outbox(open()).start().await.unwrap();
    let mut events = second.events();
    let running = tokio::spawn(running);
    let stopped = ConnectionState::Stopped(StopReason::OtherUser);
    let told = until(&mut events, |event| {
        matches!(event, Event::Connection(ConnectionState::Stopped(_) | ConnectionState::Live))
    })
    .await;
    assert_eq!(told.last(), Some(&Event::Connection(stopped)), "another user's token");
    assert_eq!(chat.attempts().len(), before, "no connection is opened");
    assert_eq!(second.outbox().len(), 1, "and what waits is kept for its author");
    must(second.close()).await;
    must(running).await.unwrap();
}

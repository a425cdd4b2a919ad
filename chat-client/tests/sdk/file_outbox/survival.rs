//! Put entries are there in the app's next run, and removed entries are not.

use std::pin::pin;
use std::task::{Context, Waker};

use chat_client::outbox::{Change, Draft, Entry, Outbox};
use chat_core::id::ClientMessageId;
use chat_core::protocol::RoomType;
use chat_core::time::Timestamp;

use super::{Folder, ids, load, put, put_text, remove, write};

#[test]
fn an_entry_comes_back_as_it_was() {
    let conversation = Entry {
        client_message_id: ClientMessageId::from("c"),
        draft: Draft::CreateSupportConversation {
            title: "Route change".into(),
            content: "line 17\u{2028}\u{0}\r\n".into(),
            room_type: Some(RoomType::EmergencySupport),
        },
        not_after: Some(Timestamp::from_millis(1_700_000_000_123)),
    };
    let Change::Put(message) = put("m") else { unreachable!() };
    let folder = Folder::new();
    write(&mut folder.open(), [Change::Put(conversation.clone()), Change::Put(message.clone())]).unwrap();
    assert_eq!(load(&mut folder.open()), [conversation, message]);
}

#[test]
fn entries_come_back_in_the_order_in_which_they_were_put() {
    let folder = Folder::new();
    write(&mut folder.open(), [put("b"), put("a")]).unwrap();
    write(&mut folder.open(), [put("d")]).unwrap();
    write(&mut folder.open(), [put("c")]).unwrap();
    assert_eq!(folder.found().0, ["b", "a", "d", "c"]);
}

#[test]
fn a_removed_entry_does_not_come_back() {
    let folder = Folder::new();
    let mut outbox = folder.open();
    write(&mut outbox, [put("a"), put("b"), put("c")]).unwrap();
    write(&mut outbox, [remove("b"), remove("unknown")]).unwrap();
    drop(outbox);
    assert_eq!(folder.found().0, ["a", "c"]);
}

#[test]
fn a_put_of_an_id_that_is_there_changes_nothing() {
    let folder = Folder::new();
    let mut outbox = folder.open();
    write(&mut outbox, [put_text("a", "first"), put("b"), put_text("a", "second")]).unwrap();
    let before = load(&mut outbox);
    drop(outbox);
    assert_eq!(folder.found().0, ["a", "b"]);
    let Draft::SendChatMessage { content, .. } = &before[0].draft else { panic!() };
    assert_eq!(&**content, "first");
    assert_eq!(load(&mut folder.open()), before);
}

#[test]
fn it_can_be_opened_again_as_soon_as_it_is_dropped() {
    let folder = Folder::new();
    for round in 0..50 {
        let mut outbox = folder.open();
        write(&mut outbox, [put(&round.to_string())]).unwrap();
        if round % 2 == 0 {
            begin(outbox.write(vec![remove(&round.to_string())]));
        }
    }
    let odd: Vec<_> = (0..50).filter(|round| round % 2 == 1).map(|round| round.to_string()).collect();
    assert_eq!(folder.found().0, odd, "also when the write was not waited for");
}

#[test]
fn writes_that_nobody_waits_for_keep_their_order() {
    let folder = Folder::new();
    let mut outbox = folder.open();
    for id in ["a", "b", "c", "d"] {
        load(&mut outbox);
        begin(outbox.write(vec![put(id)]));
    }
    assert_eq!(ids(&mut outbox), ["a", "b", "c", "d"]);
}

/// Sends the request without waiting for the answer.
fn begin(write: impl Future) {
    let _ = pin!(write).poll(&mut Context::from_waker(Waker::noop()));
}

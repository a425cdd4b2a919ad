//! No legal request breaks its own connection, however many are sent at once and however late their
//! replies are read.

use std::rc::Rc;

use core_test_support::chat::{Chat, Client};
use core_test_support::{driver, live_seqs, of_type, replies, settings, unhurried};
use futures::task::LocalSpawnExt;
use serde_json::json;

/// A driver with a conversation, with every commit answered.
fn at_rest() -> (Chat, Client, String) {
    let mut chat = Chat::new(unhurried());
    let mut sender = chat.connect(&driver(), 100);
    let conversation = chat.create(&mut sender);
    while chat.begun.try_recv().is_ok() {}
    (chat, sender, conversation)
}

#[test]
fn a_thousand_requests_without_reading_are_all_answered_once_they_are_read() {
    let mut chat = Chat::new(unhurried());
    let mut client = chat.connect(&driver(), 4);
    let conversation = chat.create(&mut client);
    for number in 0..1_000 {
        client.send(&conversation, &format!("message {number}"));
    }
    chat.settle();
    let heard = chat.hear_json(&mut client);
    assert_eq!(*client.ended.borrow(), None, "the connection lives");
    assert_eq!(replies(&heard).len(), 1_000);
    assert_eq!(live_seqs(&heard), (2..=1_001).collect::<Vec<_>>());
    let order: Vec<_> = replies(&heard).iter().map(|reply| reply["seq"].as_u64().unwrap()).collect();
    assert_eq!(order, (2..=1_001).collect::<Vec<_>>());
}

#[test]
fn the_store_begins_the_next_commit_before_the_last_is_told_of() {
    let (mut chat, mut sender, conversation) = at_rest();

    chat.gate.shut();
    sender.send(&conversation, "the first commit");
    chat.settle();
    sender.send(&conversation, "the second");
    chat.settle();
    chat.gate.open();
    chat.settle();

    let (first, second) = (chat.begun.try_recv().unwrap(), chat.begun.try_recv().unwrap());
    assert_eq!(first, second, "both had begun when the first was told of");
    assert_eq!(live_seqs(&chat.hear_json(&mut sender)), [2, 3]);
}

/// The second sender begins when the engine has the first request already, and nothing else to do.
#[test]
fn who_is_ready_to_ask_when_a_commit_is_due_gets_into_it() {
    let (mut chat, mut first, conversation) = at_rest();
    let second = Rc::new(chat.connect(&driver(), 100));
    chat.settle();

    first.send(&conversation, "from the first");
    let begin = second.clone();
    let begin = async move { begin.send(&conversation, "from the second") };
    chat.pool.spawner().spawn_local(begin).unwrap();
    chat.settle();

    let (one, other) = (chat.begun.try_recv().unwrap(), chat.begun.try_recv().unwrap());
    assert_eq!(one, other, "one commit for both");
    assert_eq!(live_seqs(&chat.hear_json(&mut first)), [2, 3]);
}

#[test]
fn a_connection_is_read_again_when_its_long_replies_were_taken() {
    let limits = |limits: &mut chat_core::limits::Limits| {
        limits.outbound.reply_bytes = 1;
        limits.engine.requests_under_way = 1;
    };
    let mut chat = Chat::new(settings(limits));
    let mut client = chat.connect(&driver(), 64);
    for _ in 0..20 {
        client.request("get_active_conversations", &json!({}));
    }
    assert_eq!(replies(&chat.hear_json(&mut client)).len(), 20);
}

#[test]
fn a_connection_is_read_again_when_a_burst_of_live_events_was_taken() {
    let mut settings = unhurried();
    settings.limits.outbound.live_events = 80;
    let mut chat = Chat::new(settings);
    let mut sender = chat.connect(&driver(), 1_000);
    let mut reader = chat.connect(&driver(), 1_000);
    let conversation = chat.create(&mut sender);
    chat.hear(&mut reader);

    chat.gate.shut();
    (0..50).for_each(|_| sender.send(&conversation, "burst"));
    chat.settle();
    chat.gate.open();
    reader.request("get_active_conversations", &json!({}));

    let heard = chat.hear_json(&mut reader);
    assert_eq!(of_type(&heard, "new_message").len(), 50);
    assert_eq!(replies(&heard).len(), 1, "the request that came with the burst is answered");
}

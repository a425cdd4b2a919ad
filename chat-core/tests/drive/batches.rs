//! Live events for several connections are framed once for all. No client hears anything else, or
//! in another order.

use bytes::Bytes;
use chat_core::drive::{Drive, Frame, SessionEnd};
use chat_core::protocol::{CloseCode, Role, User};
use core_test_support::chat::{Chat, ChatDrive};
use core_test_support::{admin, driver, named, other_driver, regulator, staff, unhurried};
use proptest::prelude::*;
use serde_json::json;

/// Room for all that a client may hear.
const ROOM: usize = 10_000;

/// Texts as lines: JSON has no line break in it.
fn as_lines(texts: &[Bytes]) -> Bytes {
    texts.join(&b'\n').into()
}

fn framed(drive: ChatDrive) -> ChatDrive {
    Drive::frame_by(drive, as_lines)
}

/// The texts heard by a client, and the close code at their end.
fn texts(heard: Vec<Frame>) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let lines = heard.into_iter().flat_map(|frame| match frame {
        Frame::Text(bytes) => vec![text(&bytes)],
        Frame::Framed(bytes) => bytes.split(|byte| *byte == b'\n').map(text).collect(),
        other => vec![format!("{other:?}")],
    });
    lines.collect()
}

/// How many live messages are in each of these frames.
fn live_in(heard: &[Frame]) -> Vec<usize> {
    let count = |frame: &Frame| match frame {
        Frame::Framed(bytes) => bytes.split(|byte| *byte == b'\n').count(),
        _ => 0,
    };
    heard.iter().map(count).filter(|count| *count > 0).collect()
}

#[test]
fn messages_of_many_conversations_reach_control_as_one() {
    let mut chat = Chat::start(unhurried(), framed);
    let mut control: Vec<_> = (0..6)
        .map(|number| {
            chat.connect(&named(&format!("control_{number}"), Role::ControlStaff, "Con", "Trol"), ROOM)
        })
        .collect();
    let mut drivers: Vec<_> =
        [driver(), other_driver(), regulator()].iter().map(|user| chat.connect(user, ROOM)).collect();
    // A user with two devices. The second device hears the messages of the first.
    let second_device = chat.connect(&driver(), ROOM);
    let conversations: Vec<_> = drivers.iter_mut().map(|driver| chat.create(driver)).collect();
    control.iter_mut().for_each(|client| drop(chat.hear(client)));

    chat.gate.shut();
    for _ in 0..5 {
        for (driver, conversation) in drivers.iter().zip(&conversations) {
            driver.send(conversation, "message");
        }
    }
    chat.settle();
    chat.gate.open();
    for client in &mut control {
        let live = live_in(&chat.hear(client));
        assert_eq!(live.iter().sum::<usize>(), 15);
        assert!(live.len() <= 2, "of a commit that was under way, and of the next: {live:?}");
    }
    drivers.push(second_device);
    for (client, all) in drivers.iter_mut().zip([5, 5, 5, 6]) {
        let heard = texts(chat.hear(client));
        assert_eq!(heard.iter().filter(|text| text.contains("new_message")).count(), all, "{heard:?}");
    }
}

#[test]
fn a_commit_of_more_than_may_wait_breaks_nobody_who_reads() {
    let mut settings = unhurried();
    settings.limits.outbound.live_events = 40;
    let mut chat = Chat::start(settings, framed);
    let mut control = [chat.connect(&staff(), ROOM), chat.connect(&admin(), ROOM)];
    let mut drivers = [driver(), other_driver(), regulator()].map(|user| chat.connect(&user, ROOM));
    let conversations: Vec<_> = drivers.iter_mut().map(|driver| chat.create(driver)).collect();
    control.iter_mut().for_each(|client| drop(chat.hear(client)));
    chat.gate.shut();
    for (driver, conversation) in drivers.iter().zip(&conversations) {
        (0..20).for_each(|_| driver.send(conversation, "message"));
    }
    chat.settle();
    chat.gate.open();
    for client in &mut control {
        let live = live_in(&chat.hear(client));
        assert_eq!(live.iter().sum::<usize>(), 60);
        assert!(live.iter().all(|count| *count <= 10), "a part of what may wait: {live:?}");
        assert!(client.ended.borrow().is_none());
    }
}

/// An event in a chat of six clients: the client, and the conversation.
#[derive(Clone, Debug)]
enum Op {
    Send(usize, usize),
    Type(usize, usize),
    CatchUp(usize, usize),
    Return(usize),
    Shut,
    Open,
    Settle,
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let (who, which) = (0..6_usize, 0..2_usize);
    let op = prop_oneof![
        30 => (who.clone(), which.clone()).prop_map(|(who, which)| Op::Send(who, which)),
        4 => (who.clone(), which.clone()).prop_map(|(who, which)| Op::Type(who, which)),
        4 => (who.clone(), which).prop_map(|(who, which)| Op::CatchUp(who, which)),
        1 => who.prop_map(Op::Return),
        4 => Just(Op::Shut),
        4 => Just(Op::Open),
        4 => Just(Op::Settle),
    ];
    prop::collection::vec(op, 1..80)
}

fn users() -> [User; 6] {
    [staff(), staff(), admin(), driver(), driver(), other_driver()]
}

/// Does all these operations, ends the service while messages are under way, and returns the frames
/// that each client heard.
fn heard(ops: &[Op], change: fn(ChatDrive) -> ChatDrive) -> Vec<Vec<String>> {
    let mut chat = Chat::start(unhurried(), change);
    let mut clients = users().map(|user| chat.connect(&user, ROOM));
    let conversations = [3, 5].map(|driver: usize| chat.create(&mut clients[driver]));
    let mut heard = vec![Vec::new(); clients.len()];
    for op in ops {
        match *op {
            Op::Send(who, which) => clients[who].send(&conversations[which], &format!("of {who}")),
            Op::Type(who, which) => {
                let data = json!({"conversation_id": conversations[which], "is_typing": true});
                clients[who].request("typing_indicator", &data);
            }
            Op::CatchUp(who, which) => {
                let data = json!({"conversation_id": conversations[which], "after_seq": 2});
                clients[who].request("join_conversation", &data);
            }
            Op::Return(who) => {
                heard[who].extend(texts(chat.hear(&mut clients[who])));
                clients[who].hang_up();
                clients[who] = chat.connect(&users()[who], ROOM);
            }
            Op::Shut => chat.gate.shut(),
            Op::Open => chat.gate.open(),
            Op::Settle => chat.settle(),
        }
    }
    for client in &clients {
        client.send(&conversations[0], "the last");
    }
    chat.gate.open();
    chat.pool.run_until(chat.handle.drain());
    for (client, heard) in clients.iter_mut().zip(&mut heard) {
        heard.extend(texts(chat.hear(client)));
        assert_eq!(*client.ended.borrow(), Some(SessionEnd::ByServer(CloseCode::GoingAway)));
    }
    heard
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_hears_the_same_framed_for_all_or_not(ops in ops()) {
        prop_assert_eq!(heard(&ops, framed), heard(&ops, |drive| drive));
    }
}

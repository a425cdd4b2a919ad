//! A slow reader loses typing first, then its connection (4008), and nobody else notices.

use chat_core::drive::{Frame, SessionEnd};
use chat_core::protocol::{CloseCode, Role};
use core_test_support::chat::{Chat, as_json};
use core_test_support::{driver, live_seqs, named, of_type, settings, staff, unhurried};
use serde_json::json;

#[test]
fn a_slow_reader_is_closed_and_others_hear_everything() {
    let mut settings = unhurried();
    settings.limits.outbound.live_events = 256;
    let mut chat = Chat::new(settings);
    let mut slow = chat.connect(&staff(), 2);
    let mut quick = chat.connect(&staff(), 2_000);
    let mut sender = chat.connect(&driver(), 2_000);
    let conversation = chat.create(&mut sender);
    for number in 0..400 {
        sender.send(&conversation, &format!("message {number}"));
        chat.settle();
    }
    let heard = chat.hear(&mut slow);
    assert_eq!(*slow.ended.borrow(), Some(SessionEnd::ByServer(CloseCode::TooSlow)));
    let frames: Vec<_> = heard.iter().filter_map(as_json).collect();
    let seqs = live_seqs(&frames);
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>(), "up to the end without a hole");
    assert!(seqs.len() < 300, "what waited was dropped");
    assert_eq!(live_seqs(&chat.hear_json(&mut quick)), (1..=401).collect::<Vec<_>>());
    assert_eq!(live_seqs(&chat.hear_json(&mut sender)), (2..=401).collect::<Vec<_>>());
}

/// On an executor with one thread too, where nobody reads while the engine has its turn.
#[test]
fn a_commit_of_more_than_may_wait_breaks_nobody_who_reads() {
    // More than there is room for: of events, and of bytes.
    for (drivers, content) in [(20, "short".to_owned()), (4, "x".repeat(4_000))] {
        let mut settings = unhurried();
        settings.limits.outbound.live_events = 256;
        settings.limits.outbound.live_bytes = 256 * 1024;
        settings.limits.outbound.total_bytes = 300 * 1024;
        let mut chat = Chat::new(settings);
        let mut readers = [chat.connect(&staff(), 2_000), chat.connect(&staff(), 2_000)];
        let mut drivers: Vec<_> = (0..drivers)
            .map(|number| {
                let user = named(&format!("driver_{number}"), Role::BusDriver, "Bus", "Driver");
                let mut driver = chat.connect(&user, 2_000);
                let conversation = chat.create(&mut driver);
                (driver, conversation)
            })
            .collect();
        readers.iter_mut().for_each(|reader| drop(chat.hear(reader)));
        chat.gate.shut();
        for (driver, conversation) in &drivers {
            (0..30).for_each(|_| driver.send(conversation, &content));
        }
        chat.settle();
        chat.gate.open();
        let all = drivers.len() * 30;
        for reader in &mut readers {
            assert_eq!(of_type(&chat.hear_json(reader), "new_message").len(), all);
            assert_eq!(*reader.ended.borrow(), None);
        }
        for (driver, _) in &mut drivers {
            assert_eq!(live_seqs(&chat.hear_json(driver)), (2..=31).collect::<Vec<_>>());
        }
    }
}

#[test]
fn typing_is_shed_before_a_message_is() {
    let mut settings = unhurried();
    settings.limits.outbound.live_events = 16;
    settings.limits.periods.typing_repeat = std::time::Duration::ZERO;
    let mut chat = Chat::new(settings);
    let mut slow = chat.connect(&staff(), 0);
    let mut sender = chat.connect(&driver(), 2_000);
    let conversation = chat.create(&mut sender);
    for _ in 0..100 {
        sender.request("typing_indicator", &json!({"conversation_id": conversation, "is_typing": true}));
        chat.settle();
    }
    (0..10).for_each(|_| sender.send(&conversation, "message"));
    let heard = chat.hear_json(&mut slow);
    assert_eq!(*slow.ended.borrow(), None, "typing breaks nothing");
    assert_eq!(live_seqs(&heard), (1..=11).collect::<Vec<_>>());
    assert!(of_type(&heard, "typing_status").len() < 16);
}

#[test]
fn the_global_budget_closes_the_slowest_alone() {
    let limits = |limits: &mut chat_core::limits::Limits| {
        limits.rates = chat_core::limits::RateSetting::Lifted;
        limits.outbound.total_bytes = 20_000;
    };
    let mut chat = Chat::new(settings(limits));
    let mut slower = chat.connect(&staff(), 0);
    let mut slow = chat.connect(&staff(), 30);
    let mut sender = chat.connect(&driver(), 2_000);
    let conversation = chat.create(&mut sender);
    for _ in 0..60 {
        sender.send(&conversation, &"x".repeat(200));
        chat.settle();
    }
    drop(chat.hear(&mut sender));
    assert_eq!(*sender.ended.borrow(), None);
    assert_eq!(live_seqs(&chat.hear_json(&mut slow)).len(), 61);
    assert!(live_seqs(&chat.hear_json(&mut slower)).len() < 61);
    assert_eq!(*slower.ended.borrow(), Some(SessionEnd::ByServer(CloseCode::TooSlow)));
    assert_eq!(*slow.ended.borrow(), None);
}

#[test]
fn what_many_wait_for_counts_once() {
    let limits = |limits: &mut chat_core::limits::Limits| {
        limits.rates = chat_core::limits::RateSetting::Lifted;
        limits.engine.connections_per_user = 30;
        limits.outbound.total_bytes = 60_000;
    };
    let mut chat = Chat::new(settings(limits));
    let mut slow: Vec<_> = (0..30).map(|_| chat.connect(&staff(), 0)).collect();
    let mut sender = chat.connect(&driver(), 2_000);
    let conversation = chat.create(&mut sender);
    for _ in 0..10 {
        sender.send(&conversation, &"x".repeat(1_000));
        chat.settle();
    }
    let handle = chat.handle.clone();
    let waiting = chat.pool.run_until(handle.stats()).unwrap().waiting_bytes;
    assert!((10_000..60_000).contains(&waiting), "{waiting} bytes wait, and a frame counts once");
    for reader in &mut slow {
        assert_eq!(live_seqs(&chat.hear_json(reader)).len(), 11);
        assert_eq!(*reader.ended.borrow(), None);
    }
    let waiting = chat.pool.run_until(handle.stats()).unwrap().waiting_bytes;
    assert!(waiting < 1_000, "{waiting} bytes");
}

/// Each sends as fast and as long as its rates allow, and all desks read nothing before it is over.
#[test]
fn legal_bursts_of_several_senders_break_no_reader() {
    for character in ["\u{1}", "\"", "x", "\u{1F600}"] {
        let mut chat = Chat::new(settings(|_| ()));
        let mut desks: Vec<_> = (0..3).map(|_| chat.connect(&staff(), 0)).collect();
        let mut accepted = 0;
        for number in 0..6 {
            let user = named(&format!("driver_{number}"), Role::BusDriver, "Bus", "Driver");
            let mut sender = chat.connect(&user, 200);
            let conversation = chat.create(&mut sender);
            (0..60).for_each(|_| sender.send(&conversation, &character.repeat(4_000)));
            let heard = chat.hear_json(&mut sender);
            accepted += 1 + heard.iter().filter(|reply| reply["success"] == true).count();
            assert_eq!(*sender.ended.borrow(), None, "{character:?}");
        }
        assert!(accepted >= 6 * 40, "{accepted} of {character:?}");
        for desk in &mut desks {
            assert_eq!(live_seqs(&chat.hear_json(desk)).len(), accepted, "{character:?}");
            assert_eq!(*desk.ended.borrow(), None, "{character:?}");
        }
    }
}

#[test]
fn a_connection_that_ends_under_live_events_leaves_nothing_in_the_budget() {
    let limits = |limits: &mut chat_core::limits::Limits| {
        limits.rates = chat_core::limits::RateSetting::Lifted;
        limits.outbound.total_bytes = 4_000;
    };
    let mut chat = Chat::new(settings(limits));
    let mut sender = chat.connect(&driver(), 10);
    let conversation = chat.create(&mut sender);
    for _ in 0..40 {
        let gone = chat.session(&driver());
        chat.gate.shut();
        sender.send(&conversation, &"x".repeat(200));
        chat.settle();
        chat.gate.open();
        drop(gone);
        chat.hear(&mut sender);
    }
    assert_eq!(*sender.ended.borrow(), None, "who reads everything is not the slowest");
}

#[test]
fn long_replies_to_requests_that_were_sent_at_once_break_nobody() {
    let limits = |limits: &mut chat_core::limits::Limits| {
        limits.rates = chat_core::limits::RateSetting::Lifted;
        limits.outbound.reply_bytes = 10_000;
        limits.outbound.total_bytes = 50_000;
    };
    let mut chat = Chat::new(settings(limits));
    let mut reader = chat.connect(&driver(), 2);
    let conversation = chat.create(&mut reader);
    for _ in 0..3 {
        reader.send(&conversation, &"x".repeat(2_000));
        chat.hear(&mut reader);
    }
    for limit in 1..=60 {
        reader.request("get_conversation_messages", &json!({"conversation_id": conversation}));
        reader.request("get_active_conversations", &json!({"limit": limit}));
    }
    chat.settle();
    let heard = chat.hear_json(&mut reader);
    assert_eq!(*reader.ended.borrow(), None);
    assert_eq!(heard.iter().filter(|reply| reply["success"] == true).count(), 120);
}

#[test]
fn a_service_that_stops_does_not_wait_for_replies_to_be_read() {
    let mut chat = Chat::new(settings(|limits| limits.outbound.reply_bytes = 1));
    let mut reader = chat.connect(&driver(), 0);
    let conversation = chat.create(&mut reader);
    for _ in 0..10 {
        reader.request("get_conversation_messages", &json!({"conversation_id": conversation}));
    }
    chat.settle();
    let handle = chat.handle.clone();
    chat.pool.run_until(handle.drain());
    assert_eq!(chat.hear(&mut reader).len(), 10 + 1);
    assert_eq!(*reader.ended.borrow(), Some(SessionEnd::ByServer(CloseCode::GoingAway)));
}

#[test]
fn one_event_longer_than_the_room_breaks_nobody() {
    let mut settings = unhurried();
    settings.limits.outbound.live_bytes = 1_000;
    let mut chat = Chat::new(settings);
    let mut reader = chat.connect(&staff(), 10);
    let mut sender = chat.connect(&driver(), 10);
    let conversation = chat.create(&mut sender);
    chat.hear(&mut reader);
    sender.send(&conversation, &"x".repeat(4_000));
    assert!(matches!(&chat.hear(&mut reader)[..], [Frame::Text(text)] if text.len() > 4_000));
}

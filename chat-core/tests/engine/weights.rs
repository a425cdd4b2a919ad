//! Rates of bytes: one user's load on all listeners and on the store is bounded, and repeats are
//! free.

use std::time::Duration;

use chat_core::engine::Input;
use chat_core::limits::{ByteRate, Rate, RateLimits, RateSetting};
use chat_core::testing::World;
use core_test_support::*;
use serde_json::{Value, json};

/// A scene with these rates.
fn paced(change: impl FnOnce(&mut RateLimits)) -> Scene {
    let mut rates = RateLimits::default();
    change(&mut rates);
    Scene::with(settings(|limits| limits.rates = RateSetting::Limited(rates)))
}

/// The codes of replies, `""` for success.
fn codes(frames: &[Value]) -> Vec<&str> {
    replies(frames).iter().map(|reply| reply["code"].as_str().unwrap_or_default()).collect()
}

fn pause(reply: &Value) -> Duration {
    assert_eq!(reply["code"], "rate_limited", "{reply}");
    Duration::from_millis(reply["retry_after_ms"].as_u64().expect("waiting helps"))
}

#[test]
fn messages_are_weighed_as_events_carry_them() {
    let once = ByteRate { burst: 1024 * 1024, per_second: 64 * 1024 };
    for (character, most) in
        [("x", 60), ("é", 60), ("\u{1F600}", 60), ("\"", 60), ("\u{1}", 43), ("\u{1f}", 43)]
    {
        let mut scene = paced(|rates| rates.message_bytes = once);
        scene.world.advance(secs(60));
        let content = character.repeat(4_000);
        let sent: Vec<_> = (0..60).map(|_| scene.send(scene.driver, &content)[0].clone()).collect();
        let accepted = sent.iter().filter(|reply| reply["success"] == true).count();
        assert_eq!(accepted, most, "{character:?}");
        let heard = scene.world.take(scene.staff);
        let bytes: usize = heard.iter().map(|frame| frame.to_string().len()).sum();
        assert!(bytes <= once.burst as usize, "{bytes} bytes of {character:?}");
        if accepted < 60 {
            scene.world.advance(pause(&sent[59]));
            assert_eq!(scene.send(scene.driver, &content)[0]["success"], true, "{character:?}");
        }
        assert_eq!(scene.send(scene.staff, &content)[0]["success"], true, "others have their own");
    }
}

#[test]
fn titles_and_names_are_weighed_too() {
    let rates = RateLimits {
        creations: Rate { burst: 100, every: secs(1) },
        message_bytes: ByteRate { burst: 20_000, per_second: 1_000 },
        ..RateLimits::default()
    };
    let mut world = World::new(settings(|limits| limits.rates = RateSetting::Limited(rates)));
    let driver = world.connect(&named(&"\u{1}".repeat(200), chat_core::protocol::Role::BusDriver, "A", "B"));
    let data = json!({"title": "\u{1}".repeat(200), "content": "c"});
    let asked = (0..10).map(|_| world.ask(driver, "create_support_conversation", data.clone())[0].clone());
    let created = asked.filter(|reply| reply["success"] == true).count();
    assert_eq!(created, 4);
}

/// The data of a request with this content.
type Data<'a> = &'a dyn Fn(&Scene, &str) -> Value;

#[test]
fn another_content_under_the_same_id_has_its_price() {
    let message =
        |scene: &Scene, content: &str| scene.data(json!({"content": content, "client_message_id": "a"}));
    let creation =
        |_: &Scene, content: &str| json!({"title": "t", "content": content, "client_message_id": "a"});
    let kinds: [(&str, Data<'_>, usize); 2] =
        [("send_chat_message", &message, 59), ("create_support_conversation", &creation, 4)];
    for (kind, data, allowed) in kinds {
        let mut scene = paced(|_| ());
        let (once, other) = (data(&scene, "once"), data(&scene, "other"));
        let first = scene.world.ask(scene.driver, kind, once.clone())[0].clone();
        let again: Vec<_> =
            (0..100).map(|_| scene.world.ask(scene.driver, kind, other.clone())[0].clone()).collect();
        let expected = std::iter::repeat_n("client_message_id_reused", allowed);
        assert_eq!(
            codes(&again),
            expected.chain(["rate_limited"; 100]).take(100).collect::<Vec<_>>(),
            "{kind}"
        );
        let repeat = scene.world.ask(scene.driver, kind, once)[0].clone();
        assert_eq!(repeat, first, "{kind}: a true repeat is free, whatever its rate says");
        scene.world.advance(pause(&again[99]));
        let reply = scene.world.ask(scene.driver, kind, other)[0].clone();
        assert_eq!(reply["code"], "client_message_id_reused", "{kind}");
    }
}

fn slow_repeats(rates: &mut RateLimits) {
    rates.repeats = Rate { burst: 5, every: Duration::from_millis(100) };
}

/// Puts this many of the same on their way, and gives the answers of this moment.
fn flood(scene: &mut Scene, data: &Value, count: usize) -> Vec<Value> {
    for _ in 0..count {
        scene.world.request(scene.driver, "send_chat_message", data.clone());
    }
    scene.world.take(scene.driver)
}

#[test]
fn a_flood_of_repeats_is_slowed_down_and_none_is_refused() {
    let mut scene = paced(slow_repeats);
    let data = scene.data(json!({"content": "once", "client_message_id": "a"}));
    let first = scene.world.ask(scene.driver, "send_chat_message", data.clone())[0].clone();
    let mut answered = flood(&mut scene, &data, 40);
    assert_eq!(answered.len(), 5);
    assert_eq!(scene.send(scene.staff, "others go on")[0]["success"], true);
    for _ in 0..10 {
        scene.world.advance(Duration::from_millis(100));
        let more = scene.world.take(scene.driver);
        answered.extend(replies(&more).into_iter().cloned());
    }
    assert_eq!(answered.len(), 15, "one each 100 ms");
    scene.world.advance(secs(10));
    let more = scene.world.take(scene.driver);
    answered.extend(replies(&more).into_iter().cloned());
    assert_eq!(answered, vec![first; 40]);
}

#[test]
fn look_ups_for_what_is_refused_are_slowed_down_too() {
    let mut scene = paced(|rates| {
        slow_repeats(rates);
        rates.messages = Rate { burst: 1, every: secs(3_600) };
    });
    scene.send(scene.driver, "the only one");
    for number in 0..20 {
        let data = scene.data(json!({"content": "new", "client_message_id": number.to_string()}));
        scene.world.request(scene.driver, "send_chat_message", data);
    }
    assert_eq!(codes(&scene.world.take(scene.driver)), ["rate_limited"; 5]);
    scene.world.advance(secs(10));
    assert_eq!(codes(&scene.world.take(scene.driver)), ["rate_limited"; 15]);
}

#[test]
fn a_connection_that_is_slowed_down_does_not_hold_up_the_end() {
    let mut scene = paced(slow_repeats);
    let data = scene.data(json!({"content": "once", "client_message_id": "a"}));
    let answered = flood(&mut scene, &data, 20).len();
    scene.world.input(Input::Drain);
    let rest = scene.world.take(scene.driver);
    assert_eq!(answered + replies(&rest).len(), 20 + 1, "and its own event");
    assert!(closed(&scene.world, scene.driver).is_some() && scene.world.drained);
}

#[test]
fn pages_are_weighed_once_they_are_made() {
    let mut scene = paced(|rates| rates.reply_bytes = ByteRate { burst: 10_000, per_second: 1_000 });
    (0..10).for_each(|_| drop(scene.send(scene.driver, &"x".repeat(500))));
    let others = [
        ("get_active_conversations", json!({})),
        ("get_conversation_messages", scene.data(json!({}))),
        ("join_conversation", scene.data(json!({"after_seq": 0}))),
    ];
    for (kind, data) in others {
        let ask = |scene: &mut Scene| scene.world.ask(scene.driver, kind, data.clone())[0].clone();
        let (mut bytes, mut refused) = (0, Value::Null);
        while refused.is_null() {
            let reply = ask(&mut scene);
            if reply["success"] == true {
                bytes += reply.to_string().len();
            } else {
                refused = reply;
            }
        }
        assert!(
            (10_000..20_000).contains(&bytes),
            "{kind}: {bytes} bytes, and one page more than there may be"
        );
        assert_eq!(scene.send(scene.driver, "goes on")[0]["success"], true);
        let data = scene.data(json!({}));
        assert_eq!(scene.world.ask(scene.driver, "join_conversation", data)[0]["success"], true);
        let listed = scene.world.ask(scene.staff, "get_active_conversations", json!({}));
        assert_eq!(listed[0]["success"], true, "others have their own");
        scene.world.advance(pause(&refused).saturating_sub(Duration::from_millis(1)));
        assert_eq!(ask(&mut scene)["code"], "rate_limited", "{kind}: too early");
        scene.world.advance(Duration::from_millis(1));
        assert_eq!(ask(&mut scene)["success"], true, "{kind}: in time");
        scene.world.advance(secs(60));
    }
}

/// A list and 50 catch-ups, as an app asks for them after each reconnect.
#[test]
fn an_app_that_reconnects_often_reads_all_without_a_pause() {
    let mut scene = paced(|rates| {
        *rates = RateLimits::with_messages_per_second(1_000);
        rates.creations.burst = 100;
    });
    let conversations: Vec<_> = (0..50).map(|_| create(&mut scene.world, scene.driver)).collect();
    for conversation in &conversations {
        for _ in 0..20 {
            let data = about(conversation, json!({"content": "x".repeat(200)}));
            scene.world.ask(scene.driver, "send_chat_message", data);
        }
    }
    for reconnect in 0..20 {
        scene.world.advance(secs(10));
        let conn = scene.world.connect(&staff());
        scene.world.request(conn, "get_active_conversations", json!({}));
        for conversation in &conversations {
            scene.world.request(conn, "join_conversation", about(conversation, json!({"after_seq": 0})));
        }
        assert_eq!(codes(&scene.world.take(conn)), [""; 51], "{reconnect}");
        scene.world.disconnect(conn);
    }
}

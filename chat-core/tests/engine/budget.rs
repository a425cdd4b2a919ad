//! The daily budget of a user, and the separate budget of emergencies.

use std::time::Duration;

use chat_core::limits::{ByteRate, DailyBudget, Limits, Rate, RateLimits, RateSetting};
use chat_core::testing::World;
use core_test_support::*;
use serde_json::{Value, json};

/// No rate but the budget, in bytes.
fn budget(bytes: u64, emergency_bytes: u64) -> impl FnOnce(&mut Limits) {
    let free = Rate { burst: 1_000_000, every: Duration::from_nanos(1) };
    let daily = Some(DailyBudget { bytes, emergency_bytes });
    move |limits| {
        limits.rates = RateSetting::Limited(RateLimits {
            requests: free,
            messages: free,
            creations: free,
            message_bytes: ByteRate { burst: u32::MAX, per_second: u32::MAX },
            daily,
            ..RateLimits::default()
        });
    }
}

fn pause(reply: &Value) -> Option<Duration> {
    (reply["code"] == "budget_exceeded").then(|| {
        let text = reply["error"].as_str().unwrap();
        assert!(text.starts_with("Your daily budget of stored text is used up: it refills evenly"), "{text}");
        Duration::from_millis(reply["retry_after_ms"].as_u64().expect("waiting helps"))
    })
}

/// Sends until the budget is used up. Returns the number of messages, and the pause.
fn use_up(scene: &mut Scene) -> (usize, Duration) {
    for sent in 0..10_000 {
        let reply = scene.send(scene.driver, "something to say");
        if let Some(pause) = pause(&reply[0]) {
            return (sent, pause);
        }
        assert_eq!(reply[0]["success"], true, "{reply:?}");
    }
    panic!("there is no bound");
}

fn emergency(world: &mut World, conn: chat_core::engine::ConnectionId) -> Value {
    let data = json!({"title": "Accident", "content": "help", "room_type": "emergency_support"});
    world.ask(conn, "create_support_conversation", data).swap_remove(0)
}

#[test]
fn a_day_of_messages_is_bounded_by_what_they_store_and_waiting_as_told_is_enough() {
    let mut scene = Scene::with(settings(budget(86_400, 0)));
    let (sent, wait) = use_up(&mut scene);
    assert!((100..200).contains(&sent), "{sent} messages of some 528 bytes");
    assert_eq!(scene.send(scene.staff, "others may")[0]["success"], true);
    scene.world.advance(wait.saturating_sub(Duration::from_millis(1)));
    assert!(pause(&scene.send(scene.driver, "something to say")[0]).is_some());
    scene.world.advance(Duration::from_millis(1));
    assert_eq!(scene.send(scene.driver, "something to say")[0]["success"], true);
    scene.world.advance(secs(12 * 3_600));
    let (half, _) = use_up(&mut scene);
    assert!(half.abs_diff(sent / 2) <= 2, "half a day gives half of it: {half} of {sent}");
}

#[test]
fn read_positions_are_counted_and_what_only_reads_is_not() {
    let mut scene = Scene::with(settings(budget(20_000, 0)));
    let (_, wait) = use_up(&mut scene);
    let id = scene.conversation.clone();
    let said = scene.send(scene.staff, "read me");
    let read = json!({"conversation_id": id, "message_id": said[0]["message_id"]});
    let refused = scene.world.ask(scene.driver, "mark_message_read", read);
    assert!(pause(&refused[0]).is_some_and(|pause| pause <= wait), "{refused:?}");
    for (event, data) in [
        ("get_conversation_messages", json!({"conversation_id": id})),
        ("join_conversation", json!({"conversation_id": id})),
        ("get_active_conversations", json!({})),
        ("typing_indicator", json!({"conversation_id": id, "is_typing": true})),
    ] {
        assert_eq!(scene.world.ask(scene.driver, event, data)[0]["success"], true, "{event}");
    }
}

#[test]
fn an_emergency_can_be_raised_and_told_of_when_all_else_is_used_up() {
    let mut scene = Scene::with(settings(budget(20_000, 5_000)));
    use_up(&mut scene);
    let raised = emergency(&mut scene.world, scene.driver);
    assert_eq!(raised["success"], true, "{raised}");
    let say = |scene: &mut Scene| {
        let data = json!({"conversation_id": raised["conversation_id"], "content": "at the bridge"});
        scene.world.ask(scene.driver, "send_chat_message", data).swap_remove(0)
    };
    assert_eq!(say(&mut scene)["success"], true);
    assert!(pause(&scene.send(scene.driver, "in another conversation")[0]).is_some());
    while pause(&say(&mut scene)).is_none() {}
    assert!(pause(&emergency(&mut scene.world, scene.driver)).is_some(), "that one is bounded too");
}

#[test]
fn a_repeat_costs_nothing() {
    let mut scene = Scene::with(settings(budget(20_000, 0)));
    let id = scene.conversation.clone();
    let data = json!({"conversation_id": id, "content": "once", "client_message_id": "one"});
    let first = scene.world.ask(scene.driver, "send_chat_message", data.clone());
    for _ in 0..200 {
        let again = scene.world.ask(scene.driver, "send_chat_message", data.clone());
        assert_eq!(again[0]["message_id"], first[0]["message_id"]);
    }
    let (left, _) = use_up(&mut scene);
    assert!(left > 20, "{left}");
    assert_eq!(
        scene.world.ask(scene.driver, "send_chat_message", data)[0]["success"],
        true,
        "it was accepted"
    );
}

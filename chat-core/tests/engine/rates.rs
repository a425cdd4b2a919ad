//! The rates of a user: waiting as long as told is enough.

use chat_core::limits::{Rate, RateLimits, RateSetting};
use chat_core::testing::World;
use core_test_support::*;
use serde_json::{Value, json};
use std::time::Duration;

fn pause(reply: &Value) -> Option<Duration> {
    (reply["code"] == "rate_limited").then(|| {
        assert_eq!(reply["error"], "Too many requests, try again later");
        Duration::from_millis(reply["retry_after_ms"].as_u64().expect("waiting helps"))
    })
}

#[test]
fn ten_messages_a_second_and_sixty_at_once_over_all_connections() {
    let mut scene = Scene::with(settings(|_| ()));
    let other = scene.world.connect(&driver());
    scene.world.advance(secs(60));
    for number in 0..60 {
        let conn = if number % 2 == 0 { scene.driver } else { other };
        assert_eq!(scene.send(conn, "burst")[0]["success"], true, "{number}");
    }
    let refused = scene.send(other, "one too many");
    let wait = pause(&refused[0]).expect("rate limited");
    assert_eq!(wait, Duration::from_millis(100));
    assert_eq!(scene.send(scene.staff, "others may")[0]["success"], true);
    scene.world.advance(wait.saturating_sub(Duration::from_millis(1)));
    assert!(pause(&scene.send(other, "too early")[0]).is_some());
    scene.world.advance(Duration::from_millis(1));
    assert_eq!(scene.send(other, "in time")[0]["success"], true);
    scene.world.advance(secs(1));
    let sent = (0..20).filter(|_| scene.send(scene.driver, "more")[0]["success"] == true).count();
    assert_eq!(sent, 10);
}

#[test]
fn six_creations_a_minute() {
    let mut world = World::new(settings(|_| ()));
    let driver = world.connect(&driver());
    (0..6).for_each(|_| drop(create(&mut world, driver)));
    let data = json!({"title": "t", "content": "c"});
    let refused = world.ask(driver, "create_support_conversation", data.clone());
    let wait = pause(&refused[0]).expect("rate limited");
    assert_eq!(wait, secs(10));
    world.advance(wait);
    assert_eq!(world.ask(driver, "create_support_conversation", data)[0]["success"], true);
}

#[test]
fn fifty_requests_a_second_of_any_kind() {
    let mut world = World::new(settings(|_| ()));
    let driver = world.connect(&driver());
    let answered = |world: &mut World| {
        (0..300)
            .filter(|_| world.ask(driver, "get_active_conversations", json!({}))[0]["success"] == true)
            .count()
    };
    answered(&mut world);
    world.advance(secs(1));
    assert_eq!(answered(&mut world), 50);
}

#[test]
fn a_frame_that_is_no_request_or_is_forbidden_is_charged_like_one() {
    let mut world = World::new(settings(|_| ()));
    let driver = world.connect(&driver());
    for _ in 0..50 {
        world.text(driver, "nonsense");
        world.request(driver, "join_support_room", json!({}));
    }
    let codes: Vec<_> = world.take(driver).iter().map(|reply| reply["code"].clone()).collect();
    assert_eq!(codes.iter().filter(|code| *code == "invalid_json").count(), 50);
    assert_eq!(codes.iter().filter(|code| *code == "forbidden").count(), 50);
    world.text(driver, "nonsense");
    world.request(driver, "join_support_room", json!({}));
    let refused = world.take(driver);
    assert!(refused.iter().all(|reply| reply["code"] == "rate_limited"), "{refused:?}");
}

#[test]
fn lifted_means_no_rate_at_all() {
    let mut scene = Scene::new();
    assert!((0..500).all(|_| scene.send(scene.driver, "x")[0]["success"] == true));
}

#[test]
fn repeats_cost_nothing() {
    let rates = RateLimits { messages: Rate { burst: 1, every: secs(3_600) }, ..RateLimits::default() };
    let mut scene = Scene::with(settings(|limits| limits.rates = RateSetting::Limited(rates)));
    let data = scene.data(json!({"content": "once", "client_message_id": "a"}));
    let first = scene.world.ask(scene.driver, "send_chat_message", data.clone());
    for _ in 0..200 {
        assert_eq!(scene.world.ask(scene.driver, "send_chat_message", data.clone())[0], first[0]);
    }
    let listed = scene.world.ask(scene.driver, "get_active_conversations", json!({}));
    assert_eq!(listed[0]["success"], true, "the repeats were free");
    assert!(pause(&scene.send(scene.driver, "a new one")[0]).is_some());
}

#[test]
fn a_repeat_that_its_rate_would_allow_costs_nothing_either() {
    let mut scene = Scene::with(settings(|_| ()));
    let data = scene.data(json!({"content": "once", "client_message_id": "a"}));
    for _ in 0..200 {
        assert_eq!(scene.world.ask(scene.driver, "send_chat_message", data.clone())[0]["seq"], 2);
    }
    let sent = (0..59).filter(|_| scene.send(scene.driver, "new")[0]["success"] == true).count();
    assert_eq!(sent, 59, "all but the one that was sent");

    let (conversation, user) = (scene.conversation.as_str().into(), driver().id);
    scene.world.command(chat_core::engine::Command::Withdraw { conversation, user });
    scene.world.advance(secs(60));
    for _ in 0..200 {
        assert_eq!(scene.world.ask(scene.driver, "send_chat_message", data.clone())[0]["seq"], 2);
    }
    let listed = (0..100).filter(|_| {
        scene.world.ask(scene.driver, "get_active_conversations", json!({}))[0]["success"] == true
    });
    assert_eq!(listed.count(), 100);
}

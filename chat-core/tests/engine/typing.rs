//! Typing is a state per user and conversation, the "or" of the user's connections.

use std::time::Duration;

use chat_core::protocol::{CloseCode, Role};
use chat_core::testing::world::Answer;
use core_test_support::*;
use serde_json::json;

/// The driver's typing states that staff has heard since the last call.
fn told(scene: &mut Scene) -> Vec<bool> {
    let heard = scene.world.take(scene.staff);
    of_type(&heard, "typing_status").iter().map(|frame| frame["is_typing"].as_bool().unwrap()).collect()
}

#[test]
fn a_repeat_within_three_seconds_is_answered_and_not_broadcast() {
    let mut scene = Scene::new();
    scene.typing(scene.driver, true);
    assert_eq!(told(&mut scene), [true]);
    scene.world.advance(secs(2));
    assert_eq!(scene.typing(scene.driver, true), [json!({"success": true})]);
    assert_eq!(told(&mut scene), [] as [bool; 0]);
    scene.world.advance(secs(1));
    scene.typing(scene.driver, true);
    assert_eq!(told(&mut scene), [true]);
    assert_eq!(scene.typing(scene.driver, false), [json!({"success": true})]);
    assert_eq!(scene.typing(scene.driver, false), [json!({"success": true})]);
    assert_eq!(told(&mut scene), [false]);
}

#[test]
fn it_ends_after_ten_seconds_without_a_refresh() {
    let mut scene = Scene::new();
    scene.typing(scene.driver, true);
    scene.world.advance(secs(6));
    scene.typing(scene.driver, true);
    told(&mut scene);
    scene.world.advance(secs(9));
    assert_eq!(told(&mut scene), [] as [bool; 0], "refreshed");
    scene.world.advance(secs(1));
    assert_eq!(told(&mut scene), [false]);
    scene.world.advance(secs(60));
    assert_eq!(told(&mut scene), [] as [bool; 0]);
}

#[test]
fn it_is_the_or_of_the_connections() {
    let mut scene = Scene::new();
    let other = scene.world.connect(&driver());
    scene.typing(scene.driver, true);
    scene.world.advance(secs(1));
    scene.typing(other, true);
    assert_eq!(told(&mut scene), [true]);
    scene.typing(scene.driver, false);
    assert_eq!(told(&mut scene), [] as [bool; 0]);
    scene.world.disconnect(other);
    assert_eq!(told(&mut scene), [false]);
    scene.typing(scene.driver, true);
    scene.world.disconnect(scene.driver);
    assert_eq!(told(&mut scene), [true, false]);
}

#[test]
fn sending_ends_it_after_the_message() {
    let mut scene = Scene::new();
    scene.typing(scene.driver, true);
    scene.world.take(scene.staff);
    scene.send(scene.driver, "done");
    let heard = scene.world.take(scene.staff);
    assert_eq!((&heard[0]["type"], &heard[1]["is_typing"]), (&json!("new_message"), &json!(false)));
    scene.world.advance(secs(20));
    assert!(scene.world.take(scene.staff).is_empty());
}

#[test]
fn one_connection_types_in_a_bounded_number_of_conversations() {
    let mut scene = Scene::with(settings(|limits| {
        limits.rates = chat_core::limits::RateSetting::Lifted;
        limits.engine.typing_per_connection = 2;
        limits.engine.cached_conversations = 1;
    }));
    let others = [create(&mut scene.world, scene.driver), create(&mut scene.world, scene.driver)];
    scene.typing(scene.driver, true);
    for other in &others {
        scene.world.ask(scene.driver, "typing_indicator", about(other, json!({"is_typing": true})));
    }
    let heard = scene.world.take(scene.staff);
    let of_scene: Vec<_> = of_type(&heard, "typing_status")
        .into_iter()
        .filter(|frame| frame["conversation_id"] == json!(scene.conversation))
        .map(|frame| frame["is_typing"].clone())
        .collect();
    assert_eq!(of_scene, [json!(true), json!(false)], "the oldest has ended");
    scene.world.disconnect(scene.driver);
    let heard = scene.world.take(scene.staff);
    assert_eq!(of_type(&heard, "typing_status").len(), 2, "and the other two with the connection");
}

/// Each of these types and catches up, and one message is one too many for all of them.
#[test]
#[expect(clippy::disallowed_types, reason = "a thread is what has a stack of a given size")]
fn many_who_type_and_end_together_need_no_stack_for_each() {
    let end_together = || {
        let mut scene = Scene::with(settings(|limits| {
            limits.rates = chat_core::limits::RateSetting::Lifted;
            limits.engine.held_back = 1;
        }));
        let control = |number| named(&format!("desk_{number}"), Role::ControlStaff, "A", "Desk");
        let desks: Vec<_> = (0..200).map(|number| scene.world.connect(&control(number))).collect();
        scene.conversation = create(&mut scene.world, scene.driver);
        desks.iter().for_each(|desk| drop(scene.typing(*desk, true)));
        scene.world.hold = true;
        for desk in &desks {
            let data = scene.data(json!({"after_seq": 0}));
            scene.world.request(*desk, "join_conversation", data);
        }
        scene.put(scene.driver, "one that may wait");
        answer_commit(&mut scene.world, Answer::Good);
        scene.put(scene.driver, "one too many");
        answer_commit(&mut scene.world, Answer::Good);
        assert!(desks.iter().all(|desk| closed(&scene.world, *desk) == Some(CloseCode::TooSlow)));
        assert_eq!(scene.world.engine.stats().typing, 0);
    };
    let with_little = std::thread::Builder::new().stack_size(128 * 1024);
    with_little.spawn(end_together).unwrap().join().unwrap();
}

#[test]
fn withdrawal_ends_it() {
    let mut scene = Scene::new();
    scene.typing(scene.driver, true);
    told(&mut scene);
    let (conversation, user) = (scene.conversation.as_str().into(), driver().id);
    scene.world.command(chat_core::engine::Command::Withdraw { conversation, user });
    assert_eq!(told(&mut scene), [false]);
}

#[test]
fn toggles_are_told_a_few_times_in_two_seconds_and_the_last_state_at_last() {
    for last in [true, false] {
        let mut scene = Scene::with(settings(|limits| limits.rates = chat_core::limits::RateSetting::Lifted));
        let mut heard = Vec::new();
        for step in 0..500 {
            scene.typing(scene.driver, (step % 2 == 0) == last);
            scene.world.advance(Duration::from_millis(20));
            heard.extend(told(&mut scene));
        }
        scene.typing(scene.driver, last);
        scene.world.advance(secs(2));
        heard.extend(told(&mut scene));
        assert!((4..=4 * 7).contains(&heard.len()), "in 12 s others were told {} times", heard.len());
        assert_eq!(heard.last(), Some(&last));
        assert!(heard.windows(2).all(|pair| pair[0] != pair[1]), "{heard:?}");
        scene.world.advance(secs(20));
        assert_eq!(told(&mut scene), if last { vec![false] } else { vec![] }, "and typing ends as ever");
    }
}

#[test]
fn connections_that_come_type_and_go_share_one_budget() {
    let mut scene = Scene::with(settings(|limits| limits.rates = chat_core::limits::RateSetting::Lifted));
    for _ in 0..50 {
        let conn = scene.world.connect(&driver());
        scene.typing(conn, true);
        scene.world.disconnect(conn);
    }
    assert_eq!(told(&mut scene), [true, false, true, false]);
    scene.world.advance(secs(20));
    assert_eq!(told(&mut scene), [] as [bool; 0]);
    scene.typing(scene.driver, true);
    assert_eq!(told(&mut scene), [true], "and later everything is told again");
}

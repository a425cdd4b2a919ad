//! Replies come in the order of the requests, one each, whatever waits for the store (P6).

use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::{Value, json};

/// A request of each kind, in turn.
fn mixed(scene: &Scene, number: usize, message: &str) -> Value {
    let (kind, data) = match number % 8 {
        0 | 4 => ("send_chat_message", scene.data(json!({"content": format!("{number}")}))),
        1 => ("get_active_conversations", json!({})),
        2 => ("mark_message_read", scene.data(json!({"message_id": message}))),
        3 => ("get_conversation_messages", scene.data(json!({"limit": 1}))),
        5 => ("typing_indicator", scene.data(json!({"is_typing": true}))),
        6 => ("join_conversation", scene.data(json!({"after_seq": 0}))),
        _ => (
            "send_chat_message",
            json!({"conversation_id": "conv_none", "content": "x", "client_message_id": "c"}),
        ),
    };
    json!({"type": kind, "data": data, "request_id": number})
}

/// Chooses the next question to be answered.
type Turn = fn(usize, usize) -> usize;

#[test]
fn a_hundred_mixed_requests_are_answered_in_their_order() {
    let turns: [Turn; 3] = [|_, _| 0, |_, questions| questions - 1, |turn, questions| turn * 7 % questions];
    for (turn_of, cached) in turns.into_iter().zip([20_000, 1, 1]) {
        let mut scene = Scene::with(settings(|limits| {
            limits.rates = chat_core::limits::RateSetting::Lifted;
            limits.engine.cached_conversations = cached;
        }));
        let other = create(&mut scene.world, scene.driver);
        scene.world.take(scene.staff);
        let message = scene.ids()[0].clone();
        scene.world.hold = true;
        for number in 0..100 {
            let frame = mixed(&scene, number, &message).to_string();
            scene.world.text(scene.driver, &frame);
            if number % 5 == 0 {
                scene.put(scene.staff, "from the other side");
                scene.world.request(
                    scene.staff,
                    "send_chat_message",
                    about(&other, json!({"content": "there"})),
                );
            }
        }
        for turn in 0.. {
            let questions = scene.world.questions.len();
            if questions == 0 {
                break;
            }
            scene.world.answer(turn_of(turn, questions), Answer::Good);
        }
        let heard = scene.world.take(scene.driver);
        let order: Vec<_> =
            replies(&heard).iter().map(|reply| reply["request_id"].as_u64().unwrap()).collect();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
        let of_scene: Vec<_> =
            heard.iter().filter(|f| f["conversation_id"] == json!(scene.conversation)).cloned().collect();
        assert_eq!(live_seqs(&of_scene), (2..=46).collect::<Vec<_>>());
        check_replies(&scene, &heard);
    }
}

/// Checks that a sender's reply comes before its broadcast, and that reads see earlier writes.
fn check_replies(scene: &Scene, heard: &[Value]) {
    let mut written = 1;
    for (place, frame) in heard.iter().enumerate().filter(|(_, frame)| frame.get("type").is_none()) {
        match frame["request_id"].as_u64().unwrap() % 8 {
            0 | 4 => {
                written = frame["seq"].as_u64().unwrap();
                let own = heard.iter().position(|f| f["message"]["id"] == frame["message_id"]);
                assert!(own.unwrap() > place, "{frame}");
            }
            1 => {
                let rows = frame["conversations"].as_array().unwrap();
                let row = rows.iter().find(|row| row["id"] == json!(scene.conversation)).unwrap();
                assert!(row["last_seq"].as_u64().unwrap() >= written);
            }
            3 | 6 => assert!(frame["last_seq"].as_u64().unwrap() >= written),
            7 => assert_eq!(frame["code"], "conversation_not_found"),
            _ => assert_eq!(*frame, json!({"success": true, "request_id": frame["request_id"]})),
        }
    }
}

#[test]
fn a_connection_with_sixty_four_requests_under_way_is_not_read_until_half_are_answered() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    let message = scene.ids()[0].clone();
    let paused = |world: &World, scene: chat_core::engine::ConnectionId| world.peers[&scene].paused;
    for number in 0..63 {
        let frame = mixed(&scene, 3, &message).to_string();
        scene.world.text(scene.driver, &frame);
        assert!(!paused(&scene.world, scene.driver), "{number}");
    }
    scene.put(scene.driver, "the sixty-fourth");
    assert!(paused(&scene.world, scene.driver));
    for answered in 1..=32 {
        assert!(paused(&scene.world, scene.driver), "{answered}");
        assert!(matches!(scene.world.questions[0], Question::Load(..)));
        scene.world.answer(0, Answer::Good);
    }
    assert!(!paused(&scene.world, scene.driver));
    scene.world.settle();
    assert_eq!(replies(&scene.world.take(scene.driver)).len(), 64);
}

#[test]
fn a_refused_frame_waits_for_its_turn() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.driver, "first");
    scene.world.text(scene.driver, "not json");
    assert!(scene.world.take(scene.driver).is_empty());
    scene.world.settle();
    let heard = scene.world.take(scene.driver);
    assert_eq!((&heard[0]["success"], &heard[2]["code"]), (&json!(true), &json!("invalid_json")));
}

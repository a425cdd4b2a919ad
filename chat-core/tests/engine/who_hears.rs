//! The audience of each event, and the order of events (P3, P5, P6).

use chat_core::engine::Command;
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::json;

#[test]
fn every_connection_of_every_participant_hears_a_message_once() {
    let mut scene = Scene::new();
    let drivers = scene.world.connect(&driver());
    let staffs = scene.world.connect(&staff());
    let joined = scene.data(json!({}));
    scene.world.ask(staffs, "join_conversation", joined);
    let stranger = scene.world.connect(&other_driver());
    let late = scene.world.connect(&admin());
    scene.world.take(late);
    let heard = scene.send(scene.driver, "hello");
    assert_eq!(replies(&heard[..1]).len(), 1, "the reply comes first");
    for (conn, heard) in [(scene.driver, heard), (drivers, vec![]), (scene.staff, vec![]), (staffs, vec![])] {
        let heard = if heard.is_empty() { scene.world.take(conn) } else { heard };
        assert_eq!(live_seqs(&heard), [2], "{conn:?}");
    }
    assert_eq!(live_seqs(&scene.world.take(late)), [2], "in the team since it connected");
    assert!(scene.world.take(stranger).is_empty());
}

#[test]
fn a_notification_comes_before_the_first_message() {
    let mut world = World::new(unhurried());
    let staff = world.connect(&staff());
    let second = world.connect(&driver());
    let driver = world.connect(&driver());
    let conversation = create(&mut world, driver);
    let heard = world.take(staff);
    let kinds: Vec<_> = heard.iter().map(|frame| frame["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["new_support_conversation", "new_message"]);
    assert_eq!(live_seqs(&heard), [1]);
    let heard = world.take(second);
    assert_eq!((heard.len(), &heard[0]["conversation_id"]), (1, &json!(conversation)));
    assert_eq!(live_seqs(&heard), [1], "the first message is its message 1");
}

#[test]
fn control_is_notified_of_a_request_whose_sender_has_lost_its_connection() {
    let mut world = World::new(unhurried());
    let staff = world.connect(&staff());
    let driver = world.connect(&driver());
    world.hold = true;
    world.request(driver, "create_support_conversation", json!({"title": "Help", "content": "Help!"}));
    world.disconnect(driver);
    world.settle();
    let heard = world.take(staff);
    assert_eq!(of_type(&heard, "new_support_conversation").len(), 1, "{heard:?}");
    assert_eq!(heard[0]["message"], "New support request from John Doe (BUS_DRIVER): Help");
    assert_eq!(live_seqs(&heard), [1]);
}

#[test]
fn typing_and_reading_are_told_to_the_others_only() {
    let mut scene = Scene::new();
    let own = scene.world.connect(&driver());
    let ids = scene.ids();
    assert_eq!(scene.typing(scene.driver, true), [json!({"success": true})]);
    assert!(scene.world.take(own).is_empty());
    assert_eq!(of_type(&scene.world.take(scene.staff), "typing_status").len(), 1);

    assert_eq!(scene.read(scene.driver, &ids[0]), [json!({"success": true})]);
    let position = json!({
        "type": "read_position", "conversation_id": scene.conversation, "message_id": ids[0],
        "read_up_to": 1, "timestamp": START,
    });
    assert_eq!(scene.world.take(own), [position]);
    let read = json!({
        "type": "message_read", "conversation_id": scene.conversation, "user_id": "driver_1",
        "message_id": ids[0], "timestamp": START, "read_up_to": 1,
    });
    assert_eq!(scene.world.take(scene.staff), [read]);
}

#[test]
fn a_senders_reply_comes_before_its_own_broadcast_even_behind_an_earlier_request() {
    let mut scene = Scene::new();
    let other = create(&mut scene.world, scene.driver);
    scene.world.take(scene.staff);
    scene.world.hold = true;
    scene.put(scene.driver, "conflicts");
    let (conversation, user) = (scene.conversation.as_str().into(), staff().id);
    let Question::Commit(_, changes) = &scene.world.questions[0] else { panic!("a commit waits") };
    assert_eq!(changes.len(), 1);
    let mut elsewhere = World::over(scene.world.store.clone(), unhurried());
    elsewhere.command(Command::Withdraw { conversation, user });
    scene.world.store = elsewhere.store;
    scene.world.request(scene.driver, "send_chat_message", about(&other, json!({"content": "goes through"})));
    scene.world.answer(0, Answer::Good);
    scene.world.take(scene.driver);
    let commit = commit_at(&scene.world);
    scene.world.answer(commit, Answer::Good);
    assert!(scene.world.take(scene.driver).is_empty(), "the first one is not answered");
    assert_eq!(live_seqs(&scene.world.take(scene.staff)), [2], "who waits for nothing hears it at once");
    scene.world.settle();
    let heard = scene.world.take(scene.driver);
    assert_eq!(replies(&heard).len(), 2);
    let mine = |frame: &serde_json::Value| frame["conversation_id"] == json!(other);
    assert!(
        heard.iter().position(|frame| mine(frame) && frame.get("type").is_none())
            < heard.iter().position(|frame| mine(frame) && frame.get("type").is_some())
    );
    assert_eq!(heard[0]["conversation_id"], json!(scene.conversation), "replies in the order of requests");
}

#[test]
fn who_was_withdrawn_hears_nothing_more() {
    let mut scene = Scene::new();
    let (conversation, user) = (scene.conversation.as_str().into(), staff().id);
    scene.world.command(Command::Withdraw { conversation, user });
    let ids = scene.ids();
    scene.send(scene.driver, "in private");
    scene.typing(scene.driver, true);
    scene.read(scene.driver, &ids[0]);
    assert!(scene.world.take(scene.staff).is_empty(), "P5: who was withdrawn hears what goes on");
    let (conversation, user) = (scene.conversation.as_str().into(), staff().id);
    scene.world.command(Command::Enrol { conversation, user });
    scene.send(scene.driver, "with control");
    assert_eq!(live_seqs(&scene.world.take(scene.staff)), [3]);
}

/// A withdrawal has looked the conversation up. Then a user types, and the audience becomes known.
/// Then the withdrawal is committed.
#[test]
fn who_was_withdrawn_while_something_was_told_hears_nothing_more() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    let (conversation, user) = (scene.conversation.as_str().into(), staff().id);
    scene.world.command(Command::Withdraw { conversation, user });
    scene.world.answer(0, Answer::Good);
    let commit = commit_at(&scene.world);
    scene.typing(scene.driver, true);
    assert_eq!(of_type(&scene.world.take(scene.staff), "typing_status").len(), 1, "still takes part");
    scene.world.answer(commit, Answer::Good);
    scene.put(scene.driver, "in private");
    scene.world.settle();
    assert_eq!(live_seqs(&scene.world.take(scene.driver)), [2]);
    assert!(live_seqs(&scene.world.take(scene.staff)).is_empty(), "P5: who was withdrawn hears a message");
}

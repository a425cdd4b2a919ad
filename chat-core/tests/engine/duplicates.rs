//! A request repeated under its `client_message_id` is done once, and answered as the first time
//! (P2).

use chat_core::engine::{Command, ConnectionId};
use chat_core::limits::{Rate, RateLimits, RateSetting};
use chat_core::protocol::{Reply, Role, User};
use chat_core::testing::World;
use chat_core::testing::world::Answer;
use core_test_support::*;
use serde_json::{Value, json};

fn reused() -> Value {
    error("client_message_id_reused", "This client_message_id was used for a different request")
}

fn text(scene: &Scene, request_id: &str) -> String {
    let data = scene.data(json!({"content": "once", "client_message_id": "a"}));
    json!({"type": "send_chat_message", "data": data, "request_id": request_id}).to_string()
}

/// Sends the repeatable message under this `request_id`.
fn repeat(conn: ConnectionId, scene: &mut Scene, request_id: &str) -> Vec<Value> {
    scene.world.take(conn);
    let text = text(scene, request_id);
    scene.world.text(conn, &text);
    scene.world.take(conn)
}

fn with_id(reply: &Value, request_id: &str) -> Value {
    let mut reply = reply.clone();
    reply["request_id"] = request_id.into();
    reply
}

#[test]
fn a_repeat_gets_the_original_reply_under_its_own_request_id_and_nothing_is_broadcast() {
    let mut scene = Scene::new();
    let other = scene.world.connect(&driver());
    let first = repeat(scene.driver, &mut scene, "r1");
    assert_eq!((first.len(), &first[0]["request_id"], &first[0]["seq"]), (2, &json!("r1"), &json!(2)));
    scene.world.take(scene.staff);
    scene.world.advance(secs(60));
    assert_eq!(repeat(scene.driver, &mut scene, "r2"), [with_id(&first[0], "r2")]);
    assert_eq!(repeat(other, &mut scene, "r3"), [with_id(&first[0], "r3")], "from another device");
    assert!(scene.world.take(scene.staff).is_empty());

    let mut world = World::over(scene.world.store.clone(), unhurried());
    let again = world.connect(&driver());
    world.text(again, &text(&scene, "r4"));
    assert_eq!(world.take(again), [with_id(&first[0], "r4")], "after a restart");
    assert_eq!(world.store.export().conversations[scene.conversation.as_str()].messages.len(), 2);
}

#[test]
fn a_repeat_waits_for_the_first_in_the_same_commit_and_in_the_next() {
    let mut scene = Scene::new();
    let other = scene.world.connect(&driver());
    scene.world.take(scene.staff);
    scene.world.hold = true;
    scene.put(scene.staff, "keeps the commit busy");
    repeat(scene.driver, &mut scene, "first");
    assert!(repeat(other, &mut scene, "same commit").is_empty());
    answer_commit(&mut scene.world, Answer::Good);
    assert!(repeat(scene.driver, &mut scene, "next commit").iter().all(|frame| frame.get("type").is_some()));
    scene.world.settle();
    let mut answers = scene.world.take(scene.driver);
    answers.extend(scene.world.take(other));
    let answers = replies(&answers).into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(answers.len(), 3);
    assert!(
        answers.iter().all(|answer| *answer == with_id(&answers[0], answer["request_id"].as_str().unwrap()))
    );
    assert_eq!(live_seqs(&scene.world.take(scene.staff)), [2, 3]);
}

#[test]
fn a_repeated_creation_is_the_same_conversation_and_notifies_once() {
    let mut world = World::new(unhurried());
    let staff = world.connect(&staff());
    let driver = world.connect(&driver());
    let data = json!({"title": "t", "content": "c", "client_message_id": "a"});
    let first = world.ask(driver, "create_support_conversation", data.clone());
    assert_eq!(world.take(staff).len(), 2);
    world.connect(&admin());
    let mut of_now = first[0].clone();
    of_now["participants"] = json!(["driver_1", "control_1", "control_2"]);
    assert_eq!(world.ask(driver, "create_support_conversation", data.clone()), [of_now], "all of now");
    assert!(world.take(staff).is_empty());

    let conversation = first[0]["conversation_id"].as_str().unwrap().into();
    world.command(Command::Withdraw { conversation, user: core_test_support::driver().id });
    let mut alone = first[0].clone();
    alone["participants"] = json!(["driver_1"]);
    let again = world.ask(driver, "create_support_conversation", data);
    assert_eq!(again, [alone], "P5: who was withdrawn learns who takes part");
}

#[test]
fn an_id_used_for_something_else_is_refused() {
    let mut scene = Scene::new();
    let other = create(&mut scene.world, scene.driver);
    let first = repeat(scene.driver, &mut scene, "r1");
    let send = |conversation: &str, content: &str| {
        about(conversation, json!({"content": content, "client_message_id": "a"}))
    };
    let conversation = scene.conversation.clone();
    let variants = [
        ("send_chat_message", send(&conversation, "different")),
        ("send_chat_message", send(&other, "once")),
        ("send_chat_message", send("conv_unknown", "once")),
        (
            "create_support_conversation",
            json!({"title": "once", "content": "once", "client_message_id": "a"}),
        ),
    ];
    for (kind, data) in variants {
        assert_eq!(scene.world.ask(scene.driver, kind, data.clone()), [reused()], "{data}");
    }
    let data = json!({"title": "t", "content": "c", "client_message_id": "b"});
    scene.world.ask(scene.driver, "create_support_conversation", data.clone());
    for (field, value) in [("title", "u"), ("content", "d"), ("room_type", "emergency_support")] {
        let mut data = data.clone();
        data[field] = value.into();
        assert_eq!(scene.world.ask(scene.driver, "create_support_conversation", data), [reused()], "{field}");
    }
    let data = about(&conversation, json!({"content": "c", "client_message_id": "b"}));
    assert_eq!(scene.world.ask(scene.driver, "send_chat_message", data), [reused()]);
    let data = scene.data(json!({"content": "mine", "client_message_id": "a"}));
    assert_eq!(
        scene.world.ask(scene.staff, "send_chat_message", data)[0]["success"],
        true,
        "each user's own"
    );
    assert_eq!(repeat(scene.driver, &mut scene, "r1"), first[..1], "and the first is still known");
}

#[test]
fn what_was_accepted_is_not_refused_when_membership_or_role_have_changed() {
    let mut scene = Scene::new();
    let (conversation, user) = (scene.conversation.as_str().into(), driver().id);
    let first = repeat(scene.driver, &mut scene, "r1");
    let data = json!({"title": "t", "content": "c", "client_message_id": "b"});
    let created = scene.world.ask(scene.driver, "create_support_conversation", data.clone());
    scene.world.command(Command::Withdraw { conversation, user });
    assert_eq!(repeat(scene.driver, &mut scene, "r1"), first[..1]);
    let promoted = scene.world.connect(&User::new("driver_1", Role::ControlStaff));
    assert_eq!(scene.world.ask(promoted, "create_support_conversation", data), created[..1]);
    let new = json!({"title": "t", "content": "c", "client_message_id": "c"});
    let refused = scene.world.ask(promoted, "create_support_conversation", new);
    assert_eq!(refused[0]["code"], "forbidden");
}

fn one_message_an_hour() -> Scene {
    let rates = RateLimits { messages: Rate { burst: 1, every: secs(3_600) }, ..RateLimits::default() };
    Scene::with(settings(|limits| limits.rates = RateSetting::Limited(rates)))
}

#[test]
fn what_was_accepted_is_not_refused_for_its_rate() {
    let mut scene = one_message_an_hour();
    let first = repeat(scene.driver, &mut scene, "r1");
    assert_eq!(repeat(scene.driver, &mut scene, "r1"), first[..1]);
}

#[test]
fn what_is_under_way_is_not_refused_for_its_rate() {
    let mut scene = one_message_an_hour();
    let other = scene.world.connect(&driver());
    scene.world.hold = true;
    repeat(scene.driver, &mut scene, "r1");
    repeat(other, &mut scene, "r1");
    while scene.world.questions.len() > 1 {
        scene.world.answer(1, Answer::Good);
    }
    scene.world.settle();
    let first = scene.world.take(scene.driver);
    assert_eq!(replies(&scene.world.take(other)), replies(&first), "it waits for the first");
}

#[test]
fn a_change_whose_answer_was_lost_is_found_by_its_repeat() {
    for (answer, heard) in [(Answer::DoneButLost, 0), (Answer::Lost, 1)] {
        let mut scene = Scene::new();
        scene.world.hold = true;
        repeat(scene.driver, &mut scene, "r1");
        answer_commit(&mut scene.world, answer);
        let lost = scene.world.take(scene.driver);
        assert_eq!((&lost[0]["code"], &lost[0]["retry_after_ms"]), (&json!("unavailable"), &json!(1_000)));
        scene.world.hold = false;
        assert_eq!(repeat(scene.driver, &mut scene, "r2")[0]["seq"], 2);
        assert_eq!(scene.ids().len(), 2);
        assert_eq!(live_seqs(&scene.world.take(scene.staff)).len(), heard, "{answer:?}");
    }
}

#[test]
fn a_commanded_send_is_repeated_safely_too() {
    let mut scene = Scene::new();
    let (conversation, user) = (scene.conversation.as_str().into(), driver().id);
    let send = |content: &str| Command::Send {
        user: driver().id,
        conversation: scene.conversation.as_str().into(),
        content: content.into(),
        client_message_id: Some("a".into()),
    };
    let (one, other) = (send("one"), send("other"));
    let first = scene.world.command(one.clone());
    let again = scene.world.command(one.clone());
    let other = scene.world.command(other);
    scene.world.command(Command::Withdraw { conversation, user });
    let removed = scene.world.command(one);
    let answers = &scene.world.answers;
    assert!(matches!(&answers[&first], Ok(Reply::SendChatMessage(reply)) if reply.seq == Some(2)));
    assert_eq!(answers[&again], answers[&first]);
    assert_eq!(answers[&removed], answers[&first], "although the user takes part no more");
    assert_eq!(answers[&other].as_ref().unwrap_err().code.as_str(), "client_message_id_reused");
}

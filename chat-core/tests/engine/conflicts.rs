//! Participants may change between a decision and its commit. The request is then decided again, in
//! order.

use chat_core::engine::{Command, Input};
use chat_core::store::{Committed, Event, Membership};
use chat_core::testing::world::{Answer, Question};
use core_test_support::*;
use serde_json::json;

fn withdraw(scene: &Scene, user: &str) -> Command {
    Command::Withdraw { conversation: scene.conversation.as_str().into(), user: user.into() }
}

fn enrol(scene: &Scene, user: &str) -> Command {
    Command::Enrol { conversation: scene.conversation.as_str().into(), user: user.into() }
}

/// Stops the answers. The commit under way enrols a user.
fn begin_to_enrol(scene: &mut Scene) {
    scene.world.connect(&other_driver());
    scene.world.hold = true;
    let change = enrol(scene, "driver_2");
    scene.world.command(change);
    while !matches!(scene.world.questions[..], [Question::Commit(..)]) {
        scene.world.answer(0, Answer::Good);
    }
}

#[test]
fn what_waits_for_facts_does_not_overtake_what_meets_a_conflict() {
    let mut scene = Scene::new();
    begin_to_enrol(&mut scene);
    scene.put(scene.driver, "first");
    answer_commit(&mut scene.world, Answer::DoneButLost);
    scene.put(scene.driver, "second");
    answer_commit(&mut scene.world, Answer::Good);
    assert!(matches!(scene.world.questions[..], [Question::Load(..), Question::Load(..)]));
    // Everything that the second one needs comes before the first one's account.
    scene.world.answer(0, Answer::Good);
    while scene.world.questions.len() > 1 {
        scene.world.answer(1, Answer::Good);
    }
    scene.world.settle();
    assert_eq!(texts(&scene)[1..], ["first", "second"]);
}

/// The texts of the conversation.
fn texts(scene: &Scene) -> Vec<String> {
    let export = scene.world.store.export();
    let messages = &export.conversations[scene.conversation.as_str()].messages;
    messages.iter().map(|message| message.content.to_string()).collect()
}

#[test]
fn changes_that_met_a_conflict_are_decided_again_in_their_order() {
    for cached in [1, 20_000] {
        let mut scene = Scene::with(settings(|limits| limits.engine.cached_conversations = cached));
        let stranger = scene.world.connect(&other_driver());
        scene.world.hold = true;
        (0..5).for_each(|number| scene.put(scene.driver, &format!("{number}")));
        let change = enrol(&scene, "driver_2");
        elsewhere(&mut scene, change);
        scene.world.settle();
        let heard = scene.world.take(scene.driver);
        assert_eq!(live_seqs(&heard), [2, 3, 4, 5, 6]);
        assert_eq!(texts(&scene)[1..], ["0", "1", "2", "3", "4"]);
        assert_eq!(live_seqs(&scene.world.take(stranger)), [2, 3, 4, 5, 6], "who takes part now hears it");
    }
}

#[test]
fn what_was_decided_on_newer_facts_does_not_overtake_what_meets_a_conflict() {
    let mut scene = Scene::new();
    begin_to_enrol(&mut scene);
    scene.put(scene.driver, "first");
    answer_commit(&mut scene.world, Answer::Good);
    scene.put(scene.driver, "second");
    scene.world.settle();
    assert_eq!(texts(&scene)[1..], ["first", "second"]);
    assert_eq!(live_seqs(&scene.world.take(scene.driver)), [2, 3]);
}

#[test]
fn what_waits_does_not_overtake_what_is_refused_for_a_conflict_of_another() {
    let mut scene = Scene::with(settings(|limits| limits.engine.changes_per_commit = 2));
    let elsewhere = create(&mut scene.world, scene.driver);
    begin_to_enrol(&mut scene);
    for _ in 0..2 {
        let data = about(&elsewhere, json!({"content": "fills the next commit"}));
        scene.world.request(scene.driver, "send_chat_message", data);
    }
    scene.put(scene.staff, "on old facts");
    answer_commit(&mut scene.world, Answer::Good);
    scene.put(scene.driver, "first");
    answer_commit(&mut scene.world, Answer::Good);
    assert!(matches!(&scene.world.questions[..], [Question::Commit(_, changes)] if changes.len() == 2));
    scene.put(scene.driver, "second");
    scene.world.settle();
    let texts = texts(&scene);
    let place = |text| texts.iter().position(|other| other == text).unwrap();
    assert!(place("first") < place("second"), "{texts:?}");
    assert_eq!(texts.len(), 4);
}

#[test]
fn who_takes_part_no_more_is_refused() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.driver, "too late");
    scene.read(scene.driver, "msg_zzzzzzzzzzzzzzzz1");
    let change = withdraw(&scene, "driver_1");
    elsewhere(&mut scene, change);
    scene.world.settle();
    assert_eq!(scene.world.take(scene.driver), [not_found(), not_found()]);
    assert_eq!(scene.ids().len(), 1);
}

#[test]
fn a_command_in_the_same_commit_comes_in_its_order() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.staff, "keeps the commit busy");
    scene.put(scene.driver, "before");
    let command = withdraw(&scene, "driver_1");
    scene.world.command(command);
    scene.world.answer(1, Answer::Good);
    scene.put(scene.driver, "after");
    scene.world.settle();
    let heard = scene.world.take(scene.driver);
    let answers = replies(&heard);
    assert_eq!((&answers[0]["seq"], answers[1]), (&json!(3), &not_found()));
    assert_eq!(live_seqs(&heard), [2, 3]);
}

#[test]
fn after_three_retries_it_is_unavailable() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.driver, "never lucky");
    for round in 0..4 {
        assert!(scene.world.take(scene.driver).is_empty(), "{round}");
        let flip = if round % 2 == 0 { withdraw(&scene, "control_1") } else { enrol(&scene, "control_1") };
        elsewhere(&mut scene, flip);
        answer_commit(&mut scene.world, Answer::Good);
        for _ in 0..if round < 3 { 2 } else { 0 } {
            assert!(matches!(scene.world.questions[..], [Question::Load(..)]), "account, then conversation");
            scene.world.answer(0, Answer::Good);
        }
    }
    let heard = scene.world.take(scene.driver);
    assert_eq!(
        (heard.len(), &heard[0]["code"], &heard[0]["retry_after_ms"]),
        (1, &json!("unavailable"), &json!(1_000))
    );
    scene.world.settle();
    assert_eq!(scene.ids().len(), 1);
    scene.world.hold = false;
    assert_eq!(scene.send(scene.driver, "lucky")[0]["seq"], 2);
}

#[test]
fn a_message_is_heard_however_small_the_cache_and_whatever_meets_a_conflict() {
    let mut scene = Scene::with(settings(|limits| {
        limits.rates = chat_core::limits::RateSetting::Lifted;
        limits.engine.cached_conversations = 1;
    }));
    let second = scene.world.connect(&regulator());
    let others = [create(&mut scene.world, second), create(&mut scene.world, second)];
    begin_to_enrol(&mut scene);
    let change = withdraw(&scene, "control_2");
    elsewhere(&mut scene, Command::Import(admin()));
    elsewhere(&mut scene, change);
    scene.put(scene.driver, "is this heard?");
    scene.world.answer(0, Answer::Good);
    for other in &others {
        scene.world.request(second, "send_chat_message", about(other, json!({"content": "x"})));
    }
    scene.world.settle();
    let heard = scene.world.take(scene.staff);
    let of_scene: Vec<_> =
        heard.into_iter().filter(|f| f["conversation_id"] == json!(scene.conversation)).collect();
    assert_eq!(live_seqs(&of_scene), [2]);
}

#[test]
fn a_change_of_nothing_is_no_event() {
    let mut scene = Scene::new();
    let again = enrol(&scene, "control_1");
    let id = scene.world.command(again);
    assert!(scene.world.answers[&id].is_ok());
    assert!(!scene.world.events.iter().any(|event| matches!(event, Event::MemberAdded(_))));
    let membership =
        Membership { conversation: scene.conversation.as_str().into(), version: 1, user: "x".into() };
    let verdicts = scene.world.store.judge(vec![chat_core::store::Change::Withdraw(membership)]);
    assert!(matches!(verdicts[..], [Ok(Committed { event: None, .. })]));
}

#[test]
fn facts_that_are_older_than_what_was_applied_are_loaded_again() {
    for evicted in [true, false] {
        let mut scene = Scene::with(settings(|limits| limits.engine.cached_conversations = 1));
        create(&mut scene.world, scene.driver);
        scene.world.take(scene.staff);
        scene.world.hold = true;
        let data = scene.data(json!({}));
        scene.world.request(scene.staff, "get_conversation_messages", data);
        let Question::Load(ticket, query) = scene.world.questions.remove(0) else {
            panic!("it is not in the cache")
        };
        let old = scene.world.store.answer(query);
        scene.world.hold = false;
        let command = withdraw(&scene, "control_1");
        scene.world.command(command);
        if evicted {
            create(&mut scene.world, scene.driver);
        }
        scene.world.input(Input::Loaded { ticket, result: Ok(old) });
        let heard = scene.world.take(scene.staff);
        assert_eq!(replies(&heard), [&not_found()], "evicted: {evicted}");
        scene.send(scene.driver, "in private");
        assert!(scene.world.take(scene.staff).is_empty());
    }
}

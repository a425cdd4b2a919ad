//! Without its store the engine answers `unavailable`, keeps the order, and goes on.

#[expect(dead_code, reason = "each file of tests uses its own part of what they share")]
mod support;

use chat_core::engine::{Claims, Command, CommandId, ConnectionId, Engine, Input, Output, Ticket};
use chat_core::protocol::CloseCode;
use chat_core::store::{MemoryState, Query, Unavailable};
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question, START};
use chat_core::time::Now;
use serde_json::{Value, json};
use support::*;

fn unavailable() -> Value {
    let mut reply =
        error("unavailable", "Database connection issue, try again with the same client_message_id");
    reply["retry_after_ms"] = json!(1_000);
    reply
}

#[test]
fn a_load_that_fails_is_answered_in_its_turn() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.driver, "first");
    scene.world.request(scene.driver, "get_active_conversations", json!({}));
    scene.put(scene.driver, "third");
    answer_commit(&mut scene.world, Answer::Good);
    scene.world.answer(0, Answer::Lost);
    scene.world.settle();
    let heard = scene.world.take(scene.driver);
    let answers = replies(&heard);
    assert_eq!(
        (answers[0]["seq"].clone(), answers[1], answers[2]["seq"].clone()),
        (json!(2), &unavailable(), json!(3))
    );
}

#[test]
fn a_commit_that_fails_takes_all_of_its_changes_and_no_other() {
    for answer in [Answer::Lost, Answer::DoneButLost] {
        let mut scene = Scene::new();
        scene.world.hold = true;
        scene.put(scene.driver, "one");
        scene.put(scene.driver, "two");
        scene.put(scene.staff, "three");
        answer_commit(&mut scene.world, Answer::Good);
        let first = scene.world.take(scene.driver);
        answer_commit(&mut scene.world, answer);
        assert_eq!(scene.world.take(scene.driver), [unavailable()]);
        assert_eq!(scene.world.take(scene.staff).last(), Some(&unavailable()));
        scene.put(scene.driver, "four");
        scene.world.settle();
        assert_eq!(replies(&first)[0]["seq"], 2);
        let expected = if answer == Answer::Lost { 3 } else { 5 };
        assert_eq!(replies(&scene.world.take(scene.driver))[0]["seq"], expected);
    }
}

#[test]
fn a_store_that_gives_another_number_of_verdicts_is_not_believed() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.driver, "one");
    let Question::Commit(ticket, _) = scene.world.questions.remove(0) else { panic!("a commit waits") };
    scene.world.input(Input::Committed { ticket, result: Ok(Vec::new()) });
    assert_eq!(scene.world.take(scene.driver), [unavailable()]);
    scene.world.input(Input::Committed { ticket, result: Ok(Vec::new()) });
    scene.world.hold = false;
    assert_eq!(scene.send(scene.driver, "goes on")[0]["seq"], 2);
}

#[test]
fn the_directory_and_the_enrolment_are_tried_again() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.world.connect(&admin());
    scene.world.answer(0, Answer::Good);
    scene.world.answer(0, Answer::Good);
    scene.world.answer(0, Answer::Lost);
    scene.world.advance(secs(1));
    scene.world.answer(0, Answer::Good);
    answer_commit(&mut scene.world, Answer::Lost);
    scene.world.advance(secs(1));
    scene.world.settle();
    let export = scene.world.store.export();
    assert_eq!(export.conversations[scene.conversation.as_str()].conversation.participants.len(), 3);
    assert!(!export.accounts[&admin().id].enrolment_due);
}

#[test]
fn an_account_change_that_was_lost_is_forgotten() {
    let mut world = World::new(unhurried());
    let driver = world.connect(&driver());
    world.hold = true;
    let import = world.command(Command::Import(staff()));
    world.answer(0, Answer::Good);
    world.answer(0, Answer::Lost);
    world.settle();
    world.hold = false;
    assert!(world.answers[&import].is_err());
    let data = json!({"title": "t", "content": "c"});
    let reply = world.ask(driver, "create_support_conversation", data);
    assert_eq!(reply[0]["participants"], json!(["driver_1"]));
}

/// All that an engine asks for now.
fn outputs(engine: &mut Engine, now: Now, inputs: Vec<Input>) -> Vec<Output> {
    inputs.into_iter().for_each(|input| engine.handle(now, input));
    std::iter::from_fn(|| engine.poll()).collect()
}

fn loads(outputs: &[Output]) -> Vec<Ticket> {
    let tickets = outputs.iter().filter_map(|output| match output {
        Output::Load { ticket, .. } => Some(*ticket),
        _ => None,
    });
    tickets.collect()
}

#[test]
fn who_comes_before_the_store_can_be_read_waits_for_one_attempt_and_is_told_to_come_again() {
    let mut engine = Engine::new(unhurried(), [7; 32]);
    let mut now = Now { wall: START, ..Now::default() };
    let claims = Claims { user: driver(), expires_at: START.plus(secs(600)) };
    for attempt in 0..3 {
        let connected = Input::Connected { conn: ConnectionId(attempt), claims: claims.clone() };
        let command = Input::Command { id: CommandId(attempt), command: Command::Deactivate(staff().id) };
        let asked = outputs(&mut engine, now, vec![connected, command, Input::Tick]);
        let failed = Err(Unavailable::new("it is away"));
        let ticket = loads(&asked)[0];
        let told = outputs(&mut engine, now, vec![Input::Loaded { ticket, result: failed }]);
        let [
            Output::Send { frame, .. },
            Output::Close { code: CloseCode::TryAgainLater, .. },
            Output::Answer { result: Err(refusal), .. },
            Output::WakeAt(Some(again)),
        ] = &told[..]
        else {
            panic!("{told:?}")
        };
        let error: Value = serde_json::from_slice(frame).unwrap();
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("unavailable")));
        assert_eq!(refusal.code.as_str(), "unavailable");
        assert_eq!(*again, now.monotonic.plus(secs(1)), "then it is tried again");
        now.monotonic = *again;
    }
    let connected = Input::Connected { conn: ConnectionId(3), claims };
    let ticket = loads(&outputs(&mut engine, now, vec![connected, Input::Tick]))[0];
    let result = Ok(MemoryState::new("e").answer(Query::Directory));
    let told = outputs(&mut engine, now, vec![Input::Loaded { ticket, result }]);
    assert_eq!(loads(&told).len(), 1, "the user's account: {told:?}");
}

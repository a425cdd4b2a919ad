//! Without its store the engine answers `unavailable`, keeps the order, and goes on.

use chat_core::conversation::Standing;
use chat_core::engine::{Claims, Command, CommandId, ConnectionId, Engine, Input, Output, Ticket};
use chat_core::id::{ConversationId, MessageId};
use chat_core::protocol::{CloseCode, User};
use chat_core::store::{
    Account, AppendMessage, Change, Committed, Event, MembershipChanged, MemoryState, MessageAppended,
    Original, Position, Query, ReadMarked, Rejected, UnavailableError, Verdict,
};
use chat_core::testing::World;
use chat_core::testing::world::{Answer, Question, START};
use chat_core::time::Now;
use core_test_support::*;
use serde_json::{Value, json};

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

/// Verdicts that no store may give to a message of the driver, to a read position of control, and
/// to a new account. [`judge`] gives each message the id of its change.
fn of_other_changes(scene: &Scene) -> [Vec<Verdict>; 3] {
    let conversation = ConversationId::from(scene.conversation.as_str());
    let happened = |event| Ok(Committed { position: Position(1_000), event });
    let account = || happened(Some(Event::AccountPut { account: Account::new(admin()) }));
    let message = |sender: User, seq| MessageAppended {
        conversation: conversation.clone(),
        seq,
        message_id: "msg_x".into(),
        sender: sender.id,
        sent_at: START,
        entry: None,
        work: None,
        emergency: None,
        is_press: false,
        order: None,
        client_message_id: None,
        content_hash: None,
        content: "x".into(),
    };
    let appended = |sender, seq| happened(Some(Event::MessageAppended(message(sender, seq))));
    let read = |user: User| {
        let (message_id, at) = (Some("msg_x".into()), Some(START));
        let conversation = conversation.clone();
        happened(Some(Event::ReadMarked(ReadMarked {
            conversation,
            user: user.id,
            up_to: 1,
            by_control: false,
            message_id,
            at,
        })))
    };
    let member = || {
        let (conversation, user, was) = (conversation.clone(), driver().id, Standing::Unnamed);
        let standing = Some(Standing::Member);
        let changed = MembershipChanged { conversation, user, version: 9, was, standing };
        happened(Some(Event::MemberAdded(changed)))
    };
    let duplicate = || Err(Rejected::Duplicate(Original::Message(Box::new(message(driver(), 1)))));
    let epoch = || happened(Some(Event::EpochBegun { epoch: "another".into() }));
    let others = || vec![member(), duplicate(), epoch()];
    let told_before = [appended(driver(), 0), appended(driver(), 1)];
    let to_a_message = [account(), read(driver()), happened(None), appended(staff(), 2)];
    let to_an_account = [account(), appended(driver(), 2), read(driver()), happened(None)];
    [
        others().into_iter().chain(told_before).chain(to_a_message).collect(),
        others().into_iter().chain([account(), appended(staff(), 2), read(driver())]).collect(),
        others().into_iter().chain(to_an_account).collect(),
    ]
}

/// Answers each change of the waiting commit with this verdict. A message has the id of its change,
/// so that nothing but the rest of the verdict is wrong.
fn judge(scene: &mut Scene, verdict: &Verdict) {
    let place = commit_at(&scene.world);
    let Question::Commit(ticket, changes) = scene.world.questions.remove(place) else { unreachable!() };
    let of = |change: &Change| {
        let mut verdict = verdict.clone();
        if let Ok(Committed { event: Some(Event::MessageAppended(appended)), .. }) = &mut verdict
            && let Change::AppendMessage(AppendMessage { nonce, .. }) = change
        {
            appended.message_id = MessageId::compose(*nonce, appended.seq);
        }
        verdict
    };
    let result = Ok(changes.iter().map(of).collect());
    scene.world.input(Input::Committed { ticket, result });
}

/// Answers the waiting commit with the verdicts of its changes in the opposite order, and returns
/// their number.
fn judge_reversed(world: &mut World) -> usize {
    let place = commit_at(world);
    let Question::Commit(ticket, changes) = world.questions.remove(place) else { unreachable!() };
    let mut verdicts = world.store.judge(changes);
    verdicts.reverse();
    let count = verdicts.len();
    world.input(Input::Committed { ticket, result: Ok(verdicts) });
    count
}

#[test]
fn an_event_of_another_change_is_not_believed() {
    // Every scene has the same ids.
    let [to_a_message, to_reading, to_an_account] = of_other_changes(&Scene::new());
    for verdict in to_a_message {
        let mut scene = Scene::new();
        scene.world.hold = true;
        scene.put(scene.driver, "one");
        judge(&mut scene, &verdict);
        assert_eq!(scene.world.take(scene.driver), [unavailable()], "{verdict:?}");
        assert!(scene.world.take(scene.staff).is_empty(), "{verdict:?}");
        scene.world.hold = false;
        assert_eq!(scene.send(scene.driver, "goes on")[0]["seq"], 2, "{verdict:?}");
        assert_eq!(live_seqs(&scene.world.take(scene.staff)), [2], "{verdict:?}");
    }
    for verdict in to_reading {
        let mut scene = Scene::new();
        let first = scene.ids()[0].clone();
        scene.world.hold = true;
        let data = scene.data(json!({"message_id": first}));
        scene.world.request(scene.staff, "mark_message_read", data);
        scene.world.answer(0, Answer::Good);
        judge(&mut scene, &verdict);
        assert_eq!(scene.world.take(scene.staff), [unavailable()], "{verdict:?}");
        assert!(scene.world.take(scene.driver).is_empty(), "{verdict:?}");
        scene.world.hold = false;
        assert_eq!(scene.read(scene.staff, &first), [json!({"success": true})]);
        assert_eq!(of_type(&scene.world.take(scene.driver), "message_read").len(), 1, "{verdict:?}");
    }
    for verdict in to_an_account {
        let mut scene = Scene::new();
        scene.world.hold = true;
        let new = scene.world.connect(&other_driver());
        scene.world.answer(0, Answer::Good);
        judge(&mut scene, &verdict);
        assert_eq!(closed(&scene.world, new), Some(CloseCode::TryAgainLater), "{verdict:?}");
        scene.world.hold = false;
        scene.world.advance(secs(1));
        let again = scene.world.connect(&other_driver());
        create(&mut scene.world, again);
    }
}

#[test]
fn an_event_of_another_change_withdraws_nobody() {
    let [verdicts, ..] = of_other_changes(&Scene::new());
    let says_nothing = |verdict: &&Verdict| matches!(verdict, Ok(Committed { event: None, .. }));
    for verdict in verdicts.iter().filter(|verdict| !says_nothing(verdict)) {
        let mut scene = Scene::new();
        scene.world.hold = true;
        let (conversation, user) = (scene.conversation.as_str().into(), staff().id);
        let id = scene.world.command(Command::Withdraw { conversation, user });
        scene.world.answer(0, Answer::Good);
        judge(&mut scene, verdict);
        assert_eq!(
            scene.world.answers[&id].as_ref().unwrap_err().code.as_str(),
            "unavailable",
            "{verdict:?}"
        );
        scene.world.hold = false;
        scene.send(scene.driver, "goes on");
        assert_eq!(live_seqs(&scene.world.take(scene.staff)), [2], "{verdict:?}");
    }
}

#[test]
fn the_event_of_another_message_of_the_same_sender_is_not_believed() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.put(scene.staff, "keeps the commit busy");
    ["one", "two"].iter().for_each(|content| scene.put(scene.driver, content));
    answer_commit(&mut scene.world, Answer::Good);
    scene.world.take(scene.driver);
    assert_eq!(judge_reversed(&mut scene.world), 2);
    let heard = scene.world.take(scene.driver);
    assert_eq!((replies(&heard), live_seqs(&heard)), (vec![&unavailable(), &unavailable()], vec![]));
    scene.world.hold = false;
    assert_eq!(replies(&scene.send(scene.driver, "goes on"))[0]["seq"], 5);
}

/// Asks for two messages of the same text under two ids.
fn put_twins(scene: &mut Scene) {
    for id in ["a", "b"] {
        let data = scene.data(json!({"content": "the same", "client_message_id": id}));
        scene.world.request(scene.driver, "send_chat_message", data);
    }
}

#[test]
fn the_original_of_another_repeat_of_the_same_sender_is_not_believed() {
    let mut scene = Scene::new();
    put_twins(&mut scene);
    // After a restart only the store knows the ids.
    scene.world = World::over(scene.world.store.clone(), unhurried());
    scene.driver = scene.world.connect(&driver());
    scene.staff = scene.world.connect(&staff());
    scene.send(scene.staff, "loads the conversation");
    scene.world.hold = true;
    scene.put(scene.staff, "keeps the commit busy");
    put_twins(&mut scene);
    answer_commit(&mut scene.world, Answer::Good);
    scene.world.take(scene.driver);
    assert_eq!(judge_reversed(&mut scene.world), 2);
    assert_eq!(scene.world.take(scene.driver), [unavailable(), unavailable()]);
}

#[test]
fn another_read_position_of_the_same_reader_is_not_believed() {
    let mut scene = Scene::new();
    scene.send(scene.driver, "the second message");
    let ids = scene.ids();
    scene.world.take(scene.staff);
    scene.world.hold = true;
    scene.put(scene.driver, "keeps the commit busy");
    for id in &ids[..2] {
        let data = scene.data(json!({"message_id": id}));
        scene.world.request(scene.staff, "mark_message_read", data);
        scene.world.answer(1, Answer::Good);
    }
    answer_commit(&mut scene.world, Answer::Good);
    scene.world.take(scene.staff);
    assert_eq!(judge_reversed(&mut scene.world), 2);
    assert_eq!(scene.world.take(scene.staff), [unavailable(), unavailable()]);
}

#[test]
fn the_directory_is_read_until_it_tells_what_became_of_an_account() {
    let mut scene = Scene::new();
    scene.world.hold = true;
    scene.world.command(Command::Import(admin()));
    scene.world.answer(0, Answer::Good);
    scene.world.answer(0, Answer::DoneButLost);
    scene.world.answer(0, Answer::Lost);
    scene.world.advance(secs(1));
    scene.world.settle();
    scene.world.hold = false;
    let data = json!({"title": "t", "content": "c"});
    let reply = scene.world.ask(scene.driver, "create_support_conversation", data);
    assert_eq!(reply[0]["participants"], json!(["driver_1", "control_1", "control_2"]));
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
    let claims = Claims { user: driver(), expires_at: START.plus(secs(600)), issued_at: None };
    for attempt in 0..3 {
        let connected = Input::Connected { conn: ConnectionId(attempt), claims: claims.clone() };
        let command = Input::Command { id: CommandId(attempt), command: Command::Deactivate(staff().id) };
        let asked = outputs(&mut engine, now, vec![connected, command, Input::Tick]);
        let failed = Err(UnavailableError::new("it is away"));
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
    assert_eq!(loads(&told).len(), 3, "the emergencies, the orders, and the user's account: {told:?}");
}

//! Answers of the store, and the history that they cover.

use chat_core::engine::{Claims, Command, ConnectionId, Engine, Input, Output};
use chat_core::protocol::CloseCode;
use chat_core::store::{MemoryState, Position, UnavailableError};
use chat_core::testing::world::{Answer, Question, START};
use chat_core::time::Now;
use core_test_support::{
    answer_commit, closed, commit_at, create, driver, other_driver, secs, staff, unhurried,
};
use serde_json::{Value, json};

use super::{Shared, Two, live};

#[test]
fn facts_wait_for_the_events_that_they_cover() {
    let mut shared = Shared::new();
    shared.say_there("two");
    let data = json!({"conversation_id": shared.conversation, "after_seq": 1});
    assert!(shared.two.here.ask(shared.driver, "join_conversation", data).is_empty(), "not heard yet");
    shared.two.here.hear();
    let heard = shared.two.here.take(shared.driver);
    assert_eq!((&heard[0]["last_seq"], live(&heard)), (&json!(2), vec!["two"]), "then both, in order");
}

#[test]
fn a_commit_waits_for_the_events_before_it() {
    let mut shared = Shared::new();
    shared.say_there("two");
    shared.say(shared.driver, "three");
    assert!(shared.two.here.take(shared.driver).is_empty());
    shared.two.here.hear();
    let heard = shared.two.here.take(shared.driver);
    assert_eq!((live(&heard), &heard[1]["success"]), (vec!["two", "three"], &json!(true)));
    assert_eq!(live(&shared.two.here.take(shared.staff)), ["two", "three"]);
    let here: Vec<_> = shared.two.here.published.iter().map(|(_, here)| *here).collect();
    assert_eq!(here, [false, true]);
}

#[test]
fn an_own_event_is_heard_behind_the_reply() {
    let mut shared = Shared::new();
    shared.two.here.hold = true;
    shared.say(shared.driver, "two");
    let id = shared.two.here.commit;
    let place = commit_at(&shared.two.here);
    let question = shared.two.here.questions.remove(place);
    let Question::Commit(ticket, changes) = question else { unreachable!() };
    let verdicts = shared.two.here.store.judge_as(id, changes);
    shared.say_there("three");
    shared.two.here.hear();
    assert!(shared.two.here.take(shared.driver).is_empty(), "the reply has not left");
    shared.two.here.input(Input::Committed { ticket, result: Ok(verdicts) });
    let heard = shared.two.here.take(shared.driver);
    assert_eq!((&heard[0]["success"], live(&heard)), (&json!(true), vec!["two", "three"]));
}

#[test]
fn the_history_tells_a_change_whose_answer_was_lost() {
    let mut shared = Shared::new();
    let second = create(&mut shared.two.here, shared.driver);
    [shared.driver, shared.staff].into_iter().for_each(|conn| drop(shared.two.here.take(conn)));
    shared.two.here.hold = true;
    shared.say(shared.driver, "meets a conflict");
    let data = json!({"conversation_id": second, "content": "lost"});
    shared.two.here.request(shared.driver, "send_chat_message", data);
    let (conversation, user) = (shared.conversation.as_str().into(), other_driver().id);
    shared.two.there(|world| {
        world.command(Command::Import(other_driver()));
        world.command(Command::Enrol { conversation, user })
    });
    answer_commit(&mut shared.two.here, Answer::Good);
    answer_commit(&mut shared.two.here, Answer::DoneButLost);
    shared.two.here.hear();
    assert!(shared.two.here.take(shared.driver).is_empty(), "the reply waits for that of the first");
    assert_eq!(live(&shared.two.here.take(shared.staff)), ["lost"]);
    shared.two.here.settle();
    let heard = shared.two.here.take(shared.driver);
    let replies: Vec<_> = heard[..2].iter().map(|reply| &reply["code"]).collect();
    assert_eq!(
        (replies, live(&heard)),
        (vec![&Value::Null, &json!("unavailable")], vec!["lost", "meets a conflict"])
    );
}

#[test]
fn an_answer_is_given_up_if_its_history_does_not_come() {
    let mut shared = Shared::new();
    shared.say_there("two");
    shared.say(shared.driver, "three");
    shared.two.here.advance(secs(4));
    assert!(shared.two.here.take(shared.driver).is_empty());
    shared.two.here.advance(secs(1));
    assert_eq!(shared.two.here.take(shared.driver)[0]["code"], "unavailable");
    shared.two.here.hear();
    assert_eq!(
        live(&shared.two.here.take(shared.driver)),
        ["two", "three"],
        "the history tells it all the same"
    );
}

#[test]
fn a_hole_is_noticed() {
    let mut shared = Shared::new();
    let after = shared.two.here.follows.take().unwrap();
    ["two", "three"].into_iter().for_each(|content| shared.say_there(content));
    let mut followed = shared.two.here.store.follow(after);
    followed.happened.remove(0);
    shared.two.here.input(Input::Heard { result: Ok(followed) });
    assert!(shared.two.here.take(shared.staff).is_empty());
    shared.two.here.advance(secs(1));
    shared.two.here.hear();
    assert_eq!(live(&shared.two.here.take(shared.staff)), ["two", "three"]);
}

#[test]
fn an_event_is_heard_once() {
    let mut shared = Shared::new();
    shared.say_there("two");
    shared.two.here.hear();
    let again = shared.two.here.store.follow(Position(0));
    shared.two.here.input(Input::Heard { result: Ok(again) });
    assert_eq!(live(&shared.two.here.take(shared.staff)), ["two"]);
}

#[test]
fn the_history_is_asked_for_again_after_a_failure() {
    let mut shared = Shared::new();
    shared.two.here.follows = None;
    shared.two.here.input(Input::Heard { result: Err(UnavailableError::new("away")) });
    assert_eq!(shared.two.here.follows, None, "not at once");
    shared.two.here.advance(secs(1));
    assert!(shared.two.here.follows.is_some());
}

#[test]
fn a_user_deactivated_at_another_engine_is_out() {
    let mut shared = Shared::new();
    shared.two.there(|world| world.command(Command::Deactivate(driver().id)));
    shared.two.here.hear();
    assert_eq!(closed(&shared.two.here, shared.driver), Some(CloseCode::Deactivated));
}

#[test]
fn a_user_deactivated_while_connecting_to_another_engine_stays_out() {
    let mut two = Two::new();
    two.here.hold = true;
    let conn = two.here.connect(&other_driver());
    two.here.answer(0, Answer::Good);
    two.there(|world| world.command(Command::Deactivate(other_driver().id)));
    two.here.settle();
    two.here.hear();
    two.here.settle();
    assert_eq!(closed(&two.here, conn), Some(CloseCode::Deactivated));
    assert!(!two.here.store.exported().accounts[&other_driver().id].account.active);
}

#[test]
fn a_connection_from_before_the_directory_is_refused() {
    let mut engine = Engine::new(unhurried(), [9; 32]);
    let (conn, expires_at) = (ConnectionId(1), START.plus(secs(1_000)));
    let claims = Claims { user: staff(), expires_at, issued_at: None };
    engine.handle(Now::default(), Input::Connected { conn, claims });
    let Some(Output::Load { ticket, query }) = engine.poll() else { panic!("the directory is loaded first") };
    let loaded = MemoryState::new("epoch_1").shared().answer(query);
    engine.handle(Now::default(), Input::Loaded { ticket, result: Ok(loaded) });
    let closed = std::iter::from_fn(|| engine.poll()).find_map(|output| match output {
        Output::Close { code, .. } => Some(code),
        _ => None,
    });
    assert_eq!(closed, Some(CloseCode::TryAgainLater));
}

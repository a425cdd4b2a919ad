//! A token that came while the session of another one stood.

use chat_client::machine::Input;
use chat_client::{ConnectionState, StopReason};
use chat_core::protocol::CloseCode;
use serde_json::json;

use crate::support::{Scene, list};

/// Live, asked for the next token.
fn due(scene: &mut Scene) {
    scene.reply("get_active_conversations", list(&json!([])));
    scene.provider_answers(false);
    scene.pass_minutes(9);
    assert!(scene.is_provider_asked());
}

#[test]
fn one_that_is_under_way_when_the_session_ends_is_used_for_the_next() {
    let mut scene = Scene::connected();
    due(&mut scene);
    scene.give_token("second");
    // Before the answer to `refresh_token`.
    scene.close(CloseCode::TokenExpired);
    assert_eq!(scene.presented(), ["first", "second"]);
    assert!(!scene.is_provider_asked(), "there is one that was not tried");
}

#[test]
fn one_that_the_session_may_not_be_prolonged_by_is_used_for_the_next() {
    let mut scene = Scene::connected();
    due(&mut scene);
    scene.give_token("other role");
    scene.reply("refresh_token", json!({"success": false, "error": "…", "code": "token_mismatch"}));
    scene.close(CloseCode::TokenExpired);
    assert_eq!(scene.presented(), ["first", "other role"]);
    // And it is tried once.
    scene.close(CloseCode::TokenExpired);
    scene.pass_minutes(1);
    scene.give_token("other role");
    assert_eq!(scene.presented(), ["first", "other role"]);
    assert!(matches!(scene.state(), ConnectionState::Stopped(_)));
}

#[test]
fn one_that_was_asked_for_before_the_session_ended_may_be_the_old_one() {
    let mut scene = Scene::connected();
    due(&mut scene);
    scene.close(CloseCode::TokenExpired);
    scene.give_token("first");
    assert!(scene.is_provider_asked(), "now it can know");
    scene.give_token("second");
    assert_eq!(scene.presented(), ["first", "second"]);
}

#[test]
fn new_ones_that_the_server_calls_expired_too_end_it() {
    let mut scene = Scene::connected();
    scene.provider_answers(false);
    scene.close(CloseCode::TokenExpired);
    scene.give_token("second");
    scene.close(CloseCode::TokenExpired);
    assert_eq!(*scene.state(), ConnectionState::Stopped(StopReason::TokenExpired));
    scene.pass_minutes(60);
    assert!(!scene.is_provider_asked(), "no loop");
    scene.give(Input::Resume);
    scene.give_token("third");
    assert_eq!(scene.presented(), ["first", "second", "third"]);
}

#[test]
fn one_that_comes_after_the_end_changes_nothing() {
    let mut scene = Scene::connected();
    due(&mut scene);
    scene.give(Input::Close);
    scene.give(Input::Token(Ok("e30.eyJzdWIiOiJkcml2ZXJfMiJ9.".into()))); // Of another user.
    assert_eq!(*scene.state(), ConnectionState::Closed);
}

#[test]
fn an_old_one_in_the_answer_to_the_question_for_another_ends_it() {
    let mut scene = Scene::connected();
    due(&mut scene);
    scene.give_token("first");
    scene.close(CloseCode::TokenExpired);
    scene.give_token("first");
    assert!(matches!(scene.state(), ConnectionState::Stopped(_)));
    scene.give(Input::Tick);
    assert!(!scene.is_provider_asked(), "no loop");
}

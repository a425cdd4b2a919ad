//! Tokens that arrive during the session of another one.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_client::machine::Input;
use chat_client::{ConnectionState, StopReason, Token, WaitCause};
use chat_core::protocol::CloseCode;
use serde_json::json;

use crate::machine::support::{Scene, lasting, list};

fn assert_waits(scene: &Scene, why: WaitCause) {
    let state = scene.state();
    assert!(matches!(state, ConnectionState::Waiting { cause, .. } if *cause == why), "{state:?}");
}

/// Live, and asked for the next token.
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
    // The token is not tried again before a pause.
    scene.close(CloseCode::TokenExpired);
    assert_waits(&scene, WaitCause::TokenExpired);
    scene.pass_minutes(1);
    scene.give_token("other role");
    assert_eq!(scene.presented(), ["first", "other role", "other role"]);
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

/// The clock of the server, or of the issuer, is wrong for a while.
#[test]
fn new_ones_that_the_server_calls_expired_too_are_asked_for_with_growing_pauses() {
    let mut scene = Scene::connected();
    scene.provider_answers(false);
    scene.close(CloseCode::TokenExpired);
    scene.give_token("second");
    scene.close(CloseCode::TokenExpired);
    let mut asked = 0;
    for minute in 0..60 {
        while scene.is_provider_asked() {
            asked += 1;
            scene.give_token(&format!("token {asked}"));
            scene.close(CloseCode::TokenExpired);
        }
        assert_waits(&scene, WaitCause::TokenExpired);
        if minute < 59 {
            scene.pass_minutes(1);
        }
    }
    assert_eq!(asked, 59, "once a minute at the latest, and never at once");
    scene.pass_minutes(1);
    scene.give_token("good");
    scene.reply("get_active_conversations", list(&json!([])));
    assert_eq!(*scene.state(), ConnectionState::Live);
}

/// The same token may be good when the server's clock is right again.
#[test]
fn the_only_one_is_tried_again_after_growing_pauses() {
    for code in [CloseCode::TokenExpired, CloseCode::RightsChanged] {
        let mut scene = Scene::connected();
        scene.reply("get_active_conversations", list(&json!([])));
        scene.close(code);
        let pauses = (0..8).map(|_| {
            let ConnectionState::Waiting { pause, .. } = *scene.state() else {
                panic!("{:?}", scene.state())
            };
            scene.pass(pause);
            scene.close(code);
            pause
        });
        let pauses = pauses.collect::<Vec<_>>();
        assert!(pauses.iter().all(|pause| *pause <= Duration::from_mins(1)), "{pauses:?}");
        assert!(
            pauses[..2].iter().sum::<Duration>() < pauses[6..].iter().sum::<Duration>(),
            "they grow: {pauses:?}"
        );
        assert_eq!(scene.presented().len(), 9, "one try after each pause");
    }
}

#[test]
fn other_rights_lead_to_another_token_at_once_and_the_reason_is_told() {
    let mut scene = Scene::connected();
    scene.reply("get_active_conversations", list(&json!([])));
    scene.provider_answers(false);
    scene.hear(&json!({
        "type": "error", "success": false, "error": "Your rights have changed, connect again with a new token",
        "code": "rights_changed", "retry_after_ms": 300_000,
    }));
    scene.close(CloseCode::RightsChanged);
    scene.give_token("second");
    assert_eq!(scene.presented(), ["first", "second"], "another token need not wait");

    // The new token has other rights too, and so on: the server's pause is kept, although the
    // network comes and goes.
    scene.hear(&json!({
        "type": "error", "success": false, "error": "…", "code": "rights_changed", "retry_after_ms": 300_000,
    }));
    scene.close(CloseCode::RightsChanged);
    assert_waits(&scene, WaitCause::RightsChanged);
    for _ in 0..4 {
        scene.pass_minutes(1);
        scene.give(Input::NetworkIsBack);
        assert!(!scene.is_provider_asked());
    }
    scene.pass_minutes(2);
    assert!(scene.is_provider_asked());
}

/// The server's clock is behind: it calls a token invalid that is only not valid yet.
#[test]
fn one_that_is_valid_from_a_later_time_on_is_tried_again() {
    let claims = json!({"sub": "driver_1", "nbf": 1_705_314_600, "exp": 1_705_318_200});
    let early = || Token::from(format!("early.{}.", URL_SAFE_NO_PAD.encode(claims.to_string())));
    let mut scene = Scene::connected();
    scene.provider_answers(false);
    scene.close(CloseCode::TokenExpired);
    scene.give_this(early());
    scene.close(CloseCode::NotAuthenticated);
    assert_waits(&scene, WaitCause::TokenNotYetValid);
    scene.pass_minutes(1);
    scene.give_this(early());
    assert_eq!(scene.presented(), ["first", "early", "early"]);
    // For any other token the refusal is final.
    let mut scene = Scene::connected();
    scene.close(CloseCode::NotAuthenticated);
    assert!(matches!(scene.state(), ConnectionState::Stopped(StopReason::Refused { .. })));
}

/// This device's clock is an hour ahead: every token looks expired on arrival.
#[test]
fn a_wrong_clock_of_the_device_asks_for_few_tokens() {
    let mut scene = Scene::connected();
    scene.reply("get_active_conversations", list(&json!([])));
    scene.provider_answers(false);
    scene.pass(Duration::from_secs(480 + 117)); // Three seconds before the end.
    let mut asked = 0;
    for second in 0..3_600 {
        if scene.is_provider_asked() {
            asked += 1;
            scene.give_this(lasting(&format!("token {asked}"), 600 + second + 3));
            scene.reply("refresh_token", json!({"success": true, "expires_at": "2024-01-15T10:30:00.000Z"}));
        }
        scene.pass(Duration::from_secs(1));
    }
    assert!((40..80).contains(&asked), "once a minute in the end: {asked}");
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
fn an_old_one_in_the_answer_to_the_question_for_another_leads_to_a_pause() {
    let mut scene = Scene::connected();
    due(&mut scene);
    scene.give_token("first");
    scene.close(CloseCode::TokenExpired);
    scene.give_token("first");
    assert_waits(&scene, WaitCause::TokenExpired);
    scene.give(Input::Tick);
    assert!(!scene.is_provider_asked(), "no loop");
}

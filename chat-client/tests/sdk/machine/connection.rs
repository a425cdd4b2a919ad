//! Conditions for giving up a connection.

use std::time::Duration;

use chat_client::machine::{Call, CallId, Input};
use chat_client::transport::TransportError;
use chat_client::{ConnectionState, Retry, WaitCause};
use chat_core::protocol::{CloseCode, GetActiveConversations};
use serde_json::json;

use crate::machine::support::{Scene, list};

fn ask(scene: &mut Scene, id: u64) {
    let call = Call::GetActiveConversations(GetActiveConversations::default());
    scene.give(Input::Call { id: CallId(id), call });
}

#[test]
fn a_weak_link_over_which_one_long_reply_comes_after_the_other_is_kept() {
    let mut scene = Scene::live(&json!([]));
    (1..=3).for_each(|id| ask(&mut scene, id));
    for _ in 0..3 {
        scene.pass(Duration::from_secs(15));
        assert_eq!(*scene.state(), ConnectionState::Live);
        scene.reply("get_active_conversations", list(&json!([])));
    }
    ask(&mut scene, 4);
    scene.pass(Duration::from_secs(21));
    assert!(
        matches!(scene.state(), ConnectionState::Waiting { .. }),
        "but one over which nothing comes is not"
    );
}

#[test]
fn a_reply_that_was_lost_is_not_waited_for_because_later_ones_come() {
    let mut scene = Scene::live(&json!([]));
    ask(&mut scene, 1);
    scene.lose("get_active_conversations");
    for id in 2..=4 {
        ask(&mut scene, id);
        scene.pass(Duration::from_secs(6));
        scene.reply("get_active_conversations", list(&json!([])));
    }
    scene.pass(Duration::from_secs(3));
    assert!(matches!(scene.state(), ConnectionState::Waiting { .. }));
}

#[test]
fn a_server_that_stops_is_left_within_half_a_second() {
    let mut scene = Scene::live(&json!([]));
    let attempts = scene.presented().len();
    scene.close(CloseCode::GoingAway);
    scene.pass(Duration::from_millis(500));
    assert_eq!(scene.presented().len(), attempts + 1, "another server may be there");
}

/// On a bus the network changes every few seconds, faster than an attempt succeeds.
#[test]
fn an_attempt_under_way_outlives_every_report_of_a_network() {
    let mut scene = Scene::live(&json!([]));
    scene.opens(false);
    scene.reconnect();
    let attempts = scene.presented().len();
    for _ in 0..3 {
        scene.give(Input::NetworkIsBack);
        scene.pass(Duration::from_secs(2));
    }
    scene.open();
    for _ in 0..3 {
        scene.give(Input::NetworkIsBack);
        scene.pass(Duration::from_secs(2));
    }
    scene.reply("get_active_conversations", list(&json!([])));
    assert_eq!(*scene.state(), ConnectionState::Live);
    // A link with 8 s of delay gets one probe and is not given up.
    for _ in 0..4 {
        scene.give(Input::NetworkIsBack);
        scene.pass(Duration::from_secs(2));
    }
    scene.reply("get_active_conversations", list(&json!([])));
    assert!(!scene.has_asked("get_active_conversations"), "one question at a time");
    assert_eq!((scene.state(), scene.presented().len()), (&ConnectionState::Live, attempts));
}

#[test]
fn an_attempt_that_fails_after_the_report_of_a_network_is_followed_by_one_at_once() {
    let mut scene = Scene::live(&json!([]));
    scene.opens(false);
    scene.reconnect();
    let attempts = scene.presented().len();
    scene.give(Input::NetworkIsBack);
    scene.fail(TransportError::network("in a tunnel"));
    assert_eq!(scene.presented().len(), attempts + 1);
    scene.fail(TransportError::network("in a tunnel"));
    assert_eq!(scene.presented().len(), attempts + 1, "by one");
}

#[test]
fn a_pause_that_a_gateway_asks_for_is_kept_whatever_the_network_does() {
    let mut scene = Scene::live(&json!([]));
    scene.opens(false);
    scene.reconnect();
    for _ in 0..20 {
        let attempts = scene.presented().len();
        let retry = Retry::AfterPause(Some(Duration::from_secs(10)));
        scene.give(Input::NetworkIsBack);
        scene.fail(TransportError { retry, reason: "503".into() });
        scene.pass(Duration::from_secs(9));
        scene.give(Input::NetworkIsBack);
        assert_eq!(scene.presented().len(), attempts);
        scene.pass(Duration::from_secs(1));
        assert_eq!(scene.presented().len(), attempts + 1, "the app has said that it is worth it");
    }
}

#[test]
fn an_app_that_comes_and_goes_throws_no_attempt_away() {
    let mut scene = Scene::live(&json!([]));
    scene.give(Input::Background(true));
    let attempts = scene.presented().len();
    for in_background in [false, true, false, true, false] {
        scene.pass(Duration::from_secs(2));
        scene.give(Input::Background(in_background));
    }
    assert_eq!(scene.presented().len(), attempts);
    scene.reply("get_active_conversations", list(&json!([])));
    assert_eq!(scene.presented().len(), attempts + 1, "now the server is told of the other heartbeat");
}

/// Eleven devices of one user, where the server allows ten.
#[test]
fn one_that_was_replaced_comes_back_after_pauses_that_grow() {
    let mut scene = Scene::live(&json!([]));
    let mut pauses = Vec::new();
    for _ in 0..10 {
        scene.pass_minutes(5);
        scene.close(CloseCode::Replaced);
        let ConnectionState::Waiting { pause, cause: WaitCause::Replaced, .. } = *scene.state() else {
            panic!("{:?}", scene.state())
        };
        let attempts = scene.presented().len();
        scene.give(Input::NetworkIsBack);
        assert_eq!(scene.presented().len(), attempts, "no tight loop");
        scene.pass(pause);
        scene.reply("get_active_conversations", list(&json!([])));
        pauses.push(pause.as_secs());
    }
    assert!((5..=10).contains(&pauses[0]), "{pauses:?}");
    assert!(pauses[8..].iter().all(|pause| (300..=600).contains(pause)), "{pauses:?}");
    scene.pass_minutes(60);
    scene.close(CloseCode::Replaced);
    assert!(matches!(scene.state(), ConnectionState::Waiting { pause, .. } if pause.as_secs() <= 10));
}

/// A list of 300 KB over a link of 40 kbit/s takes a minute.
#[test]
fn a_long_reply_over_a_slow_link_is_awaited_as_long_as_bytes_come() {
    let mut scene = Scene::connected();
    for _ in 0..12 {
        scene.pass(Duration::from_secs(15));
        scene.progress();
    }
    assert_eq!(scene.presented().len(), 1, "the connection is not given up for another one");
    scene.reply("get_active_conversations", list(&json!([])));
    assert_eq!(*scene.state(), ConnectionState::Live);

    ask(&mut scene, 1);
    scene.pass(Duration::from_secs(15));
    scene.progress();
    scene.pass(Duration::from_secs(15));
    assert_eq!(
        *scene.state(),
        ConnectionState::Live,
        "20 s after the request, and 15 s after the last bytes"
    );
    scene.pass(Duration::from_secs(6));
    assert!(matches!(scene.state(), ConnectionState::Waiting { .. }), "silence ends it");
}

#[test]
fn bytes_alone_are_not_awaited_for_ever() {
    let mut scene = Scene::live(&json!([]));
    ask(&mut scene, 1);
    for _ in 0..59 {
        scene.pass(Duration::from_secs(10));
        scene.progress();
    }
    assert_eq!(*scene.state(), ConnectionState::Live);
    scene.pass(Duration::from_secs(11));
    assert!(matches!(scene.state(), ConnectionState::Waiting { .. }));
}

#[test]
fn a_handshake_that_comes_slowly_is_awaited_too() {
    let mut scene = Scene::live(&json!([]));
    scene.opens(false);
    scene.reconnect();
    let attempts = scene.presented().len();
    for _ in 0..4 {
        scene.pass(Duration::from_secs(10));
        scene.progress();
    }
    assert_eq!((scene.state(), scene.presented().len()), (&ConnectionState::Connecting, attempts));
    scene.pass(Duration::from_secs(16));
    assert!(matches!(scene.state(), ConnectionState::Waiting { .. }));
}

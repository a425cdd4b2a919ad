//! When a connection is given up, and when it is not.

use std::time::Duration;

use chat_client::ConnectionState;
use chat_client::machine::{Ask, AskId, Input};
use chat_core::protocol::GetActiveConversations;
use serde_json::json;

use crate::support::{Scene, list};

fn ask(scene: &mut Scene, id: u64) {
    let ask = Ask::GetActiveConversations(GetActiveConversations::default());
    scene.give(Input::Ask { id: AskId(id), ask });
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

//! Another store in place of the known one.

use chat_client::Event;
use chat_client::machine::{Input, ViewId};
use serde_json::json;

use crate::machine::support::{Scene, list, messages, new_message, summary};

#[test]
fn what_is_open_is_loaded_anew_also_if_the_catch_up_fails() {
    let mut scene = Scene::live(&json!([summary(5, 5, 0)]));
    scene.give(Input::OpenView { view: ViewId(1), conversation_id: "conv_1".into() });
    scene.reply("join_conversation", messages(1, 5));
    scene.reconnect();
    let mut restored = list(&json!([summary(3, 3, 0)]));
    restored["epoch"] = "epoch_2".into();
    scene.reply("get_active_conversations", restored);
    let asked = scene.reply(
        "join_conversation",
        json!({"success": false, "error": "…", "code": "unavailable", "retry_after_ms": 1_000}),
    );
    assert_eq!(asked["data"]["after_seq"], 5, "asked before it was known");
    let mut page = messages(1, 3);
    page["epoch"] = "epoch_2".into();
    let asked = scene.reply("join_conversation", page);
    assert_eq!((&asked["data"]["after_seq"], &asked["data"]["epoch"]), (&json!(0), &json!("")));
}

#[test]
fn a_history_that_is_shorter_than_what_is_held_is_followed_from_its_own_end() {
    let mut scene = Scene::live(&json!([summary(5, 5, 0)]));
    scene.give(Input::OpenView { view: ViewId(1), conversation_id: "conv_1".into() });
    scene.reply("join_conversation", messages(1, 5));
    scene.reconnect();
    scene.reply("get_active_conversations", list(&json!([summary(3, 3, 0)])));
    let mut page = messages(1, 3);
    page["reset"] = true.into();
    scene.reply("join_conversation", page);
    scene.take_events();
    scene.hear(&new_message(4));
    let told = scene
        .take_events()
        .into_iter()
        .any(|event| matches!(event, Event::NewMessage(message) if message.message.seq == Some(4)));
    assert!(told, "the client must not go silent");
}

#[test]
fn what_comes_live_before_the_server_has_said_its_epoch_is_not_taken_for_the_next_message() {
    for (epoch, told) in [("epoch_1", vec!["message 6"]), ("epoch_2", vec!["another epoch"])] {
        let mut scene = Scene::live(&json!([summary(5, 5, 0)]));
        scene.take_events();
        scene.reconnect();
        scene.hear(&new_message(6));
        assert_eq!(heard(&mut scene), [""; 0], "6 of which history?");
        let mut page = messages(6, 6);
        (page["epoch"], page["reset"]) = (epoch.into(), (epoch != "epoch_1").into());
        scene.reply("join_conversation", page);
        assert_eq!(heard(&mut scene), told);
    }
}

/// Returns the app's events about messages and epochs.
fn heard(scene: &mut Scene) -> Vec<String> {
    let events = scene.take_events().into_iter();
    let heard = events.filter_map(|event| match event {
        Event::NewMessage(message) => message.message.seq.map(|seq| format!("message {seq}")),
        Event::EpochChanged(_) => Some("another epoch".to_owned()),
        _ => None,
    });
    heard.collect()
}

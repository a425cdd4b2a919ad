//! Every message of a conversation is reported once, and none is left out.

use chat_client::Event;
use chat_client::machine::{Input, ViewId};
use chat_core::id::ConversationId;
use serde_json::json;

use crate::machine::support::{Scene, list, messages, new_message, summary};

#[test]
fn a_conversation_that_is_opened_before_the_list_knows_it_is_told_from_its_first_message() {
    let mut scene = Scene::live(&json!([]));
    scene.reconnect();
    scene.give(Input::OpenView { view: ViewId(1), conversation_id: ConversationId::from("conv_1") });
    scene.hear(&new_message(1));
    // This list was loaded before the conversation began, and the next one after.
    scene.reply("get_active_conversations", list(&json!([])));
    scene.reply("join_conversation", messages(1, 1));
    scene.reply("get_active_conversations", list(&json!([summary(1, 0, 1)])));
    scene.reply("join_conversation", messages(1, 1));
    assert_eq!(told(&mut scene), [1]);
}

#[test]
fn what_comes_live_while_another_list_is_under_way_does_not_hide_what_came_before_it() {
    let mut scene = Scene::live(&json!([]));
    scene.reconnect();
    scene.hear(&new_message(1));
    scene.reply("get_active_conversations", list(&json!([])));
    scene.hear(&new_message(2));
    scene.reply("get_active_conversations", list(&json!([summary(1, 0, 1)])));
    scene.reply("join_conversation", messages(1, 2));
    assert_eq!(told(&mut scene), [1, 2]);
}

fn told(scene: &mut Scene) -> Vec<u64> {
    let events = scene.take_events().into_iter();
    let numbers = events.filter_map(|event| match event {
        Event::NewMessage(message) => message.message.seq,
        _ => None,
    });
    numbers.collect()
}

#[test]
fn a_gap_behind_a_snapshot_is_closed_before_what_comes_live() {
    let mut scene = Scene::connected();
    scene.give(Input::OpenView { view: ViewId(1), conversation_id: ConversationId::from("conv_1") });
    // The snapshot overtakes the list, which would say from where on messages are told.
    scene.reply("join_conversation", messages(1, 2));
    scene.hear(&new_message(4));
    assert!(told(&mut scene).is_empty());
    let asked = scene.reply("join_conversation", messages(3, 4));
    assert_eq!(asked["data"]["after_seq"], 2);
    assert_eq!(told(&mut scene), [3, 4]);
}

#[test]
fn whoever_takes_part_again_hears_nothing_twice() {
    let mut scene = Scene::live(&json!([summary(2, 0, 2)]));
    scene.hear(&new_message(3));
    assert_eq!(told(&mut scene), [3]);
    scene.hear(&new_message(5));
    let code = "conversation_not_found";
    scene.reply("join_conversation", json!({"success": false, "error": "Not found", "code": code}));
    scene.reconnect();
    scene.reply("get_active_conversations", list(&json!([summary(6, 0, 6)])));
    let asked = scene.reply("join_conversation", messages(4, 6));
    assert_eq!(asked["data"]["after_seq"], 3);
    assert_eq!(told(&mut scene), [4, 5, 6]);
}

//! Notes of control: a conversation of their own, which no list has.

use chat_client::Event;
use serde_json::{Value, json};

use crate::machine::support::{Scene, list, new_message};

fn note(seq: u64) -> Value {
    let mut note = new_message(seq);
    note["conversation_id"] = "notes_conv_1".into();
    note
}

/// The numbers of the reported messages.
fn heard(scene: &mut Scene) -> Vec<Option<u64>> {
    let events = scene.take_events().into_iter();
    let heard = events.map(|event| match event {
        Event::NewMessage(event) => event.message.seq,
        other => panic!("{other:?} about notes"),
    });
    heard.collect()
}

#[test]
fn notes_are_reported_without_a_row_and_without_a_count() {
    let mut scene = Scene::live(&json!([]));
    scene.take_events();
    scene.hear(&note(7));
    scene.hear(&note(8));
    assert_eq!(heard(&mut scene), [Some(7), Some(8)]);
    assert!(!scene.has_asked("get_active_conversations"), "there is no row");
}

#[test]
fn a_list_on_its_way_asks_for_no_row_of_notes() {
    let mut scene = Scene::live(&json!([]));
    scene.reconnect();
    scene.take_events();
    scene.hear(&note(7));
    scene.reply("get_active_conversations", list(&json!([])));
    assert!(!scene.has_asked("get_active_conversations"), "there is no row");
}

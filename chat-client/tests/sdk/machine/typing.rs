//! The server is told the current state of typing, with any number of guards.

use chat_client::machine::Input;
use chat_client::outbox::{Draft, Entry};
use serde_json::json;

use crate::machine::support::Scene;

fn typing(scene: &mut Scene, is_typing: bool) {
    scene.give(Input::Typing { conversation_id: "conv_1".into(), is_typing });
}

fn write(scene: &mut Scene) {
    let draft = Draft::SendChatMessage { conversation_id: "conv_1".into(), content: "text".into() };
    scene.give(Input::Post(Entry { client_message_id: "a-1".into(), draft, not_after: None }));
}

#[test]
fn a_guard_that_a_message_has_ended_does_not_end_the_next_one() {
    let mut scene = Scene::live(&json!([]));
    typing(&mut scene, true);
    assert_eq!(scene.reply("typing_indicator", json!({"success": true}))["data"]["is_typing"], true);
    write(&mut scene);
    // As in `self.guard = Some(chat.typing(id))`: the new guard begins before the old one ends.
    typing(&mut scene, true);
    typing(&mut scene, false);
    assert_eq!(scene.reply("typing_indicator", json!({"success": true}))["data"]["is_typing"], true);
    assert!(!scene.has_asked("typing_indicator"), "nothing ends it");
    typing(&mut scene, false);
    assert_eq!(scene.reply("typing_indicator", json!({"success": true}))["data"]["is_typing"], false);
}

#[test]
fn a_message_ends_what_is_just_being_said() {
    let mut scene = Scene::live(&json!([]));
    typing(&mut scene, true);
    write(&mut scene);
    scene.reply("typing_indicator", json!({"success": true}));
    assert!(!scene.has_asked("typing_indicator"), "the message has ended it");
    scene.reconnect();
    assert!(!scene.has_asked("typing_indicator"), "and it is not said again");
    typing(&mut scene, false);
    typing(&mut scene, true);
    assert!(scene.has_asked("typing_indicator"));
}

//! Of each conversation every message is told once, and none is left out.

use chat_client::Event;
use chat_client::machine::{Input, ViewId};
use chat_core::id::ConversationId;
use serde_json::json;

use crate::support::{Scene, list, messages, new_message, summary};

#[test]
fn a_conversation_that_is_opened_before_the_list_knows_it_is_told_from_its_first_message() {
    let mut scene = Scene::live(&json!([]));
    scene.reconnect();
    scene.give(Input::Open { view: ViewId(1), conversation_id: ConversationId::from("conv_1") });
    scene.hear(&new_message(1));
    // This list was loaded before the conversation began, and the next one after it.
    scene.reply("get_active_conversations", list(&json!([])));
    scene.reply("join_conversation", messages(1, 1));
    scene.reply("get_active_conversations", list(&json!([summary(1, 0, 1)])));
    scene.reply("join_conversation", messages(1, 1));
    let told = scene.take_events().into_iter().filter_map(|event| match event {
        Event::NewMessage(message) => message.message.seq,
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [1]);
}

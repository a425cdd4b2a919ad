//! The report of each answered request, for a log.

use chat_core::engine::{Handled, Input};
use chat_core::frame::Frame;
use chat_core::protocol::{ErrorCode, EventType, RequestId};
use core_test_support::*;
use serde_json::json;

fn told(scene: &mut Scene) -> Vec<(Option<EventType>, Option<RequestId>, Option<ErrorCode>)> {
    let told: Vec<Handled> = std::mem::take(&mut scene.world.handled);
    assert!(told.iter().all(|handled| handled.conn == scene.driver && handled.user == driver().id));
    told.into_iter().map(|handled| (handled.event, handled.request_id, handled.code)).collect()
}

#[test]
fn who_asked_what_and_what_came_of_it_is_told_once() {
    let mut scene = Scene::new();
    scene.world.handled.clear();
    scene.send(scene.driver, "Hello");
    assert_eq!(told(&mut scene), [(Some(EventType::SendChatMessage), None, None)]);
    let data = about("conv_unknown", json!({}));
    let text = json!({"type": "join_conversation", "data": data, "request_id": "r1"}).to_string();
    scene.world.input(Input::Frame { conn: scene.driver, frame: Frame::Text(text.into()) });
    let named = Some(RequestId::Text("r1".into()));
    let code = Some(ErrorCode::ConversationNotFound);
    assert_eq!(told(&mut scene), [(Some(EventType::JoinConversation), named, code)]);
    scene.world.input(Input::Frame { conn: scene.driver, frame: Frame::Text("{".into()) });
    assert_eq!(told(&mut scene), [(None, None, Some(ErrorCode::InvalidJson))]);
}

#[test]
fn a_message_is_told_with_its_ids_and_a_repeat_as_one() {
    let mut scene = Scene::new();
    scene.world.handled.clear();
    let mut send = |content: &str, id: &str| {
        let conversation = scene.conversation.clone();
        let data = json!({"conversation_id": conversation, "content": content, "client_message_id": id});
        let text = json!({"type": "send_chat_message", "data": data}).to_string();
        scene.world.input(Input::Frame { conn: scene.driver, frame: Frame::Text(text.into()) });
        scene.world.handled.remove(0)
    };
    let (first, again) = (send("Hello", "a"), send("Hello", "a"));
    assert_eq!(first.ids.client_message_id, Some("a".into()));
    assert!(first.ids.conversation.is_some());
    assert_eq!(first.message.as_ref().map(|(id, seq)| (id.seq(), *seq)), Some((Some(2), 2)));
    assert_eq!((first.is_repeat, again.is_repeat), (false, true));
    assert_eq!((&again.message, &again.ids), (&first.message, &first.ids));
    let long = send(&"x".repeat(4_001), "b");
    assert_eq!(
        (long.event, long.code),
        (Some(EventType::SendChatMessage), Some(ErrorCode::InvalidParameter))
    );
    assert_eq!(
        (long.ids.conversation, long.ids.client_message_id),
        (first.ids.conversation, Some("b".into()))
    );
    let secret = send("x", &"y".repeat(65));
    assert_eq!(secret.ids.client_message_id, None, "a text in the place of an id is left out");
}

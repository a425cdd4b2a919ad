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

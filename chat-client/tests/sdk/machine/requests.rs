//! The requests that a machine sends: all that the protocol has.

use chat_client::machine::{Call, CallId, Input};
use chat_client::outbox::{Draft, Entry};
use chat_core::protocol::{
    EventType, GetActiveConversations, GetConversationMessages, JoinConversation, JoinSupportRoom,
    MarkMessageRead, RoomType, TypingIndicator,
};
use serde_json::json;

use crate::machine::support::Scene;

fn call(scene: &mut Scene, call: impl Into<Call>) {
    scene.give(Input::Call { id: CallId(1), call: call.into() });
}

fn post(scene: &mut Scene, draft: Draft) {
    scene.give(Input::Post(Entry { client_message_id: "a".into(), draft, not_after: None }));
}

/// Has the app do what leads to a request of this kind.
fn provoke(event: EventType, scene: &mut Scene) {
    let (conversation_id, message_id) = ("conv_1".into(), "msg_1".into());
    match event {
        EventType::SendChatMessage => {
            post(scene, Draft::SendChatMessage { conversation_id, content: "Hello".into() });
        }
        EventType::CreateSupportConversation => {
            let (title, content) = ("Help".into(), "Hello".into());
            post(scene, Draft::CreateSupportConversation { title, content, room_type: None });
        }
        EventType::GetActiveConversations => call(scene, GetActiveConversations::default()),
        EventType::JoinConversation => {
            call(scene, JoinConversation { conversation_id, after_seq: None, epoch: None });
        }
        EventType::JoinSupportRoom => call(scene, JoinSupportRoom { room_type: RoomType::GeneralSupport }),
        EventType::TypingIndicator => call(scene, TypingIndicator { conversation_id, is_typing: true }),
        EventType::GetConversationMessages => {
            let (limit, skip, before_seq, after_seq) = (None, None, None, None);
            call(scene, GetConversationMessages { conversation_id, limit, skip, before_seq, after_seq });
        }
        EventType::MarkMessageRead => call(scene, MarkMessageRead { conversation_id, message_id }),
        EventType::RefreshToken => {
            scene.provider_answers(false);
            scene.pass_minutes(9);
            scene.give_token("second");
        }
    }
}

#[test]
fn every_request_of_the_protocol_is_sent() {
    for event in EventType::ALL {
        let mut scene = Scene::live(&json!([]));
        assert!(!scene.has_asked(event.as_str()), "{event:?}");
        provoke(*event, &mut scene);
        assert!(scene.has_asked(event.as_str()), "{event:?}");
    }
}

#[test]
fn the_handle_has_a_method_for_every_request() {
    const HANDLE: &str = include_str!("../../../src/client/mod.rs");
    for event in EventType::ALL {
        let method = match event {
            EventType::SendChatMessage => "send_message",
            // The client renews its tokens by itself.
            EventType::RefreshToken => continue,
            named_alike => named_alike.as_str(),
        };
        assert!(HANDLE.contains(&format!(" fn {method}(")), "{event:?}");
    }
}

/// A request that takes effect each time must not be repeated as it is after a lost connection.
#[test]
fn what_takes_effect_each_time_goes_through_the_outbox() {
    for event in EventType::ALL.iter().filter(|event| event.rules().once) {
        let mut scene = Scene::live(&json!([]));
        provoke(*event, &mut scene);
        let request = scene.reply(event.as_str(), json!({}));
        assert_eq!(request["data"]["client_message_id"], "a", "{event:?}");
    }
}

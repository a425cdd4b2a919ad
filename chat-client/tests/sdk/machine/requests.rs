//! The requests that a machine sends: all that the protocol has.

use chat_client::machine::{Call, CallId, Input};
use chat_client::outbox::{Draft, Entry};
use chat_core::protocol::{
    AddNote, AnswerMessage, EmergencyReason, EndEmergency, EventType, GetActiveConversations,
    GetConversationMessages, GetOpenOrders, GetPeople, GetPhrases, JoinConversation, JoinSupportRoom,
    MarkMessageRead, ReleaseConversation, ReopenConversation, ResolveConversation, RoomType,
    StartConversation, TakeConversation, TransferConversation, TypingIndicator, WithdrawEmergency,
    WithdrawOrder,
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
    let (version, client_message_id) = (7, Some("a".into()));
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
        EventType::TakeConversation => {
            call(scene, TakeConversation { conversation_id, version, client_message_id })
        }
        EventType::ReleaseConversation => {
            call(scene, ReleaseConversation { conversation_id, version, client_message_id });
        }
        EventType::TransferConversation => {
            let to = "control_2".into();
            call(scene, TransferConversation { conversation_id, version, to, client_message_id });
        }
        EventType::ResolveConversation => {
            call(scene, ResolveConversation { conversation_id, version, client_message_id });
        }
        EventType::ReopenConversation => {
            call(scene, ReopenConversation { conversation_id, version, client_message_id });
        }
        EventType::EndEmergency => {
            let reason = EmergencyReason::Solved;
            call(scene, EndEmergency { conversation_id, version, reason, client_message_id });
        }
        EventType::WithdrawEmergency => {
            call(scene, WithdrawEmergency { conversation_id, version, client_message_id });
        }
        EventType::AnswerMessage => {
            call(scene, AnswerMessage { conversation_id, message_id, answer: 0, client_message_id });
        }
        EventType::WithdrawOrder => {
            call(scene, WithdrawOrder { conversation_id, message_id, client_message_id });
        }
        EventType::GetOpenOrders => call(scene, GetOpenOrders::default()),
        EventType::AddNote => {
            call(scene, AddNote { conversation_id, content: "Hello".into(), client_message_id });
        }
        EventType::StartConversation => {
            let (to, title, content) = (vec!["driver_1".into()], "Detour".into(), "Hello".into());
            call(scene, StartConversation { to, title, content, client_message_id });
        }
        EventType::GetPeople => call(scene, GetPeople::default()),
        EventType::GetPhrases => call(scene, GetPhrases::default()),
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
    const HANDLE: &str = concat!(
        include_str!("../../../src/client/mod.rs"),
        include_str!("../../../src/client/work.rs"),
        include_str!("../../../src/client/emergency.rs"),
        include_str!("../../../src/client/order.rs"),
        include_str!("../../../src/client/note.rs"),
    );
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

/// A request that takes effect each time is repeated after a lost connection under its id only.
#[test]
fn what_takes_effect_each_time_has_an_id() {
    for event in EventType::ALL.iter().filter(|event| event.rules().once) {
        let mut scene = Scene::live(&json!([]));
        provoke(*event, &mut scene);
        let request = scene.reply(event.as_str(), json!({}));
        assert_eq!(request["data"]["client_message_id"], "a", "{event:?}");
    }
}

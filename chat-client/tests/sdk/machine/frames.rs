//! Requests too long for a frame are refused at once, wherever they come from: on the wire, each
//! would end its connection.

use chat_client::machine::{Call, CallId, Input, ViewId};
use chat_client::outbox::{Draft, Entry};
use chat_client::{ConnectionState, Error, Event, NotSentError, NotSentReason, Progress};
use chat_core::protocol::{CloseCode, JoinConversation};
use serde_json::json;

use crate::machine::support::{Scene, list};

/// Longer than a frame by itself.
const TOO_LONG: usize = 70_000;

fn message(id: &str, conversation_id: String, content: String) -> Entry {
    let draft = Draft::SendChatMessage { conversation_id: conversation_id.into(), content: content.into() };
    Entry { client_message_id: id.into(), draft, not_after: None }
}

/// Returns the ids of the drafts that were handed back for their length.
fn handed_back(scene: &mut Scene) -> Vec<String> {
    let too_long = |event: Event| match event {
        Event::Outbox {
            client_message_id,
            progress:
                Progress::NotSent(NotSentError { reason: NotSentReason::TooLong, maybe_sent: false, .. }),
        } => Some(client_message_id.to_string()),
        _ => None,
    };
    scene.take_events().into_iter().filter_map(too_long).collect()
}

#[test]
fn a_draft_is_handed_back_at_once_and_later_ones_go_out() {
    let mut scene = Scene::live(&json!([]));
    let creation = Draft::CreateSupportConversation {
        title: "t".repeat(TOO_LONG).into(),
        content: "text".into(),
        room_type: None,
    };
    let too_long = [
        message("content", "conv_1".into(), "x".repeat(TOO_LONG)),
        message("escaped", "conv_1".into(), "\u{1}".repeat(TOO_LONG / 6)),
        message("conversation", "c".repeat(TOO_LONG), "text".into()),
        Entry { client_message_id: "title".into(), draft: creation, not_after: None },
        message(&"i".repeat(TOO_LONG), "conv_1".into(), "text".into()),
    ];
    for entry in too_long {
        let id = entry.client_message_id.to_string();
        scene.give(Input::Post(entry));
        assert_eq!(handed_back(&mut scene), [id]);
    }
    assert!(!scene.has_asked("send_chat_message") && !scene.has_asked("create_support_conversation"));
    scene.give(Input::Post(message("short", "conv_1".into(), "text".into())));
    assert!(scene.has_asked("send_chat_message"));
}

#[test]
fn the_longest_that_fits_is_sent() {
    let mut scene = Scene::live(&json!([]));
    scene.give(Input::Post(message("empty", "conv_1".into(), String::new())));
    let around = scene.last_frame().len() + 16; // A request id may have 16 digits.
    let room = 64 * 1024 - around;
    scene.give(Input::Post(message("long-", "conv_2".into(), "x".repeat(room))));
    assert!(scene.last_frame().len() <= 64 * 1024 && scene.last_frame().len() > 64 * 1024 - 20);
    scene.give(Input::Post(message("much-", "conv_3".into(), "x".repeat(room + 16))));
    assert_eq!(handed_back(&mut scene), ["much-"]);
}

#[test]
fn one_in_the_outbox_of_an_older_version_is_handed_back_before_it_is_sent() {
    let restored = vec![
        message("long", "conv_1".into(), "x".repeat(TOO_LONG)),
        message("short", "conv_1".into(), "text".into()),
    ];
    let mut scene = Scene::restored(restored);
    scene.reply("get_active_conversations", list(&json!([])));
    assert_eq!(handed_back(&mut scene), ["long"]);
    assert!(scene.has_asked("send_chat_message"), "the next of the same conversation");
    assert_eq!(*scene.state(), ConnectionState::Live);
}

#[test]
fn when_the_server_takes_less_than_is_known_the_longest_is_handed_back() {
    let mut scene = Scene::live(&json!([]));
    scene.give(Input::Post(message("long", "conv_1".into(), "x".repeat(60_000))));
    scene.give(Input::Post(message("short", "conv_2".into(), "text".into())));
    scene.close(CloseCode::FrameTooLong);
    assert_eq!(handed_back(&mut scene), ["long"]);
    scene.pass_minutes(1);
    assert!(scene.has_asked("send_chat_message"), "the other one goes out again");
}

#[test]
fn a_request_is_answered_at_once() {
    let mut scene = Scene::live(&json!([]));
    let conversation_id = "c".repeat(TOO_LONG);
    let call = Call::JoinConversation(JoinConversation {
        conversation_id: conversation_id.as_str().into(),
        after_seq: None,
        epoch: None,
    });
    scene.give(Input::Call { id: CallId(1), call });
    assert_eq!(scene.take_answers(), [(CallId(1), Err(Error::TooLong))]);
    scene.give(Input::OpenView { view: ViewId(1), conversation_id: conversation_id.as_str().into() });
    scene.give(Input::Typing { conversation_id: conversation_id.as_str().into(), is_typing: true });
    assert_eq!(scene.refused_views(), [ViewId(1)]);
    scene.pass_minutes(1);
    assert!(!scene.has_asked("join_conversation") && !scene.has_asked("typing_indicator"));
    assert_eq!(*scene.state(), ConnectionState::Live);
}

#[test]
fn a_token_that_is_too_long_to_prolong_the_session_is_used_for_the_next() {
    let mut scene = Scene::live(&json!([]));
    scene.provider_answers(false);
    scene.pass_minutes(9);
    let long = "l".repeat(TOO_LONG);
    scene.give_token(&long);
    assert!(!scene.has_asked("refresh_token"));
    scene.close(CloseCode::TokenExpired);
    assert_eq!(scene.presented(), ["first", &long]);
}

//! The last report of unread messages is right.

use chat_client::Event;
use chat_client::machine::{Call, CallId, Input};
use chat_core::id::{ConversationId, MessageId};
use chat_core::protocol::MarkMessageRead;
use serde_json::json;

use crate::machine::support::{Scene, list, new_message, summary};

#[test]
fn a_list_does_not_take_back_what_was_heard_while_it_was_on_its_way() {
    let mut scene = Scene::live(&json!([summary(5, 0, 5)]));
    let call = Call::MarkMessageRead(MarkMessageRead {
        conversation_id: ConversationId::from("conv_1"),
        message_id: MessageId::from("msg_00000000000000003"),
    });
    scene.give(Input::Call { id: CallId(1), call });
    // Only the server knows how many of the others are unread. Its answer predates message 6.
    scene.reply("mark_message_read", json!({"success": true}));
    scene.hear(&new_message(6));
    scene.take_events();
    scene.reply("get_active_conversations", list(&json!([summary(5, 3, 2)])));
    let events = scene.take_events();
    let Some(Event::Conversation(row)) = events.last() else { panic!("{events:?}") };
    assert_eq!((row.read_up_to, row.unread_count), (Some(3), Some(3)));
}

#[test]
fn who_is_enrolled_late_is_told_how_many_are_unread() {
    let mut scene = Scene::live(&json!([]));
    scene.hear(&new_message(7));
    scene.reply("get_active_conversations", list(&json!([summary(7, 0, 7)])));
    let events = scene.take_events();
    let Some(Event::Conversation(row)) = events.last() else { panic!("{events:?}") };
    assert_eq!(row.unread_count, Some(7));
}

#[test]
fn a_reading_that_is_heard_before_the_first_list_is_not_lost() {
    let mut scene = Scene::connected();
    scene.hear(&json!({
        "type": "read_position", "conversation_id": "conv_1", "message_id": "msg_00000000000000005",
        "read_up_to": 5, "timestamp": "2024-01-15T10:30:00.000Z",
    }));
    // This list was loaded before the reading, and the next one after.
    scene.reply("get_active_conversations", list(&json!([summary(5, 0, 5)])));
    scene.reply("get_active_conversations", list(&json!([summary(5, 5, 0)])));
    let events = scene.take_events();
    let Some(Event::Conversation(row)) = events.last() else { panic!("{events:?}") };
    assert_eq!((row.read_up_to, row.unread_count), (Some(5), Some(0)));
}

#[test]
fn a_reading_between_a_first_message_and_the_first_list_is_not_lost() {
    let mut scene = Scene::connected();
    scene.hear(&new_message(12));
    scene.hear(&json!({
        "type": "read_position", "conversation_id": "conv_1", "message_id": "msg_00000000000000009",
        "read_up_to": 9, "timestamp": "2024-01-15T10:30:00.000Z",
    }));
    // This list was loaded before the reading, and the next one after.
    scene.reply("get_active_conversations", list(&json!([summary(12, 0, 12)])));
    scene.reply("get_active_conversations", list(&json!([summary(12, 9, 3)])));
    let events = scene.take_events();
    let Some(Event::Conversation(row)) = events.last() else { panic!("{events:?}") };
    assert_eq!((row.read_up_to, row.unread_count), (Some(9), Some(3)));
}

#[test]
fn a_reading_among_more_messages_than_are_counted_leaves_the_newest_unread() {
    let mut scene = Scene::live(&json!([summary(5, 5, 0)]));
    (6..=155).for_each(|seq| scene.hear(&new_message(seq)));
    for (read_up_to, left) in [(48, 100), (120, 35)] {
        scene.hear(&json!({
            "type": "read_position", "conversation_id": "conv_1", "message_id": "msg_00000000000000009",
            "read_up_to": read_up_to, "timestamp": "2024-01-15T10:30:00.000Z",
        }));
        let events = scene.take_events();
        let Some(Event::Unread(unread)) = events.last() else { panic!("{events:?}") };
        assert_eq!((unread.read_up_to, unread.unread_count), (read_up_to, left));
    }
}

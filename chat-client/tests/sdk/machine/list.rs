//! The list of conversations: a short page first, then the rest, each conversation once.

use chat_client::Event;
use chat_core::id::ConversationId;
use chat_core::protocol::ConversationSummary;
use serde_json::{Value, json};

use crate::machine::support::{Scene, list, summary};

fn named(id: &str) -> Value {
    let mut summary = summary(1, 0, 1);
    summary["id"] = id.into();
    summary
}

fn page(ids: &[&str], next_cursor: Option<&str>) -> Value {
    let mut page = list(&ids.iter().map(|id| named(id)).collect());
    if let Some(cursor) = next_cursor {
        (page["has_more"], page["next_cursor"]) = (true.into(), cursor.into());
    }
    page
}

/// Makes a message in this conversation.
fn moved(id: &str) -> Value {
    let mut message = crate::machine::support::new_message(2);
    message["conversation_id"] = id.into();
    message
}

/// Returns the reported lists, of the newest conversations and of all.
fn told(scene: &mut Scene) -> Vec<(&'static str, Vec<ConversationId>)> {
    let told = |event| match event {
        Event::NewestConversations(list) => Some(("newest", list)),
        Event::Conversations(list) => Some(("all", list)),
        Event::Conversation(row) => Some(("one", vec![row])),
        _ => None,
    };
    let ids =
        |(kind, list): (_, Vec<ConversationSummary>)| (kind, list.into_iter().map(|row| row.id).collect());
    scene.take_events().into_iter().filter_map(told).map(ids).collect()
}

fn of<const N: usize>(kind: &'static str, ids: [&str; N]) -> (&'static str, Vec<ConversationId>) {
    (kind, ids.map(ConversationId::from).to_vec())
}

#[test]
fn the_newest_are_shown_first_and_the_others_follow_by_cursor() {
    let mut scene = Scene::connected();
    let first = scene.reply("get_active_conversations", page(&["conv_1"], Some("one")));
    assert_eq!(first["data"], json!({"limit": 20, "participants": "brief"}));
    assert_eq!(told(&mut scene), [of("newest", ["conv_1"])]);
    let second = scene.reply("get_active_conversations", page(&["conv_2"], Some("two")));
    assert_eq!(second["data"], json!({"cursor": "one", "participants": "brief"}));
    assert_eq!(told(&mut scene), []);
    scene.reply("get_active_conversations", page(&["conv_3"], None));
    assert_eq!(told(&mut scene), []);
    // One conversation has moved to the top meanwhile. The event about this is still on its way.
    let again = scene.reply("get_active_conversations", page(&["conv_4", "conv_1"], Some("one")));
    assert_eq!(again["data"], first["data"]);
    assert_eq!(told(&mut scene), [of("all", ["conv_4", "conv_1", "conv_2", "conv_3"])]);
    assert!(!scene.has_asked("get_active_conversations"));
}

/// The second pass does not rely on the times of messages. A clock that was ahead stamped one.
#[test]
fn all_that_moved_is_found_though_a_message_is_stamped_years_ahead() {
    let mut scene = Scene::connected();
    let mut first = page(&["conv_1"], Some("one"));
    first["conversations"][0]["last_message_at"] = "2035-01-15T10:30:00.000Z".into();
    scene.reply("get_active_conversations", first);
    scene.reply("get_active_conversations", page(&["conv_2"], None));
    scene.reply("get_active_conversations", page(&["conv_4"], Some("four")));
    let next = scene.reply("get_active_conversations", page(&["conv_3", "conv_1"], Some("one")));
    assert_eq!(next["data"], json!({"cursor": "four", "participants": "brief"}));
    assert_eq!(told(&mut scene)[1..], [of("all", ["conv_3", "conv_4", "conv_1", "conv_2"])]);
}

/// The conversation moves to the top, away from the pages to come.
#[test]
fn one_that_moves_while_the_pages_come_is_fetched_by_itself() {
    let mut scene = Scene::connected();
    scene.reply("get_active_conversations", page(&["conv_1"], Some("one")));
    ["conv_1", "conv_3", "conv_4"].iter().for_each(|id| scene.hear(&moved(id)));
    scene.reply("get_active_conversations", page(&["conv_2"], None));
    scene.reply("get_active_conversations", page(&["conv_1"], Some("one")));
    assert_eq!(told(&mut scene), [of("newest", ["conv_1"])]);
    let asked = scene.reply("get_active_conversations", page(&["conv_3"], None));
    assert_eq!(asked["data"], json!({"conversation_id": "conv_3", "participants": "brief"}));
    scene.hear(&moved("conv_5"));
    // The user was removed from the other conversation.
    let refusal = json!({"success": false, "error": "…", "code": "conversation_not_found"});
    scene.reply("get_active_conversations", refusal);
    scene.reply("get_active_conversations", page(&["conv_5"], None));
    assert_eq!(told(&mut scene), [of("all", ["conv_5", "conv_3", "conv_1", "conv_2"])]);
}

#[test]
fn of_a_server_without_cursors_none_is_told_twice() {
    let mut scene = Scene::connected();
    let mut first = page(&["conv_1", "conv_2"], None);
    first["has_more"] = true.into();
    scene.reply("get_active_conversations", first);
    let asked = scene.reply("get_active_conversations", page(&["conv_2", "conv_3"], None));
    assert_eq!(asked["data"], json!({"skip": 2, "participants": "brief"}));
    scene.reply("get_active_conversations", page(&["conv_1"], None));
    assert_eq!(told(&mut scene)[1..], [of("all", ["conv_1", "conv_2", "conv_3"])]);
}

#[test]
fn for_one_that_turns_up_no_list_is_fetched() {
    let mut scene = Scene::live(&json!([]));
    scene.take_events();
    scene.hear(&moved("conv_7"));
    let asked = scene.reply("get_active_conversations", page(&["conv_7"], None));
    assert_eq!(asked["data"], json!({"conversation_id": "conv_7", "participants": "brief"}));
    assert_eq!(told(&mut scene), [of("one", ["conv_7"])]);
    assert!(!scene.has_asked("get_active_conversations"));
}

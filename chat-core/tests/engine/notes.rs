//! Notes of control beside a conversation: the listeners, and the requests about them.

use chat_core::engine::{Command, ConnectionId};
use chat_core::id::{ConversationId, UserId};
use chat_core::protocol::{ErrorCode, Role};
use chat_core::testing::world::Answer;
use core_test_support::*;
use serde_json::{Value, json};

/// A scene with an admin.
struct Notes {
    scene: Scene,
    admin: ConnectionId,
    /// The id of the conversation of the notes.
    id: String,
}

impl Notes {
    fn new() -> Self {
        let mut scene = Scene::new();
        let admin = scene.world.connect(&admin());
        let id = format!("notes_{}", scene.conversation);
        Self { scene, admin, id }
    }

    /// The same with a first note of the staff, which everybody has heard.
    fn begun() -> Self {
        let mut notes = Self::new();
        let staff = notes.scene.staff;
        assert_eq!(notes.add(staff, "The brakes again.")[0]["seq"], 1);
        notes.scene.world.take(notes.admin);
        notes
    }

    fn add(&mut self, conn: ConnectionId, content: &str) -> Vec<Value> {
        self.add_as(conn, content, None)
    }

    fn add_as(&mut self, conn: ConnectionId, content: &str, name: Option<&str>) -> Vec<Value> {
        let data = self.scene.data(json!({"content": content, "client_message_id": name}));
        self.scene.world.ask(conn, "add_note", data)
    }

    /// The reply to a request about the conversation of the notes.
    fn ask(&mut self, conn: ConnectionId, kind: &str, more: Value) -> Value {
        self.scene.world.ask(conn, kind, about(&self.id, more)).remove(0)
    }

    /// The reply to a request about the conversation itself.
    fn ask_of_conversation(&mut self, conn: ConnectionId, kind: &str, more: Value) -> Value {
        let data = self.scene.data(more);
        self.scene.world.ask(conn, kind, data).remove(0)
    }

    fn texts(&mut self, conn: ConnectionId) -> Value {
        let page = self.ask(conn, "get_conversation_messages", json!({}));
        let messages = page["messages"].as_array().expect("a page").iter();
        messages.map(|message| message["content"].clone()).collect()
    }

    /// The id of the notes as a catch-up, a row and a list show it.
    fn shown(&mut self, conn: ConnectionId) -> [Value; 3] {
        let join = self.ask_of_conversation(conn, "join_conversation", json!({"after_seq": 0}));
        let row = self.ask_of_conversation(conn, "get_active_conversations", json!({}));
        let list = self.scene.world.ask(conn, "get_active_conversations", json!({})).remove(0);
        assert_eq!(list["count"], 1, "no list has notes");
        [&join, &row["conversations"][0], &list["conversations"][0]]
            .map(|shown| shown["notes_conversation_id"].clone())
    }
}

#[test]
fn control_hears_notes_and_field_staff_does_not() {
    let mut notes = Notes::new();
    let (driver, staff, admin) = (notes.scene.driver, notes.scene.staff, notes.admin);
    assert_eq!(notes.shown(staff), [Value::Null, Value::Null, Value::Null], "there are none");
    let heard = notes.add(staff, "The brakes again.");
    let reply = json!({
        "success": true, "message": "Note added successfully", "conversation_id": notes.scene.conversation,
        "notes_conversation_id": notes.id, "message_id": heard[0]["message_id"], "seq": 1,
        "timestamp": START,
    });
    assert_eq!(heard[0], reply);
    let event = json!({
        "type": "new_message", "conversation_id": notes.id, "message": {
            "id": reply["message_id"], "sender_id": "control_1", "content": "The brakes again.",
            "message_type": "TEXT", "sent_at": START, "seq": 1,
        },
    });
    assert_eq!(&heard[1..], std::slice::from_ref(&event));
    assert_eq!(notes.scene.world.take(admin), [event], "and no notification");
    notes.add(admin, "I have called the depot.");
    assert_eq!(live_seqs(&notes.scene.world.take(staff)), [2]);
    assert_eq!(notes.scene.world.take(driver), [] as [Value; 0], "P5");
    assert_eq!(notes.texts(admin), json!(["The brakes again.", "I have called the depot."]));
    let id = json!(notes.id);
    assert_eq!(notes.shown(admin), [id.clone(), id.clone(), id]);
    assert_eq!(notes.shown(driver), [Value::Null, Value::Null, Value::Null]);
    assert_eq!(notes.add(driver, "x"), [error("forbidden", FORBIDDEN)]);
}

const FORBIDDEN: &str = "Insufficient permissions for the requested action";

#[test]
fn a_note_changes_nothing_in_the_conversation() {
    let mut notes = Notes::new();
    let (staff, admin) = (notes.scene.staff, notes.admin);
    let lists = json!({"work": "waiting"});
    let before = notes.scene.world.ask(admin, "get_active_conversations", lists.clone()).remove(0);
    notes.add(staff, "one");
    notes.add(staff, "two");
    notes.scene.world.take(admin);
    let mut after = notes.scene.world.ask(admin, "get_active_conversations", lists).remove(0);
    let row = after["conversations"][0].as_object_mut().expect("a row");
    assert_eq!(row.remove("notes_conversation_id"), Some(json!(notes.id)));
    assert_eq!(after, before, "the work, the numbers and the counts are as they were");
}

#[test]
fn two_first_notes_at_once_end_in_one_conversation() {
    let mut notes = Notes::new();
    let (staff, admin) = (notes.scene.staff, notes.admin);
    notes.scene.world.hold = true;
    for (conn, content) in [(staff, "one"), (admin, "two")] {
        let data = notes.scene.data(json!({"content": content}));
        notes.scene.world.request(conn, "add_note", data);
    }
    notes.scene.world.settle();
    let replies = [staff, admin].map(|conn| {
        let heard = notes.scene.world.take(conn);
        assert_eq!(live_seqs(&heard), [1, 2], "{conn:?}");
        replies(&heard)[0]["notes_conversation_id"].clone()
    });
    assert_eq!(replies, [json!(notes.id), json!(notes.id)]);
    notes.scene.world.hold = false;
    assert_eq!(notes.texts(staff), json!(["one", "two"]));
}

#[test]
fn control_catches_up_with_notes_and_marks_them_as_read() {
    let mut notes = Notes::begun();
    let (staff, admin) = (notes.scene.staff, notes.admin);
    notes.add(staff, "two");
    notes.scene.world.take(admin);
    let joined = notes.ask(admin, "join_conversation", json!({"after_seq": 1, "epoch": "epoch_1"}));
    assert_eq!((&joined["messages"][0]["content"], &joined["last_seq"]), (&json!("two"), &json!(2)));
    assert_eq!((&joined["work"], &joined["reset"]), (&Value::Null, &Value::Null));
    let message = joined["messages"][0]["id"].clone();
    assert_eq!(notes.ask(admin, "mark_message_read", json!({"message_id": message}))["success"], true);
    let read = notes.scene.world.take(staff);
    assert_eq!(of_type(&read, "message_read").len(), 1);
    assert_eq!(notes.scene.world.take(notes.scene.driver), [] as [Value; 0]);
}

#[test]
fn a_repeated_note_gets_the_original_reply() {
    let mut notes = Notes::new();
    let staff = notes.scene.staff;
    for (content, seq) in [("one", 1), ("two", 2)] {
        let first = notes.add_as(staff, content, Some(content)).remove(0);
        assert_eq!(first["seq"], seq);
        assert_eq!(notes.add_as(staff, content, Some(content)), [first]);
        assert_eq!(notes.add_as(staff, "other", Some(content))[0]["code"], "client_message_id_reused");
        let data = json!({"content": content, "client_message_id": content});
        for id in [notes.scene.conversation.clone(), notes.id.clone()] {
            let sent = notes.scene.world.ask(staff, "send_chat_message", about(&id, data.clone()));
            assert_eq!(sent[0]["code"], "client_message_id_reused");
        }
    }
    let demoted = named("control_1", Role::BusDriver, "Jane", "Smith");
    notes.scene.world.command(Command::Import(demoted.clone()));
    let conn = notes.scene.world.connect(&demoted);
    assert_eq!(notes.add_as(conn, "one", Some("one")), [error("forbidden", FORBIDDEN)], "P5");
}

#[test]
fn notes_take_no_other_request() {
    let mut notes = Notes::begun();
    let staff = notes.scene.staff;
    for (kind, more) in [
        ("send_chat_message", json!({"content": "x"})),
        ("add_note", json!({"content": "x"})),
        ("typing_indicator", json!({"is_typing": true})),
        ("take_conversation", json!({"version": 1})),
        ("reopen_conversation", json!({"version": 1})),
        ("end_emergency", json!({"version": 1, "reason": "solved"})),
        ("get_active_conversations", json!({})),
    ] {
        assert_eq!(notes.ask(staff, kind, more), not_found(), "{kind}");
    }
    let conversation = ConversationId::from(notes.id.as_str());
    for command in [
        Command::Enrol { conversation: conversation.clone(), user: driver().id },
        Command::Withdraw { conversation, user: staff_id() },
    ] {
        let id = notes.scene.world.command(command);
        let refused = notes.scene.world.answers[&id].as_ref().expect_err("notes have no members");
        assert_eq!(refused.code, ErrorCode::ConversationNotFound);
    }
    assert_eq!(notes.texts(staff), json!(["The brakes again."]));
}

fn staff_id() -> UserId {
    staff().id
}

#[test]
fn who_leaves_the_conversation_leaves_its_notes() {
    let mut notes = Notes::begun();
    let (staff, admin) = (notes.scene.staff, notes.admin);
    let conversation = ConversationId::from(notes.scene.conversation.as_str());
    let withdrawal = Command::Withdraw { conversation: conversation.clone(), user: staff_id() };
    notes.scene.world.command(withdrawal);
    notes.add(admin, "two");
    assert_eq!(notes.scene.world.take(staff), [] as [Value; 0], "P5");
    for (kind, more) in [
        ("join_conversation", json!({})),
        ("get_conversation_messages", json!({})),
        ("mark_message_read", json!({"message_id": "msg_zzzzzzzzzzzzzzzz1"})),
    ] {
        assert_eq!(notes.ask(staff, kind, more), not_found(), "{kind}");
    }
    assert_eq!(notes.add(staff, "three"), [not_found()]);
    notes.scene.world.command(Command::Enrol { conversation, user: staff_id() });
    assert_eq!(notes.texts(staff), json!(["The brakes again.", "two"]));
}

#[test]
fn a_note_decided_before_a_withdrawal_is_refused() {
    let mut notes = Notes::begun();
    let staff = notes.scene.staff;
    let (conversation, user) = (notes.scene.conversation.as_str().into(), staff_id());
    elsewhere(&mut notes.scene, Command::Withdraw { conversation, user });
    assert_eq!(notes.add(staff, "two"), [not_found()], "the store knows");
}

#[test]
fn field_staff_enrolled_by_name_hears_no_note() {
    let mut notes = Notes::begun();
    let second = notes.scene.world.connect(&other_driver());
    let (conversation, user) = (notes.scene.conversation.as_str().into(), other_driver().id);
    notes.scene.world.command(Command::Enrol { conversation, user });
    let staff = notes.scene.staff;
    notes.add(staff, "two");
    assert_eq!(notes.scene.world.take(second), [] as [Value; 0], "P5");
}

#[test]
fn a_note_reaches_control_whose_conversation_is_not_cached() {
    let mut notes = Notes {
        scene: Scene::with(settings(|limits| limits.engine.cached_conversations = 1)),
        ..Notes::new()
    };
    let admin = notes.scene.world.connect(&admin());
    notes.id = format!("notes_{}", notes.scene.conversation);
    let (staff, driver) = (notes.scene.staff, notes.scene.driver);
    let other = create(&mut notes.scene.world, driver);
    notes.scene.world.take(admin);
    notes.scene.world.hold = true;
    let data = notes.scene.data(json!({"content": "one"}));
    notes.scene.world.request(staff, "add_note", data);
    notes.scene.world.answer(0, Answer::Good);
    // The other conversation is loaded while the note is on its way, and there is room for one.
    notes.scene.world.request(driver, "join_conversation", about(&other, json!({})));
    notes.scene.world.answer(1, Answer::Good);
    notes.scene.world.settle();
    assert_eq!(live_seqs(&notes.scene.world.take(admin)), [1], "P4");
}

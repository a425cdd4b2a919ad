//! An app in the field is updated late. The types below are those of the SDK at commit 34fdbce,
//! before entries and work, and read every frame that a server sends today.

use std::borrow::Cow;
use std::sync::Arc;

use chat_core::engine::{Command, ConnectionId};
use chat_core::id::{ConversationId, Epoch, MessageId, UserId};
use chat_core::protocol::{Role, RoomType, Success};
use chat_core::time::Timestamp;
use core_test_support::*;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

#[derive(Deserialize)]
enum MessageType {
    #[serde(rename = "TEXT")]
    Text,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "the names are those of the frames")]
struct Message {
    id: MessageId,
    conversation_id: ConversationId,
    sender_id: UserId,
    content: Arc<str>,
    message_type: MessageType,
    sent_at: Timestamp,
    #[serde(default)]
    seq: Option<u64>,
    #[serde(default)]
    erased: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename = "new_message")]
struct NewMessage {
    conversation_id: ConversationId,
    message: BroadcastMessage,
}

#[derive(Deserialize)]
struct BroadcastMessage {
    id: MessageId,
    sender_id: UserId,
    content: Arc<str>,
    message_type: MessageType,
    sent_at: Timestamp,
    #[serde(default)]
    seq: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum ConversationStatus {
    Active,
    Inactive,
}

#[derive(Deserialize)]
struct User {
    id: UserId,
    role: Role,
}

#[derive(Deserialize)]
struct ConversationSummary {
    id: ConversationId,
    title: Arc<str>,
    status: ConversationStatus,
    created_by: UserId,
    last_message_at: Timestamp,
    participants: Vec<User>,
    last_message: LastMessage,
    #[serde(default)]
    room_type: Option<RoomType>,
    #[serde(default)]
    last_seq: Option<u64>,
    #[serde(default)]
    read_up_to: Option<u64>,
    #[serde(default)]
    unread_count: Option<u32>,
}

#[derive(Deserialize)]
struct LastMessage {
    id: MessageId,
    content: Arc<str>,
    sender_id: UserId,
    sent_at: Timestamp,
}

#[derive(Deserialize)]
struct GetActiveConversationsReply {
    #[expect(dead_code, reason = "only decoded")]
    success: Success,
    conversations: Vec<ConversationSummary>,
    count: usize,
    timestamp: Timestamp,
    #[serde(default)]
    epoch: Option<Epoch>,
    #[serde(default)]
    has_more: Option<bool>,
}

#[derive(Deserialize)]
struct JoinConversationReply {
    #[expect(dead_code, reason = "only decoded")]
    success: Success,
    message: String,
    conversation_id: ConversationId,
    #[serde(flatten, default)]
    catch_up: Option<CatchUp>,
}

#[derive(Deserialize)]
struct CatchUp {
    messages: Vec<Message>,
    last_seq: u64,
    epoch: Epoch,
    complete: bool,
    #[serde(default)]
    reset: Option<bool>,
}

#[derive(Deserialize)]
struct GetConversationMessagesReply {
    #[expect(dead_code, reason = "only decoded")]
    success: Success,
    messages: Vec<Message>,
    count: usize,
    conversation_id: ConversationId,
    #[serde(default)]
    last_seq: Option<u64>,
}

#[derive(Deserialize)]
struct ErrorReply {
    success: bool,
    error: Cow<'static, str>,
    #[serde(default)]
    code: Option<String>,
}

fn read<T: DeserializeOwned>(frame: &Value) -> T {
    serde_json::from_value(frame.clone()).unwrap_or_else(|error| panic!("{error}: {frame}"))
}

/// A message as the old SDK has it.
type Held = (u64, String, String);

fn held(message: &Message) -> Held {
    assert!(message.id.as_str().starts_with("msg_") && !message.erased);
    assert!(matches!(message.message_type, MessageType::Text) && message.sent_at.as_millis() > 0);
    assert!(message.conversation_id.as_str().starts_with("conv_"));
    (message.seq.expect("a number"), message.sender_id.to_string(), message.content.to_string())
}

fn heard(frame: &Value) -> Held {
    let NewMessage { conversation_id, message } = read(frame);
    let BroadcastMessage { id, sender_id, content, message_type, sent_at, seq } = message;
    held(&Message { id, conversation_id, sender_id, content, message_type, sent_at, seq, erased: false })
}

fn act(scene: &mut Scene, conn: ConnectionId, action: &str, version: u64, to: Option<&str>) -> Vec<Value> {
    let data = scene.data(json!({"version": version, "to": to}));
    scene.world.ask(conn, &format!("{action}_conversation"), data)
}

/// A conversation with every kind of entry: taken, handed over, handed back, taken by a reply,
/// resolved, reopened by a message, resolved, reopened by request.
fn worked() -> Scene {
    let mut scene = Scene::new();
    let (staff, driver, admin) = (scene.staff, scene.driver, scene.world.connect(&admin()));
    act(&mut scene, staff, "take", 0, None);
    act(&mut scene, staff, "transfer", 2, Some("control_2"));
    act(&mut scene, admin, "release", 3, None);
    scene.send(staff, "I am on it");
    act(&mut scene, staff, "resolve", 5, None);
    scene.send(driver, "One more thing");
    act(&mut scene, staff, "resolve", 7, None);
    act(&mut scene, staff, "reopen", 8, None);
    scene
}

#[test]
fn an_old_app_reads_the_events_of_work_as_messages_that_follow_each_other() {
    let mut scene = worked();
    let frames = scene.world.take(scene.driver);
    let events: Vec<_> = of_type(&frames, "new_message").into_iter().map(heard).collect();
    let seqs: Vec<_> = events.iter().map(|(seq, ..)| *seq).collect();
    assert_eq!(seqs, (seqs[0]..=9).collect::<Vec<_>>(), "without holes");
    assert!(events.iter().all(|(_, sender, content)| !sender.is_empty() && !content.is_empty()));
    let data = json!({"to": ["driver_1"], "title": "Detour", "content": "Take the second exit."});
    scene.world.ask(scene.staff, "start_conversation", data);
    let frames = scene.world.take(scene.driver);
    assert_eq!(heard(of_type(&frames, "new_message")[0]).0, 1, "control speaks first");
}

#[test]
fn an_old_app_reads_catch_ups_and_history_with_entries() {
    let mut scene = worked();
    let (driver, data) = (scene.driver, scene.data(json!({"after_seq": 0, "epoch": "epoch_1"})));
    let joined = scene.world.ask(driver, "join_conversation", data);
    let joined: JoinConversationReply = read(replies(&joined)[0]);
    assert_eq!((joined.conversation_id.as_str(), joined.message.is_empty()), (&*scene.conversation, false));
    let CatchUp { messages, last_seq, epoch, complete, reset } = joined.catch_up.expect("a catch-up");
    assert_eq!((last_seq, epoch.as_str(), complete, reset), (9, "epoch_1", true, None));
    let caught_up: Vec<_> = messages.iter().map(held).collect();
    assert_eq!(caught_up.iter().map(|(seq, ..)| *seq).collect::<Vec<_>>(), (1..=9).collect::<Vec<_>>());
    let data = scene.data(json!({}));
    let history = scene.world.ask(driver, "get_conversation_messages", data);
    let history: GetConversationMessagesReply = read(replies(&history)[0]);
    assert_eq!((history.count, history.last_seq), (9, Some(9)));
    assert_eq!(history.conversation_id.as_str(), scene.conversation);
    assert_eq!(history.messages.iter().map(held).collect::<Vec<_>>(), caught_up);
}

#[test]
fn an_old_app_reads_lists_with_work_and_sees_texts_alone_as_the_last_message() {
    let mut scene = worked();
    let staff = scene.staff;
    act(&mut scene, staff, "resolve", 9, None);
    scene.world.command(Command::Deactivate("control_2".into()));
    scene.world.settle();
    for conn in [scene.driver, staff] {
        let list = scene.world.ask(conn, "get_active_conversations", json!({}));
        let list: GetActiveConversationsReply = read(replies(&list)[0]);
        assert_eq!((list.count, list.has_more, list.timestamp.as_millis() > 0), (1, None, true));
        assert_eq!(list.epoch.as_ref().map(Epoch::as_str), Some("epoch_1"));
        let row = &list.conversations[0];
        assert!(matches!(row.status, ConversationStatus::Active), "a resolved one is active all the same");
        assert!(!matches!(row.status, ConversationStatus::Inactive));
        assert_eq!((row.id.as_str(), row.last_seq), (&*scene.conversation, Some(10)));
        assert_eq!(
            (&*row.title, row.room_type),
            ("Support: Route Change Request", Some(RoomType::DriverSupport))
        );
        let LastMessage { id, content, sender_id, sent_at } = &row.last_message;
        assert_eq!(
            (&**content, sender_id.as_str(), *sent_at),
            ("One more thing", "driver_1", row.last_message_at)
        );
        assert_eq!((id.as_str(), row.created_by.as_str()), (&*scene.ids()[6], "driver_1"));
        assert!(row.participants.iter().any(|user| user.id == *sender_id && user.role == Role::BusDriver));
        assert!(row.read_up_to.is_some() && row.unread_count.is_some_and(|count| count <= 3));
    }
}

#[test]
fn an_old_app_reads_errors_with_codes_that_it_does_not_know() {
    let mut scene = worked();
    let staff = scene.staff;
    let lost = act(&mut scene, staff, "take", 0, None);
    let lost: ErrorReply = read(replies(&lost)[0]);
    assert_eq!((lost.success, lost.code.as_deref()), (false, Some("conflict")));
    assert!(!lost.error.is_empty());
}

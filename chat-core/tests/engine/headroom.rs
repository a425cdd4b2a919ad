//! Requests accepted while the storage fills up.

use chat_core::engine::{Command, ConnectionId, Headroom, Input};
use chat_core::protocol::ErrorCode;
use chat_core::testing::world::Answer;
use core_test_support::*;
use serde_json::{Value, json};

/// Whether a reply is a success; otherwise the reply must be a refusal for lack of room.
fn is_done(reply: &Value) -> bool {
    if reply["success"] == json!(true) {
        return true;
    }
    assert_eq!(
        (&reply["code"], &reply["retry_after_ms"]),
        (&json!("storage_low"), &json!(30_000)),
        "{reply}"
    );
    false
}

/// A driver, its conversation, its emergency, and control.
struct Stage {
    scene: Scene,
    emergency: String,
}

impl Stage {
    fn new() -> Self {
        let mut scene = Scene::with(unhurried());
        let emergency = raise(&mut scene);
        let emergency = emergency["conversation_id"].as_str().unwrap().to_owned();
        Self { scene, emergency }
    }

    fn set(&mut self, headroom: Headroom) {
        self.scene.world.input(Input::Headroom(headroom));
    }

    fn ask(&mut self, conn: ConnectionId, event: &str, data: Value) -> bool {
        is_done(&self.scene.world.ask(conn, event, data)[0])
    }

    /// Whether these may write: the driver in its conversation, in its emergency, a new request, a
    /// new emergency, control in each conversation.
    fn writers(&mut self) -> [bool; 6] {
        let (driver, staff) = (self.scene.driver, self.scene.staff);
        let (ordinary, emergency) = (self.scene.conversation.clone(), self.emergency.clone());
        let message = |id: &str| json!({"conversation_id": id, "content": "text"});
        let request = json!({"title": "t", "content": "c"});
        [
            self.ask(driver, "send_chat_message", message(&ordinary)),
            self.ask(driver, "send_chat_message", message(&emergency)),
            self.ask(driver, "create_support_conversation", request),
            is_done(&raise(&mut self.scene)),
            self.ask(staff, "send_chat_message", message(&ordinary)),
            self.ask(staff, "send_chat_message", message(&emergency)),
        ]
    }

    fn assert_reads(&mut self) {
        let (driver, id) = (self.scene.driver, self.scene.conversation.clone());
        for (event, data) in [
            ("get_conversation_messages", json!({"conversation_id": id})),
            ("join_conversation", json!({"conversation_id": id, "after_seq": 0})),
            ("get_active_conversations", json!({})),
            ("typing_indicator", json!({"conversation_id": id, "is_typing": true})),
        ] {
            assert!(self.ask(driver, event, data), "{event}");
        }
    }
}

fn raise(scene: &mut Scene) -> Value {
    let data = json!({"title": "Accident", "content": "help", "room_type": "emergency_support"});
    scene.world.ask(scene.driver, "create_support_conversation", data).swap_remove(0)
}

#[test]
fn the_reserve_is_for_control_and_emergencies() {
    let mut stage = Stage::new();
    assert_eq!(stage.writers(), [true; 6]);
    stage.set(Headroom::Reserved);
    assert_eq!(stage.writers(), [false, true, false, true, true, true]);
    stage.assert_reads();
    stage.set(Headroom::Ample);
    assert_eq!(stage.writers(), [true; 6]);
}

#[test]
fn without_room_only_administration_may_write_and_reading_goes_on() {
    let mut stage = Stage::new();
    stage.set(Headroom::Exhausted);
    assert_eq!(stage.writers(), [false; 6]);
    stage.assert_reads();
    let (user, conversation) = (driver().id, stage.scene.conversation.as_str().into());
    let send = Command::Send { user, conversation, content: "text".into(), client_message_id: None };
    let world = &mut stage.scene.world;
    let (answered, deactivated) = (world.command(send), world.command(Command::Deactivate(driver().id)));
    assert_eq!(world.answers[&answered].as_ref().unwrap_err().code, ErrorCode::StorageLow);
    assert!(world.answers[&deactivated].is_ok());
}

#[test]
fn what_was_accepted_is_never_refused() {
    let mut stage = Stage::new();
    let (driver, id) = (stage.scene.driver, stage.scene.conversation.clone());
    let data = json!({"conversation_id": id, "content": "text", "client_message_id": "one"});
    let first = stage.scene.world.ask(driver, "send_chat_message", data.clone());
    stage.set(Headroom::Exhausted);
    let again = stage.scene.world.ask(driver, "send_chat_message", data);
    assert_eq!(again[0]["message_id"], first[0]["message_id"]);
}

#[test]
fn a_message_that_waited_for_room_is_heard_however_small_the_cache() {
    let mut scene = Scene::with(settings(|limits| {
        limits.rates = chat_core::limits::RateSetting::Lifted;
        limits.engine.cached_conversations = 1;
    }));
    let second = scene.world.connect(&other_driver());
    let other = create(&mut scene.world, second);
    scene.world.take(scene.staff);
    scene.world.input(Input::Headroom(Headroom::Reserved));
    scene.world.hold = true;
    let data = scene.data(json!({"content": "is this heard?", "client_message_id": "one"}));
    scene.world.request(scene.driver, "send_chat_message", data);
    scene.world.answer(0, Answer::Good);
    // While the original is looked up, there is room again, and the cache loses the conversation.
    scene.world.input(Input::Headroom(Headroom::Ample));
    scene.world.request(second, "send_chat_message", about(&other, json!({"content": "x"})));
    scene.world.answer(1, Answer::Good);
    scene.world.answer(1, Answer::Good);
    scene.world.settle();
    let heard = scene.world.take(scene.staff);
    let of_scene: Vec<_> =
        heard.into_iter().filter(|f| f["conversation_id"] == json!(scene.conversation)).collect();
    assert_eq!(live_seqs(&of_scene), [2]);
}

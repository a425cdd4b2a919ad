//! Every JSON frame of the protocol document decodes to the right value and encodes back to the
//! same JSON.
//!
//! `fixtures/websocket-chat-events.md` is the document word for word. Each of its frames is a file
//! beside the document. The document's times are whole seconds, and this project always writes
//! milliseconds. No other difference is allowed between the document and the encoded frames.

#![expect(clippy::disallowed_methods, reason = "a test reads its fixtures")]

use std::fmt::Debug;
use std::fs;
use std::path::PathBuf;

use chat_core::limits::FieldLimits;
use chat_core::protocol::{
    BroadcastMessage, ConversationStatus, ConversationSummary, CreateSupportConversation,
    CreateSupportConversationReply, Done, ErrorReply, GetActiveConversations, GetActiveConversationsReply,
    GetConversationMessages, GetConversationMessagesReply, JoinConversation, JoinConversationReply,
    JoinSupportRoom, JoinSupportRoomReply, LastMessage, MarkMessageRead, Message, MessageRead, MessageType,
    NewMessage, Request, Role, RoomType, SendChatMessage, SendChatMessageReply, Success, TypingIndicator,
    TypingStatus, User, encode,
};
use chat_core::time::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// One test per frame, and the list of them in the order of the document.
macro_rules! frames {
    ($($check:ident $name:ident = $expected:expr;)*) => {
        const FRAMES: &[&str] = &[$(stringify!($name),)*];

        $(
            #[test]
            fn $name() {
                $check(stringify!($name), &$expected);
            }
        )*
    };
}

frames! {
    request send_chat_message_request = Request::SendChatMessage(SendChatMessage {
        conversation_id: "conv_123".into(),
        content: "Hello, I need assistance with route changes.".into(),
        answers: None,
        answer_within_ms: None,
        client_message_id: None,
    });
    frame send_chat_message_reply = SendChatMessageReply {
        success: Success,
        message: "Message sent successfully".into(),
        message_id: "msg_456".into(),
        conversation_id: "conv_123".into(),
        timestamp: at("10:30:00"),
        seq: None,
    };
    frame new_message = NewMessage {
        conversation_id: "conv_123".into(),
        message: BroadcastMessage {
            id: "msg_456".into(),
            sender_id: "user_789".into(),
            content: "Hello, I need assistance with route changes.".into(),
            message_type: MessageType::Text,
            sent_at: at("10:30:00"),
            seq: None,
            work: None,
            emergency: None,
            order: None,
            answer: None,
        },
    };
    request create_support_conversation_request = Request::CreateSupportConversation(CreateSupportConversation {
        title: "Route Change Request".into(),
        content: "I need to discuss changing my route due to road construction.".into(),
        room_type: None,
        client_message_id: None,
    });
    frame create_support_conversation_reply = CreateSupportConversationReply {
        success: Success,
        message: "Support conversation created successfully".into(),
        conversation_id: "conv_789".into(),
        title: "Support: Route Change Request".into(),
        participants: vec!["user_123".into(), "control_456".into(), "control_789".into()],
        timestamp: at("10:30:00"),
        repeated: None,
    };
    request get_active_conversations_request =
        Request::GetActiveConversations(GetActiveConversations::default());
    frame get_active_conversations_reply = GetActiveConversationsReply {
        success: Success,
        conversations: vec![the_active_conversation()],
        count: 1,
        timestamp: at("10:35:00"),
        epoch: None,
        has_more: None,
        next_cursor: None,
        work_counts: None,
        served_by: None,
    };
    request join_conversation_request = Request::JoinConversation(JoinConversation {
        conversation_id: "conv_123".into(),
        after_seq: None,
        epoch: None,
    });
    frame join_conversation_reply = JoinConversationReply {
        success: Success,
        message: "Joined conversation conv_123".into(),
        conversation_id: "conv_123".into(),
        catch_up: None,
    };
    request join_support_room_request =
        Request::JoinSupportRoom(JoinSupportRoom { room_type: RoomType::GeneralSupport });
    frame join_support_room_reply = JoinSupportRoomReply {
        success: Success,
        message: "Joined general support room successfully".into(),
        room_id: "support:general_support".into(),
        room_type: RoomType::GeneralSupport,
        timestamp: at("10:30:00"),
    };
    request typing_indicator_request = Request::TypingIndicator(TypingIndicator {
        conversation_id: "conv_123".into(),
        is_typing: true,
    });
    frame typing_indicator_reply = Done { success: Success };
    frame typing_status = TypingStatus {
        conversation_id: "conv_123".into(),
        user_id: "user_456".into(),
        is_typing: true,
        timestamp: at("10:30:00"),
    };
    request get_conversation_messages_request = Request::GetConversationMessages(GetConversationMessages {
        conversation_id: "conv_123".into(),
        limit: Some(50),
        skip: Some(0),
        before_seq: None,
        after_seq: None,
    });
    frame get_conversation_messages_reply = GetConversationMessagesReply {
        success: Success,
        messages: vec![
            message("msg_123", "user_456", "Hello, I need assistance.", "10:25:00"),
            message("msg_124", "control_789", "How can I help you?", "10:26:00"),
        ],
        count: 2,
        conversation_id: "conv_123".into(),
        last_seq: None,
        has_more: None,
    };
    request mark_message_read_request = Request::MarkMessageRead(MarkMessageRead {
        conversation_id: "conv_123".into(),
        message_id: "msg_456".into(),
    });
    frame mark_message_read_reply = Done { success: Success };
    frame message_read = MessageRead {
        conversation_id: "conv_123".into(),
        user_id: "user_789".into(),
        message_id: "msg_456".into(),
        timestamp: at("10:30:00"),
        read_up_to: None,
        by_control: None,
    };
    frame error_reply = ErrorReply {
        kind: None,
        success: false,
        error: "Error message describing what went wrong".into(),
        code: None,
        retry_after_ms: None,
        work: None,
        emergency: None,
        order: None,
    };
}

#[test]
fn every_frame_of_the_document_is_a_case() {
    let document = fs::read_to_string(path("websocket-chat-events.md")).unwrap();
    let blocks: Vec<_> =
        document.split("```json\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 20, "the document has twenty frames");
    assert_eq!(blocks.len(), FRAMES.len());
    for (block, name) in blocks.into_iter().zip(FRAMES) {
        assert_eq!(block, fixture(name), "{name} stands in the document word for word");
    }
}

#[test]
fn every_room_type_of_the_document_is_known() {
    let document = fs::read_to_string(path("websocket-chat-events.md")).unwrap();
    let (_, rest) = document.split_once("**Available room types:**").unwrap();
    let (list, _) = rest.split_once("**Server").unwrap();
    let named: Vec<_> = list.split('`').skip(1).step_by(2).collect();
    assert_eq!(named, RoomType::ALL.map(RoomType::as_str));
}

fn path(file: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "fixtures", file].iter().collect()
}

fn fixture(name: &str) -> String {
    fs::read_to_string(path(&format!("{name}.json"))).unwrap()
}

/// A request: decoded as the server does, encoded as the client does.
fn request(name: &str, expected: &Request) {
    let text = fixture(name);
    let decoded = Request::decode(text.as_bytes(), &FieldLimits::default()).unwrap();
    assert_eq!(decoded, (None, expected.clone()));
    assert_same_json(&expected.encode(None), &text);
}

/// Any other frame.
fn frame<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, expected: &T) {
    let text = fixture(name);
    assert_eq!(&serde_json::from_str::<T>(&text).unwrap(), expected);
    assert_same_json(&encode(expected), &text);
}

fn assert_same_json(encoded: &[u8], fixture: &str) {
    let encoded: Value = serde_json::from_slice(encoded).unwrap();
    let fixture: Value = serde_json::from_str(&fixture.replace(":00Z\"", ":00.000Z\"")).unwrap();
    assert_eq!(encoded, fixture);
}

fn at(time: &str) -> Timestamp {
    serde_json::from_str(&format!("\"2024-01-15T{time}Z\"")).unwrap()
}

fn message(id: &str, sender: &str, content: &str, sent_at: &str) -> Message {
    Message {
        id: id.into(),
        conversation_id: "conv_123".into(),
        sender_id: sender.into(),
        content: content.into(),
        message_type: MessageType::Text,
        sent_at: at(sent_at),
        seq: None,
        erased: false,
        work: None,
        emergency: None,
        order: None,
        answer: None,
    }
}

fn user(id: &str, email: &str, role: Role, first_name: &str, last_name: &str) -> User {
    let [email, first_name, last_name] = [email, first_name, last_name].map(Into::into);
    User { id: id.into(), email, role, first_name, last_name }
}

fn the_active_conversation() -> ConversationSummary {
    ConversationSummary {
        id: "conv_123".into(),
        title: "Support: Route Change Request".into(),
        status: ConversationStatus::Active,
        created_by: "user_456".into(),
        last_message_at: at("10:30:00"),
        participants: vec![
            user("user_456", "driver@example.com", Role::BusDriver, "John", "Doe"),
            user("control_123", "control@example.com", Role::ControlStaff, "Jane", "Smith"),
        ],
        participant_count: None,
        last_message: LastMessage {
            id: "msg_789".into(),
            content: "I'll help you with that route change.".into(),
            cut: None,
            sender_id: "control_123".into(),
            sent_at: at("10:30:00"),
        },
        room_type: None,
        last_seq: None,
        read_up_to: None,
        unread_count: None,
        positions: Vec::new(),
        work: None,
        emergency: None,
        notes_conversation_id: None,
    }
}

//! Frames of a server, truthful or not.

use arbitrary::{Result, Unstructured};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chat_core::id::Cursor;
use chat_core::protocol::{ErrorCode, EventType, RoomType, ServerEventType, WorkState};
use chat_core::store::Position;
use serde_json::{Value, json};

use super::app::conversation;

const TIME: &str = "2024-01-15T10:30:00.000Z";
const USERS: [&str; 2] = ["driver_1", "control_1"];

/// Draws a reply to a request: a matching one, an error, or one of another type.
pub(super) fn reply(request: &Value, bytes: &mut Unstructured<'_>) -> Result<String> {
    let mut reply = match bytes.int_in_range(0..=15_u8)? {
        0..=2 => error(bytes)?,
        3 => json!({"success": true}),
        _ => fitting(request, bytes)?,
    };
    reply["request_id"] = request["request_id"].clone();
    Ok(reply.to_string())
}

fn error(bytes: &mut Unstructured<'_>) -> Result<Value> {
    let code = bytes.choose(ErrorCode::ALL)?;
    let mut error = json!({"success": false, "error": code.text(), "code": code.as_str()});
    if *code == ErrorCode::Conflict {
        error["work"] = work(bytes)?;
        error["emergency"] = emergency(bytes)?;
        error["order"] = order(bytes)?;
    }
    if bytes.arbitrary()? {
        error["retry_after_ms"] = number(bytes)?.into();
    }
    Ok(error)
}

fn fitting(request: &Value, bytes: &mut Unstructured<'_>) -> Result<Value> {
    let data = &request["data"];
    let id = &data["conversation_id"];
    let kind = request["type"].as_str().and_then(EventType::named).expect("a client sends only requests");
    Ok(match kind {
        EventType::SendChatMessage => json!({
            "success": true, "message": "sent", "message_id": "msg_0123456789abcdef1", "conversation_id": id,
            "timestamp": TIME, "seq": number(bytes)?,
        }),
        EventType::CreateSupportConversation => json!({
            "success": true, "message": "created", "conversation_id": conversation(bytes)?, "title": "Help",
            "participants": USERS, "timestamp": TIME,
        }),
        EventType::GetActiveConversations => list(bytes)?,
        EventType::JoinConversation => catch_up(data, bytes)?,
        EventType::JoinSupportRoom => json!({
            "success": true, "message": "joined", "room_id": "room_1", "room_type": data["room_type"],
            "timestamp": TIME,
        }),
        EventType::GetConversationMessages => json!({
            "success": true, "messages": messages(id, number(bytes)?, bytes)?, "count": 0,
            "conversation_id": id, "last_seq": number(bytes)?,
        }),
        EventType::RefreshToken => json!({"success": true, "expires_at": TIME}),
        EventType::TypingIndicator | EventType::MarkMessageRead => json!({"success": true}),
        EventType::TakeConversation
        | EventType::ReleaseConversation
        | EventType::TransferConversation
        | EventType::ResolveConversation
        | EventType::ReopenConversation => json!({
            "success": true, "message": "changed", "conversation_id": id,
            "message_id": "msg_0123456789abcdef1", "seq": number(bytes)?, "timestamp": TIME,
            "work": work(bytes)?,
        }),
        EventType::EndEmergency | EventType::WithdrawEmergency => json!({
            "success": true, "message": "ended", "conversation_id": id,
            "message_id": "msg_0123456789abcdef1", "seq": number(bytes)?, "timestamp": TIME,
            "emergency": emergency(bytes)?,
        }),
        EventType::AnswerMessage | EventType::WithdrawOrder => json!({
            "success": true, "message": "changed", "conversation_id": id,
            "message_id": "msg_0123456789abcdef2", "seq": number(bytes)?, "timestamp": TIME,
            "order": order(bytes)?,
        }),
        EventType::GetOpenOrders => json!({"success": true, "orders": []}),
        EventType::AddNote => json!({
            "success": true, "message": "added", "conversation_id": id,
            "notes_conversation_id": format!("notes_{id}"), "message_id": "msg_0123456789abcdef1",
            "seq": number(bytes)?, "timestamp": TIME,
        }),
        EventType::StartConversation => json!({
            "success": true, "message": "started", "conversation_id": id, "title": "Detour",
            "participants": USERS, "timestamp": TIME, "work": work(bytes)?,
        }),
        EventType::GetPhrases => json!({"success": true, "version": "1", "phrases": [{
            "id": "late", "roles": ["BUS_DRIVER"], "kind": "request", "language": "en", "title": "Late",
            "content": "I am late.", "emergency": bytes.arbitrary::<bool>()?,
        }]}),
        EventType::GetPeople => json!({"success": true, "people": [
            {"id": USERS[0], "first_name": "A", "last_name": "B", "role": "BUS_DRIVER", "connected": bytes.arbitrary::<bool>()?},
        ]}),
    })
}

fn work(bytes: &mut Unstructured<'_>) -> Result<Value> {
    let state = bytes.choose(&WorkState::ALL)?.as_str();
    let assignee = bytes.arbitrary::<bool>()?.then_some(USERS[1]);
    Ok(
        json!({"state": state, "assignee": assignee, "since": TIME, "waiting_since": null, "version": number(bytes)?}),
    )
}

fn order(bytes: &mut Unstructured<'_>) -> Result<Value> {
    let state = *bytes.choose(&["PENDING", "ANSWERED", "OVERDUE", "WITHDRAWN"])?;
    Ok(json!({
        "message_id": "msg_0123456789abcdef1", "seq": 1, "sender_id": USERS[1], "choices": 2, "due": TIME,
        "people": [{"user_id": USERS[0], "state": state, "ended_at": null}], "version": number(bytes)?,
    }))
}

fn emergency(bytes: &mut Unstructured<'_>) -> Result<Value> {
    let state = *bytes.choose(&["OPEN", "TAKEN", "ENDED"])?;
    Ok(json!({
        "state": state, "level": bytes.int_in_range(0..=5_u8)?, "by": null, "since": TIME, "reason": null,
        "version": number(bytes)?, "alerted_at": TIME,
    }))
}

fn list(bytes: &mut Unstructured<'_>) -> Result<Value> {
    let count = bytes.int_in_range(0..=3_u8)?;
    let summaries = (0..count).map(|_| {
        Ok(json!({
            "id": conversation(bytes)?, "title": "Help", "status": "ACTIVE", "created_by": USERS[0],
            "last_message_at": TIME, "participants": [],
            "last_message": {"id": "msg_1", "content": "…", "sender_id": USERS[1], "sent_at": TIME},
            "last_seq": number(bytes)?, "read_up_to": number(bytes)?, "unread_count": bytes.int_in_range(0..=100_u8)?,
        }))
    });
    let conversations = summaries.collect::<Result<Vec<_>>>()?;
    let has_more = bytes.int_in_range(0..=3_u8)? == 0;
    let mut list = json!({
        "success": true, "conversations": conversations, "count": count, "timestamp": TIME,
        "epoch": epoch(bytes)?, "has_more": has_more,
    });
    if has_more && bytes.arbitrary()? {
        list["next_cursor"] = Cursor::compose(Position(7)).as_str().into();
    }
    Ok(list)
}

fn catch_up(data: &Value, bytes: &mut Unstructured<'_>) -> Result<Value> {
    let after = data["after_seq"].as_u64().unwrap_or_default();
    let first = if bytes.int_in_range(0..=7_u8)? == 0 { number(bytes)? } else { after.saturating_add(1) };
    let messages = messages(&data["conversation_id"], first, bytes)?;
    let told = messages.last().and_then(|message| message["seq"].as_u64()).unwrap_or(after);
    let last_seq = if bytes.int_in_range(0..=3_u8)? == 0 { number(bytes)? } else { told };
    let mut reply = json!({
        "success": true, "message": "joined", "conversation_id": data["conversation_id"], "messages": messages,
        "last_seq": last_seq, "epoch": epoch(bytes)?, "complete": bytes.int_in_range(0..=3_u8)? > 0,
    });
    if bytes.int_in_range(0..=7_u8)? == 0 {
        reply["reset"] = bytes.arbitrary::<bool>()?.into();
    }
    Ok(reply)
}

fn messages(id: &Value, first: u64, bytes: &mut Unstructured<'_>) -> Result<Vec<Value>> {
    let count = bytes.int_in_range(0..=4_u64)?;
    (0..count)
        .map(|n| {
            let mut message = message(first.saturating_add(n), bytes)?;
            message["conversation_id"] = id.clone();
            Ok(message)
        })
        .collect()
}

fn message(seq: u64, bytes: &mut Unstructured<'_>) -> Result<Value> {
    let sender = bytes.choose(&USERS)?;
    let id = format!("msg_0123456789abcdef{seq}");
    let mut message = json!({
        "id": id, "sender_id": sender, "content": "Hello", "message_type": "TEXT", "sent_at": TIME, "seq": seq,
    });
    if bytes.int_in_range(0..=3_u8)? == 0 {
        message["work"] = work(bytes)?;
    }
    if message["work"].is_object() && bytes.arbitrary()? {
        message["work"]["action"] = "TAKE".into();
    }
    if bytes.int_in_range(0..=7_u8)? == 0 {
        message["emergency"] = emergency(bytes)?;
    }
    Ok(message)
}

/// Draws an event of the server.
pub(super) fn event(bytes: &mut Unstructured<'_>) -> Result<String> {
    let id = conversation(bytes)?;
    let kind = match bytes.int_in_range(0..=9_u8)? {
        0..=5 => ServerEventType::NewMessage,
        _ => *bytes.choose(ServerEventType::ALL)?,
    };
    let mut event = match kind {
        ServerEventType::NewMessage => {
            let seq = number(bytes)?;
            json!({"conversation_id": id, "message": message(seq, bytes)?})
        }
        ServerEventType::TypingStatus => json!({
            "conversation_id": id, "user_id": USERS[1], "is_typing": bytes.arbitrary::<bool>()?,
            "timestamp": TIME,
        }),
        ServerEventType::MessageRead => json!({
            "conversation_id": id, "user_id": USERS[1], "message_id": "msg_1",
            "timestamp": TIME, "read_up_to": number(bytes)?,
        }),
        ServerEventType::ReadPosition => json!({
            "conversation_id": id, "message_id": "msg_1", "read_up_to": number(bytes)?,
            "timestamp": TIME,
        }),
        ServerEventType::NewSupportConversation => json!({
            "conversation_id": id, "title": "Help", "creator_id": USERS[0],
            "creator_name": "John", "creator_role": "BUS_DRIVER", "room_type": bytes.choose(&RoomType::ALL)?,
            "message": "New", "timestamp": TIME,
        }),
        ServerEventType::OrderOverdue => {
            json!({"conversation_id": id, "timestamp": TIME, "order": order(bytes)?})
        }
        ServerEventType::Error => error(bytes)?,
    };
    event["type"] = kind.as_str().into();
    Ok(event.to_string())
}

/// Draws a token of the provider, usually of this user, and one of few to make repetitions likely.
pub(super) fn token(bytes: &mut Unstructured<'_>) -> Result<String> {
    let claims = match bytes.int_in_range(0..=15_u8)? {
        0 => return Ok("opaque".to_owned()),
        1 => json!({"sub": USERS[1], "exp": 1_705_318_200}),
        2 => json!({"sub": USERS[0], "exp": bytes.arbitrary::<f64>()?}),
        n => json!({"sub": USERS[0], "exp": 1_705_314_600 + 60 * u64::from(n)}),
    };
    Ok(format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims.to_string())))
}

fn epoch(bytes: &mut Unstructured<'_>) -> Result<&'static str> {
    Ok(if bytes.int_in_range(0..=15_u8)? == 0 { "epoch_2" } else { "epoch_1" })
}

/// Draws a number, usually a small one.
fn number(bytes: &mut Unstructured<'_>) -> Result<u64> {
    match bytes.int_in_range(0..=127_u8)? {
        127 => bytes.arbitrary(),
        126 => Ok(u64::MAX),
        n => Ok(u64::from(n % 9)),
    }
}

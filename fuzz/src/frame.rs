//! Any bytes, as a request and as a server's frame.
//!
//! Decoding never panics. A decoded value is encoded and decoded again to the same value. The error
//! for a bad frame does not depend on the texts in the frame, and so repeats none of them.

use chat_core::id::Cursor;
use chat_core::limits::FieldLimits;
use chat_core::protocol::{
    ConversationStatus, ErrorCode, EventType, MessageType, ParticipantList, RawReply, Request, Role,
    RoomType, ServerEventType, ServerFrame, WorkAction, WorkState,
};
use chat_core::time::Timestamp;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Runs one input: a frame.
///
/// # Panics
///
/// One of the properties above is broken.
pub fn run(bytes: &[u8]) {
    check_request(bytes);
    check_server_frame(bytes);
    if let Ok(frame) = serde_json::from_slice::<Value>(bytes) {
        let masked = masked(frame.clone()).to_string();
        let frame = frame.to_string();
        assert_eq!(errors(frame.as_bytes()), errors(masked.as_bytes()), "an error repeats what was sent");
    }
}

fn check_request(bytes: &[u8]) {
    let limits = FieldLimits::default();
    if let Ok((request_id, request)) = Request::decode(bytes, &limits) {
        let encoded = request.encode(request_id.as_ref());
        assert_eq!(Request::decode(&encoded, &limits), Ok((request_id, request)), "as {encoded:?}");
    }
}

fn check_server_frame(bytes: &[u8]) {
    match ServerFrame::decode(bytes) {
        Ok(ServerFrame::Event(event)) => {
            let encoded = event.encode();
            assert_eq!(ServerFrame::decode(&encoded), Ok(ServerFrame::Event(event)), "as {encoded:?}");
        }
        Ok(ServerFrame::Reply(reply)) => EventType::ALL.iter().for_each(|asked| check_reply(&reply, *asked)),
        Ok(ServerFrame::Unknown) | Err(_) => {}
    }
}

fn check_reply(raw: &RawReply<'_>, asked: EventType) {
    let Ok(reply) = raw.decode(asked) else { return };
    let encoded = reply.encode(raw.request_id.as_ref());
    let Ok(ServerFrame::Reply(again)) = ServerFrame::decode(&encoded) else {
        panic!("a reply is none once it is encoded: {encoded:?}")
    };
    assert_eq!(again.request_id, raw.request_id, "as {encoded:?}");
    assert_eq!(again.decode(asked), Ok(reply), "as {encoded:?}");
}

/// Returns all texts about an undecodable frame.
fn errors(frame: &[u8]) -> Vec<String> {
    let request = Request::decode(frame, &FieldLimits::default()).err().map(|bad| bad.error.to_string());
    let decoded = ServerFrame::decode(frame);
    let unreadable = decoded.as_ref().err().map(ToString::to_string);
    let replies = decoded.iter().flat_map(|decoded| match decoded {
        ServerFrame::Reply(reply) => EventType::ALL.iter().map(|asked| reply.decode(*asked).err()).collect(),
        ServerFrame::Event(_) | ServerFrame::Unknown => Vec::new(),
    });
    let replies = replies.flatten().map(|error| error.to_string());
    request.into_iter().chain(unreadable).chain(replies).collect()
}

/// Returns the frame with other letters and digits in its texts, as valid as before.
fn masked(frame: Value) -> Value {
    match frame {
        Value::String(text) if has_meaning(&text) => Value::String(text),
        Value::String(text) => text.replace(|c: char| c.is_ascii_alphanumeric(), "x").into(),
        Value::Array(values) => values.into_iter().map(masked).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, masked(value))).collect(),
        other => other,
    }
}

/// Whether the text is a keyword of the protocol or a time, which can't be replaced without
/// changing the frame.
fn has_meaning(text: &str) -> bool {
    fn is<T: DeserializeOwned>(text: &str) -> bool {
        serde_json::from_value::<T>(text.into()).is_ok()
    }
    let is_cursor = Cursor::from(text).position().is_some();
    EventType::named(text).is_some()
        || ServerEventType::named(text).is_some()
        || is_cursor
        || is::<Role>(text)
        || is::<ParticipantList>(text)
        || is::<RoomType>(text)
        || is::<MessageType>(text)
        || is::<ConversationStatus>(text)
        || is::<ErrorCode>(text)
        || is::<WorkAction>(text)
        || is::<WorkState>(text)
        || is::<Timestamp>(text)
}

//! Frames that are no requests. Each gets its error, with its `request_id` if readable, and nothing
//! panics.

mod fields;

use chat_core::limits::FieldLimits;
use chat_core::protocol::{ErrorCode, EventType, Request, RequestId, Undecodable};
use serde_json::{Value, json};

fn decode(frame: &[u8]) -> Result<(Option<RequestId>, Request), Undecodable> {
    Request::decode(frame, &FieldLimits::default())
}

/// Asserts the refusal of a frame: this code, a text with this name, and this `request_id`.
fn assert_refused(frame: &[u8], code: ErrorCode, names: &str, request_id: Option<&RequestId>) {
    let shown = String::from_utf8_lossy(&frame[..frame.len().min(200)]).into_owned();
    match decode(frame) {
        Ok(decoded) => panic!("{shown} must be refused, but is {decoded:?}"),
        Err(Undecodable { request_id: echoed, error, .. }) => {
            assert_eq!(error.code, code, "{shown}: {error}");
            assert!(error.text.starts_with(code.text()), "{shown}: {error}");
            assert!(error.text.contains(names), "{shown}: {:?} must name {names:?}", error.text);
            assert_eq!(echoed.as_ref(), request_id, "{shown}: the request_id");
        }
    }
}

/// A request with a `request_id`, and `data` with one field replaced, or removed if there is no
/// value.
fn with_field(event: EventType, field: &str, value: Option<Value>) -> Value {
    let mut frame = json!({"type": event.as_str(), "request_id": "r1", "data": valid_data(event)});
    let data = frame["data"].as_object_mut().expect("an object");
    match value {
        Some(value) => drop(data.insert(field.to_owned(), value)),
        None => drop(data.remove(field).expect("the field is required")),
    }
    frame
}

/// Data with every field, required or not.
fn valid_data(event: EventType) -> Value {
    match event {
        EventType::SendChatMessage => {
            json!({
                "conversation_id": "c", "content": "x", "answers": ["yes"], "answer_within_ms": 60_000,
                "client_message_id": "k",
            })
        }
        EventType::CreateSupportConversation => {
            json!({"title": "t", "content": "x", "room_type": "driver_support", "client_message_id": "k"})
        }
        EventType::GetActiveConversations => {
            json!({"limit": 5, "skip": 0, "cursor": "p5", "participants": "brief"})
        }
        EventType::JoinConversation => json!({"conversation_id": "c", "after_seq": 0, "epoch": "e"}),
        EventType::JoinSupportRoom => json!({"room_type": "general_support"}),
        EventType::TypingIndicator => json!({"conversation_id": "c", "is_typing": true}),
        EventType::GetConversationMessages => json!({"conversation_id": "c", "limit": 5, "skip": 0}),
        EventType::MarkMessageRead => json!({"conversation_id": "c", "message_id": "m"}),
        EventType::RefreshToken => json!({"token": "t"}),
        EventType::TakeConversation
        | EventType::ReleaseConversation
        | EventType::ResolveConversation
        | EventType::ReopenConversation
        | EventType::WithdrawEmergency => {
            json!({"conversation_id": "c", "version": 7, "client_message_id": "k"})
        }
        EventType::TransferConversation => {
            json!({"conversation_id": "c", "version": 7, "to": "u", "client_message_id": "k"})
        }
        EventType::EndEmergency => {
            json!({"conversation_id": "c", "version": 7, "reason": "solved", "client_message_id": "k"})
        }
        EventType::AnswerMessage => {
            json!({"conversation_id": "c", "message_id": "m", "answer": 0, "client_message_id": "k"})
        }
        EventType::WithdrawOrder => {
            json!({"conversation_id": "c", "message_id": "m", "client_message_id": "k"})
        }
        EventType::GetOpenOrders => json!({"cursor": "o5.6.c", "limit": 5}),
        EventType::AddNote => json!({"conversation_id": "c", "content": "x", "client_message_id": "k"}),
        EventType::StartConversation => {
            json!({"to": ["u"], "title": "t", "content": "x", "client_message_id": "k"})
        }
        EventType::GetPhrases => json!({"language": "de-AT"}),
        EventType::GetPeople => json!({"find": "x", "role": "BUS_DRIVER", "cursor": "uu", "limit": 5}),
    }
}

fn required(event: EventType) -> &'static [&'static str] {
    match event {
        EventType::SendChatMessage | EventType::AddNote => &["conversation_id", "content"],
        EventType::CreateSupportConversation => &["title", "content"],
        EventType::GetActiveConversations
        | EventType::GetOpenOrders
        | EventType::GetPeople
        | EventType::GetPhrases
        | EventType::JoinSupportRoom => &[],
        EventType::JoinConversation | EventType::GetConversationMessages => &["conversation_id"],
        EventType::TypingIndicator => &["conversation_id", "is_typing"],
        EventType::MarkMessageRead | EventType::WithdrawOrder => &["conversation_id", "message_id"],
        EventType::RefreshToken => &["token"],
        EventType::TakeConversation
        | EventType::ReleaseConversation
        | EventType::ResolveConversation
        | EventType::ReopenConversation
        | EventType::WithdrawEmergency => &["conversation_id", "version"],
        EventType::TransferConversation => &["conversation_id", "version", "to"],
        EventType::EndEmergency => &["conversation_id", "version", "reason"],
        EventType::AnswerMessage => &["conversation_id", "message_id", "answer"],
        EventType::StartConversation => &["to", "title", "content"],
    }
}

/// Asserts how a request with one field replaced is refused, under its `request_id`.
fn assert_field_refused(event: EventType, field: &str, value: Option<Value>, code: ErrorCode) {
    let frame = with_field(event, field, value).to_string();
    assert_refused(frame.as_bytes(), code, field, Some(&RequestId::Text("r1".into())));
}

#[test]
fn every_request_with_every_field_is_good() {
    for event in EventType::ALL {
        let frame = json!({"type": event.as_str(), "request_id": 7, "data": valid_data(*event), "more": [1]});
        let (request_id, request) = decode(frame.to_string().as_bytes()).unwrap();
        assert_eq!((request_id, request.event_type()), (Some(RequestId::Number(7)), *event));
    }
}

#[test]
fn what_is_not_json_is_invalid_json() {
    for frame in
        ["", " ", "nope", "{", "{\"type\":", "{\"type\":\"x\"} x", "{'type':'x'}", "[1,", "\u{feff}{}", "\0"]
    {
        assert_refused(frame.as_bytes(), ErrorCode::InvalidJson, "", None);
    }
    assert_refused(
        b"{\"type\":\"get_active_conversations\",\"data\":{\"limit\":1,}}",
        ErrorCode::InvalidJson,
        "",
        None,
    );
    let raw_control =
        b"{\"type\":\"send_chat_message\",\"data\":{\"conversation_id\":\"c\",\"content\":\"a\nb\"}}";
    assert_refused(raw_control, ErrorCode::InvalidJson, "", None);
}

#[test]
fn what_is_not_utf8_is_invalid_json_wherever_it_stands() {
    for frame in [
        &b"{\"type\":\"send_chat_message\",\"data\":{\"conversation_id\":\"c\",\"content\":\"\xff\"}}"[..],
        b"{\"type\":\"get_active_conversations\",\"ignored\":\"\xc3\x28\"}",
        b"{\"type\":\"get_active_conversations\",\"data\":{\"ignored\":\"\xed\xa0\x80\"}}",
        b"\xff\xfe",
    ] {
        assert_refused(frame, ErrorCode::InvalidJson, "", None);
    }
}

#[test]
fn what_is_not_an_object_is_an_invalid_frame() {
    for frame in ["[]", " [1]", "[\"get_active_conversations\",{},7]", "1", "-0.5", "\"x\"", "null", "true"] {
        assert_refused(frame.as_bytes(), ErrorCode::InvalidFrame, "", None);
    }
}

#[test]
fn data_that_is_not_an_object_is_an_invalid_frame() {
    for event in EventType::ALL {
        for data in [json!([]), json!(["c", true]), json!("secret"), json!(5), json!(true)] {
            let frame = json!({"type": event.as_str(), "request_id": 7, "data": data}).to_string();
            let id = Some(&RequestId::Number(7));
            assert_refused(frame.as_bytes(), ErrorCode::InvalidFrame, "data must be an object", id);
        }
    }
}

#[test]
fn data_may_be_missing_where_nothing_in_it_is_required() {
    for event in EventType::ALL {
        for frame in [json!({"type": event.as_str()}), json!({"type": event.as_str(), "data": null})] {
            match required(*event).first() {
                None => drop(decode(frame.to_string().as_bytes()).unwrap()),
                Some(field) => {
                    assert_refused(frame.to_string().as_bytes(), ErrorCode::MissingParameter, field, None);
                }
            }
        }
    }
}

#[test]
fn a_type_is_a_string_that_the_protocol_knows() {
    let id = Some(&RequestId::Number(1));
    for frame in [json!({"request_id": 1}), json!({"type": null, "request_id": 1, "data": {}})] {
        assert_refused(frame.to_string().as_bytes(), ErrorCode::MissingParameter, "type", id);
    }
    for kind in [json!(5), json!([]), json!({}), json!(true)] {
        let frame = json!({"type": kind, "request_id": 1}).to_string();
        assert_refused(frame.as_bytes(), ErrorCode::InvalidFrame, "type must be a string", id);
    }
    for kind in ["", "x", "new_message", "SEND_CHAT_MESSAGE", "send_chat_message ", "connection_established"]
    {
        let frame = json!({"type": kind, "request_id": 1, "data": {}}).to_string();
        assert_refused(frame.as_bytes(), ErrorCode::UnknownType, "", id);
    }
}

#[test]
fn nesting_is_refused_at_any_place_and_depth() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        for depth in [32, 5_000] {
            let (open, close) = (open.repeat(depth), close.repeat(depth));
            for frame in [
                format!(
                    "{{\"type\":\"typing_indicator\",\"request_id\":1,\"data\":{{\"x\":{open}1{close}}}}}"
                ),
                format!(
                    "{{\"type\":\"typing_indicator\",\"request_id\":1,\"ignored\":{open}1{close},\"data\":{{}}}}"
                ),
                format!(
                    "{{\"type\":\"typing_indicator\",\"note\":\"\\\"a\\\\\",\"data\":{{\"x\":{open}1{close}}}}}"
                ),
                open.clone() + &open,
            ] {
                assert_refused(frame.as_bytes(), ErrorCode::TooDeep, "at most 32 levels", None);
            }
        }
    }
    let deepest =
        format!("{{\"type\":\"get_active_conversations\",\"ignored\":{}{}}}", "[".repeat(31), "]".repeat(31));
    assert!(decode(deepest.as_bytes()).is_ok(), "32 levels are allowed");
    let text = json!({"type": "send_chat_message", "data": {"conversation_id": "c", "content": "[{\"".repeat(1_000)}});
    assert!(decode(text.to_string().as_bytes()).is_ok(), "what stands in a string is no nesting");
}

#[test]
fn lone_surrogates_are_refused_by_name() {
    for lone in [r"\ud800", r"\udc00", r"\ud800\u0041", r"\ud800x", r"\ude00\ud83d"] {
        let frame = format!(
            r#"{{"type":"send_chat_message","request_id":1,"data":{{"conversation_id":"c","content":"a{lone}"}}}}"#
        );
        let id = Some(&RequestId::Number(1));
        assert_refused(frame.as_bytes(), ErrorCode::InvalidParameter, "content", id);
        let frame = format!(r#"{{"type":"get_active_conversations","request_id":"{lone}"}}"#);
        assert_refused(frame.as_bytes(), ErrorCode::InvalidFrame, "request_id", None);
    }
}

#[test]
fn a_name_given_twice_is_refused_by_name() {
    let id = Some(&RequestId::Number(1));
    let twice = br#"{"type":"typing_indicator","request_id":1,"data":{"conversation_id":"c","is_typing":true,"is_typing":false}}"#;
    assert_refused(twice, ErrorCode::InvalidFrame, "is_typing", id);
    for (name, frame) in [
        ("type", r#"{"type":"refresh_token","type":"typing_indicator","data":{}}"#),
        ("data", r#"{"type":"get_active_conversations","data":{},"data":{}}"#),
        ("request_id", r#"{"type":"get_active_conversations","request_id":1,"request_id":2}"#),
    ] {
        assert_refused(frame.as_bytes(), ErrorCode::InvalidFrame, &format!("duplicate field `{name}`"), None);
    }
}

#[test]
fn a_request_id_is_a_short_string_or_an_integer_that_a_browser_can_hold() {
    let largest = 9_007_199_254_740_991_i64;
    let longest = "😀".repeat(64);
    for good in [json!(0), json!(-largest), json!(largest), json!(""), json!(longest), json!("\0\"")] {
        let frame = json!({"type": "get_active_conversations", "request_id": good}).to_string();
        let echoed = decode(frame.as_bytes()).unwrap().0.unwrap();
        assert_eq!(serde_json::to_value(echoed).unwrap(), good);
    }
    let too_long = "x".repeat(65);
    for bad in [json!(largest + 1), json!(1.5), json!(true), json!([1]), json!({}), json!(too_long)] {
        let frame = json!({"type": "get_active_conversations", "request_id": bad}).to_string();
        assert_refused(frame.as_bytes(), ErrorCode::InvalidFrame, "request_id must be", None);
    }
}

#[test]
fn an_error_never_repeats_what_came() {
    for frame in [
        r#"{"type":"refresh_token","data":"SECRET"}"#,
        r#"{"type":"refresh_token","data":["SECRET"]}"#,
        r#"{"type":"refresh_token","data":{"token":{"SECRET":1}}}"#,
        r#"{"type":"typing_indicator","data":{"conversation_id":"c","is_typing":"SECRET, expected at line 1"}}"#,
        r#"{"type":"join_support_room","data":{"room_type":"SECRET at line 1"}}"#,
        r#"{"type":"get_active_conversations","data":{"limit":"SECRET"}}"#,
        r#"{"type":"SECRET"}"#,
        r#"{"type":"send_chat_message","request_id":["SECRET"]}"#,
        r#""SECRET""#,
    ] {
        let Undecodable { error, .. } = decode(frame.as_bytes()).unwrap_err();
        assert!(!error.to_string().contains("SECRET"), "{frame}: {error}");
    }
}

#[test]
fn errors_say_what_is_wanted_in_words() {
    for (data, text) in [
        (r#"{"conversation_id":"c","limit":1.5}"#, "Invalid parameter: limit must be an integer"),
        (r#"{"conversation_id":7}"#, "Invalid parameter: conversation_id must be a string"),
        (r#"{"conversation_id":"c","limit":0}"#, "Invalid parameter: limit must be at least 1"),
        (r#"{"conversation_id":"c","skip":-1}"#, "Invalid parameter: skip must not be negative"),
        ("{}", "Missing required parameter: conversation_id"),
    ] {
        let frame = format!(r#"{{"type":"get_conversation_messages","data":{data}}}"#);
        assert_eq!(decode(frame.as_bytes()).unwrap_err().error.text, text);
    }
    let frame = br#"{"type":"join_support_room","data":{"room_type":"x"}}"#;
    assert_eq!(
        decode(frame).unwrap_err().error.text,
        "Invalid parameter: room_type must be one of general_support, emergency_support, driver_support, \
         regulator_support"
    );
}

//! Fields of a request: missing, of a wrong type, out of range, too long.

use chat_core::protocol::{ErrorCode, EventType};
use serde_json::{Value, json};

use super::{assert_field_refused, assert_refused, decode, required, valid_data, with_field};

#[test]
fn each_required_field_is_missed_by_name() {
    for event in EventType::ALL {
        for field in required(*event) {
            assert_field_refused(*event, field, None, ErrorCode::MissingParameter);
        }
    }
}

#[test]
fn each_field_of_a_wrong_type_is_refused_by_name() {
    for event in EventType::ALL {
        for (field, value) in valid_data(*event).as_object().unwrap() {
            let wrong = match value {
                Value::String(_) => vec![json!(5), json!(true), json!(["x"]), json!({"x": 1})],
                Value::Array(_) => vec![json!("x"), json!(1), json!([1]), json!({})],
                Value::Bool(_) => vec![json!("true"), json!(1), json!([]), json!({})],
                _ => vec![json!("5"), json!(1.5), json!(-1), json!(true), json!([1]), json!({})],
            };
            for wrong in wrong {
                assert_field_refused(*event, field, Some(wrong), ErrorCode::InvalidParameter);
            }
            if required(*event).contains(&&**field) {
                assert_field_refused(*event, field, Some(Value::Null), ErrorCode::InvalidParameter);
            }
        }
    }
}

#[test]
fn numbers_out_of_range_are_refused_by_name() {
    use EventType::{
        GetActiveConversations as List, GetConversationMessages as History, JoinConversation as Join,
    };
    let huge: Value = serde_json::from_str("99999999999999999999").unwrap();
    for (event, field, value) in [
        (List, "limit", json!(0)),
        (List, "limit", json!(i64::MIN)),
        (List, "limit", huge.clone()),
        (List, "skip", json!(-1)),
        (History, "limit", json!(0)),
        (History, "limit", json!(1e2)),
        (History, "skip", json!(-1)),
        (History, "before_seq", json!(0)),
        (History, "before_seq", json!(-3)),
        (History, "after_seq", json!(-1)),
        (History, "after_seq", json!("1")),
        (Join, "after_seq", json!(-1)),
        (Join, "after_seq", json!(0.5)),
        (Join, "after_seq", huge),
    ] {
        assert_field_refused(event, field, Some(value), ErrorCode::InvalidParameter);
    }
}

#[test]
fn places_in_history_exclude_each_other() {
    for places in [
        json!({"before_seq": 5, "after_seq": 1}),
        json!({"skip": 1, "after_seq": 1}),
        json!({"skip": 1, "before_seq": 2}),
    ] {
        let mut frame = json!({"type": "get_conversation_messages", "data": {"conversation_id": "c"}});
        frame["data"].as_object_mut().unwrap().extend(places.as_object().unwrap().clone());
        let frame = frame.to_string();
        let names = "skip, before_seq and after_seq exclude each other";
        assert_refused(frame.as_bytes(), ErrorCode::InvalidParameter, names, None);
    }
    let frame =
        br#"{"type":"get_conversation_messages","data":{"conversation_id":"c","skip":0,"after_seq":3}}"#;
    assert!(decode(frame).is_ok(), "a skip of nothing is none");
}

#[test]
fn places_in_a_list_exclude_each_other() {
    let places = json!({"skip": 1, "cursor": "p5", "conversation_id": "conv_1"});
    for left_out in ["skip", "cursor", "conversation_id"] {
        let mut data = places.clone();
        data.as_object_mut().unwrap().remove(left_out);
        let frame = json!({"type": "get_active_conversations", "data": data}).to_string();
        let names = "skip, cursor and conversation_id exclude each other";
        assert_refused(frame.as_bytes(), ErrorCode::InvalidParameter, names, None);
    }
    let frame = br#"{"type":"get_active_conversations","data":{"conversation_id":"c","skip":0,"limit":3}}"#;
    assert!(decode(frame).is_ok(), "a skip of nothing is none, and a limit never harms");
}

#[test]
fn a_list_by_work_has_cursors_of_its_own() {
    let list = |data: Value| json!({"type": "get_active_conversations", "data": data}).to_string();
    let names = "work excludes skip and conversation_id";
    for other in [json!({"work": "mine", "skip": 1}), json!({"work": "mine", "conversation_id": "c"})] {
        assert_refused(list(other).as_bytes(), ErrorCode::InvalidParameter, names, None);
    }
    for (data, names) in [
        (json!({"work": "mine", "cursor": "p5"}), "cursor must be"),
        (json!({"work": "mine", "cursor": "w5"}), "cursor must be"),
        (json!({"cursor": "w5.conv_1"}), "cursor must be"),
        (json!({"work": "all"}), "work must be one of waiting, mine, others, resolved"),
    ] {
        assert_refused(list(data).as_bytes(), ErrorCode::InvalidParameter, names, None);
    }
    let good = json!({"work": "mine", "cursor": "w5.conv_1", "limit": 3, "participants": "brief"});
    assert!(decode(list(good).as_bytes()).is_ok());
}

#[test]
fn an_order_has_few_short_answers_and_a_time() {
    let long = "x".repeat(41);
    for answers in [
        json!([]),
        json!(["a", "b", "c", "d", "e"]),
        json!(["a", "a"]),
        json!([" "]),
        json!([long]),
        json!(["two\nlines"]),
    ] {
        let data = json!({"conversation_id": "c", "content": "x", "answers": answers});
        let frame = json!({"type": "send_chat_message", "data": data}).to_string();
        assert_refused(frame.as_bytes(), ErrorCode::InvalidParameter, "answer", None);
    }
    for within in [0, -1, 9_999, 86_400_001, i64::MAX] {
        let code = ErrorCode::InvalidParameter;
        assert_field_refused(EventType::SendChatMessage, "answer_within_ms", Some(json!(within)), code);
    }
    let alone = json!({"conversation_id": "c", "content": "x", "answer_within_ms": 60_000});
    let frame = json!({"type": "send_chat_message", "data": alone}).to_string();
    assert_refused(frame.as_bytes(), ErrorCode::InvalidParameter, "answer_within_ms needs answers", None);
    for cursor in ["o5", "p5", "w5.a", "o05.1.a"] {
        let code = ErrorCode::InvalidParameter;
        assert_field_refused(EventType::GetOpenOrders, "cursor", Some(json!(cursor)), code);
    }
}

#[test]
fn people_are_named_few_and_found_by_a_word() {
    let many: Vec<_> = (0..21).map(|number| format!("user_{number}")).collect();
    for to in [json!([]), json!(many)] {
        let code = ErrorCode::InvalidParameter;
        assert_field_refused(EventType::StartConversation, "to", Some(to), code);
    }
    let full = with_field(EventType::StartConversation, "to", Some(json!(many[..20])));
    assert!(decode(full.to_string().as_bytes()).is_ok());
    for (field, bad) in [
        ("find", json!(" ")),
        ("find", json!("x".repeat(257))),
        ("role", json!("DRIVER")),
        ("cursor", json!("u")),
        ("cursor", json!("p5")),
        ("limit", json!(0)),
    ] {
        let code = ErrorCode::InvalidParameter;
        assert_field_refused(EventType::GetPeople, field, Some(bad), code);
    }
}

#[test]
fn a_language_is_a_short_name() {
    for bad in [json!(" "), json!("x".repeat(65))] {
        assert_field_refused(EventType::GetPhrases, "language", Some(bad), ErrorCode::InvalidParameter);
    }
}

#[test]
fn a_cursor_is_one_that_the_server_makes() {
    let long = format!("p{}", "5".repeat(64));
    for bad in ["", " ", "0", "conv_1", "5", "p", "p+5", "p05", "P5", "p5.conv_1", "t5.conv_1", &long] {
        assert_field_refused(
            EventType::GetActiveConversations,
            "cursor",
            Some(json!(bad)),
            ErrorCode::InvalidParameter,
        );
    }
    let foreign = with_field(EventType::GetActiveConversations, "cursor", Some(json!("p0")));
    assert!(decode(foreign.to_string().as_bytes()).is_ok(), "a place that nothing stands at is one");
}

#[test]
fn participants_of_a_list_are_brief_or_not_named() {
    for bad in ["", "full", "BRIEF", "brief "] {
        let frame = json!({"type": "get_active_conversations", "data": {"participants": bad}}).to_string();
        let names = "participants must be brief";
        assert_refused(frame.as_bytes(), ErrorCode::InvalidParameter, names, None);
    }
}

#[test]
fn texts_are_counted_in_characters_and_are_not_blank() {
    for (event, field, most) in [
        (EventType::SendChatMessage, "content", 4_000),
        (EventType::CreateSupportConversation, "content", 4_000),
        (EventType::CreateSupportConversation, "title", 200),
        (EventType::StartConversation, "content", 4_000),
        (EventType::StartConversation, "title", 200),
        (EventType::StartConversation, "client_message_id", 64),
        (EventType::SendChatMessage, "client_message_id", 64),
        (EventType::CreateSupportConversation, "client_message_id", 64),
        (EventType::TakeConversation, "client_message_id", 64),
    ] {
        for one in ["x", "é", "😀", "\0"] {
            let longest = with_field(event, field, Some(json!(one.repeat(most)))).to_string();
            assert!(decode(longest.as_bytes()).is_ok(), "{field} of {most} times {one:?}");
            let longer = Some(json!(one.repeat(most + 1)));
            assert_field_refused(event, field, longer, ErrorCode::InvalidParameter);
        }
        assert_field_refused(event, field, Some(json!("")), ErrorCode::InvalidParameter);
        if field != "client_message_id" {
            for blank in [" ", "\n\t\r ", "\u{2003}\u{a0}\u{3000}"] {
                assert_field_refused(event, field, Some(json!(blank)), ErrorCode::InvalidParameter);
            }
        }
    }
}

//! Whatever a client sends, the server lives and nobody else notices.

use async_tungstenite::tungstenite::Message;
use serde_json::json;
use server_test_support::{Server, conversation, jane, john, send};

#[tokio::test]
async fn a_bad_frame_is_answered_and_the_connection_lives_on() {
    let server = Server::start();
    let (mut john, mut jane, id) = conversation(&server).await;
    let nested = "[".repeat(5_000);
    let long = "x".repeat(4_001);
    let request = |kind: &str, data: serde_json::Value| json!({"type": kind, "data": data}).to_string();
    let send_text =
        |content: &str| request("send_chat_message", json!({"conversation_id": id, "content": content}));
    let cases = [
        (String::new(), "invalid_json"),
        ("hello".into(), "invalid_json"),
        ("{\"type\":".into(), "invalid_json"),
        ("{\"type\":\"\u{0}\"}".into(), "invalid_json"),
        ("null".into(), "invalid_frame"),
        ("\"text\"".into(), "invalid_frame"),
        ("7".into(), "invalid_frame"),
        (r#"{"type":7}"#.into(), "invalid_frame"),
        (r#"{"type":"typing_indicator","data":[]}"#.into(), "invalid_frame"),
        (r#"{"type":"typing_indicator","data":{},"request_id":{}}"#.into(), "invalid_frame"),
        ("{}".into(), "missing_parameter"),
        (r#"{"data":{}}"#.into(), "missing_parameter"),
        (r#"{"type":"send_chat_message"}"#.into(), "missing_parameter"),
        (request("send_chat_message", json!({"conversation_id": id})), "missing_parameter"),
        (request("explode", json!({})), "unknown_type"),
        (request("new_message", json!({})), "unknown_type"),
        (request("send_chat_message", json!({"conversation_id": 7, "content": "x"})), "invalid_parameter"),
        (
            request("typing_indicator", json!({"conversation_id": id, "is_typing": "yes"})),
            "invalid_parameter",
        ),
        (send_text(""), "invalid_parameter"),
        (send_text(" \n\t\u{2003}"), "invalid_parameter"),
        (send_text(&long), "invalid_parameter"),
        (nested.clone(), "too_deep"),
        (format!(r#"{{"type":"x","data":{nested}"#), "too_deep"),
    ];
    for (frame, code) in cases {
        john.send_text(frame.clone()).await;
        let reply = john.reply().await;
        let start: String = frame.chars().take(80).collect();
        assert_eq!((&reply["success"], &reply["code"]), (&json!(false), &json!(code)), "{start}: {reply}");
    }
    john.send(Message::binary(vec![0, 159, 146, 150])).await;
    assert_eq!(john.reply().await["code"], json!("invalid_frame"), "binary");
    let sent = send(&mut john, &id, "still here").await;
    assert_eq!(jane.event("new_message").await["message"]["id"], json!(sent), "and heard nothing before");
}

#[tokio::test]
async fn what_breaks_the_connection_breaks_no_other() {
    let server = Server::start();
    let (_john, mut witness, id) = conversation(&server).await;
    let megabyte = Message::text("x".repeat(1 << 20));
    let in_utf16 = [0x81, 0x84, 0, 0, 0, 0, 0xff, 0xfe, b'h', 0];
    let unmasked = [0x81, 2, b'h', b'i'];
    let reserved = [0xf1, 0x80, 0, 0, 0, 0];

    let mut client = server.connect(&john()).await;
    // The server stops reading in the midst of it.
    let _ = client.try_send(megabyte).await;
    assert_eq!(client.close_code().await, Some(1009));
    for (bytes, code) in [(&in_utf16[..], 1007), (&unmasked, 1002), (&reserved, 1002)] {
        let mut client = server.connect(&john()).await;
        client.send_raw(bytes).await;
        assert_eq!(client.close_code().await, Some(code));
    }
    let sent = send(&mut witness, &id, "what noise?").await;
    assert_eq!(witness.event("new_message").await["message"]["id"], json!(sent), "and heard nothing before");
    server.connect(&jane()).await.nothing_heard().await;
}

//! Conversations of others.

use serde_json::{Value, json};
use server_test_support::{Client, Server, conversation, john, send, text};

use crate::harness::{Tally, wire};

/// Every event about a conversation.
fn requests(conversation: &str, message: &str) -> Vec<(&'static str, Value)> {
    let about = |more: Value| {
        let mut data = more;
        data["conversation_id"] = json!(conversation);
        data
    };
    vec![
        ("send_chat_message", about(json!({"content": "let me in"}))),
        ("send_chat_message", about(json!({"content": "let me in", "client_message_id": "mine"}))),
        ("join_conversation", about(json!({}))),
        ("join_conversation", about(json!({"after_seq": 0, "epoch": "mine"}))),
        ("typing_indicator", about(json!({"is_typing": true}))),
        ("typing_indicator", about(json!({"is_typing": false}))),
        ("get_conversation_messages", about(json!({}))),
        ("get_conversation_messages", about(json!({"before_seq": 2}))),
        ("get_conversation_messages", about(json!({"after_seq": 0}))),
        ("mark_message_read", about(json!({"message_id": message}))),
        ("mark_message_read", about(json!({"message_id": "msg_00000000000000001"}))),
    ]
}

/// The reply as it was written.
async fn answer(client: &mut Client, kind: &str, data: &Value) -> String {
    client.send_text(wire::request(kind, data)).await;
    client.frame_text().await.expect("each is answered")
}

async fn unknown(client: &mut Client, kind: &str, data: &Value) -> String {
    let mut data = data.clone();
    data["conversation_id"] = json!("conv_0000000000000000");
    let answer = answer(client, kind, &data).await;
    assert!(answer.contains("conversation_not_found"), "{answer}");
    answer
}

pub async fn foreign_conversation(name: &str) {
    let server = Server::start();
    let (mut john, mut jane, id) = conversation(&server).await;
    let message = send(&mut john, &id, "between us").await;
    john.event("new_message").await;
    jane.event("new_message").await;
    let mut stranger = server.connect(&wire::nobody_known(0)).await;
    let mut tried = 0;
    for (kind, data) in requests(&id, &message) {
        let unknown = unknown(&mut stranger, kind, &data).await;
        assert_eq!(answer(&mut stranger, kind, &data).await, unknown, "{kind}");
        tried += 1;
    }
    let list = stranger.request("get_active_conversations", json!({})).await;
    assert_eq!(list["count"], json!(0));
    john.nothing_heard().await;
    jane.nothing_heard().await;
    Tally::all(tried).report(name, "");
}

pub async fn guessed_id(name: &str) {
    let server = Server::start();
    let (_john, _jane, id) = conversation(&server).await;
    let mut stranger = server.connect(&wire::nobody_known(0)).await;
    let own = server_test_support::create(&mut stranger, "t", "c").await;
    stranger.event("new_message").await;
    let kind = "get_conversation_messages";
    let unknown = unknown(&mut stranger, kind, &json!({})).await;
    let mut guesses: Vec<String> = (5..id.len()).map(|at| changed(&own, at)).collect();
    guesses.extend((5..id.len()).map(|at| changed(&id, at)));
    guesses.extend((5..id.len()).map(|at| format!("{}{}", &own[..at], &id[at..])));
    let odd = ["", "conv_", "conv", "*", "%", "conv_%", "../conv_", "conv_\0", "conv_😀", "' or 1=1", "{}"];
    guesses.extend(odd.map(str::to_owned));
    guesses.extend([format!("{id}\0"), format!(" {id}"), id.to_uppercase(), "x".repeat(60_000), id.clone()]);
    let tried = guesses.len() as u64;
    for guess in guesses.iter().filter(|guess| **guess != own) {
        let answer = answer(&mut stranger, kind, &json!({"conversation_id": guess})).await;
        assert_eq!(answer, unknown, "{}", guess.escape_debug());
    }
    Tally::all(tried).report(name, "");
}

/// An id with another character at one place.
fn changed(id: &str, at: usize) -> String {
    let other = if &id[at..=at] == "0" { "1" } else { "0" };
    format!("{}{other}{}", &id[..at], &id[at + 1..])
}

pub async fn borrowed_name(name: &str) {
    let server = Server::start();
    let (mut john, _jane, id) = conversation(&server).await;
    let data = json!({"conversation_id": id, "content": "between us", "client_message_id": "theirs"});
    let sent = text(&john.request("send_chat_message", data.clone()).await, "message_id");
    let mut stranger = server.connect(&wire::nobody_known(0)).await;
    let unknown = unknown(&mut stranger, "send_chat_message", &data).await;
    assert_eq!(answer(&mut stranger, "send_chat_message", &data).await, unknown);
    let own = json!({"title": "t", "content": "c", "client_message_id": "theirs"});
    let reply = stranger.request("create_support_conversation", own).await;
    assert_eq!(reply["success"], json!(true), "the name is the user's own: {reply}");
    assert_ne!(reply["conversation_id"], json!(id));
    let own = reply["conversation_id"].clone();
    let data = json!({"conversation_id": own, "message_id": sent});
    assert_eq!(stranger.refused("mark_message_read", data).await, "message_not_found");
    Tally { tried: 4, refused: 3 }.report(name, "");
}

pub async fn listen(name: &str) {
    let server = Server::start();
    let mut stranger = server.connect(&wire::nobody_known(0)).await;
    let mut named_alike =
        server.connect(&chat_core::protocol::User { id: "user_John".into(), ..john() }).await;
    let (mut john, mut jane, id) = conversation(&server).await;
    for client in [&mut stranger, &mut named_alike] {
        client.refused("join_conversation", json!({"conversation_id": id})).await;
        client.refused("join_support_room", json!({})).await;
    }
    let message = send(&mut john, &id, "between us").await;
    jane.request("typing_indicator", json!({"conversation_id": id, "is_typing": true})).await;
    jane.request("mark_message_read", json!({"conversation_id": id, "message_id": message})).await;
    john.event("new_message").await;
    john.event("typing_status").await;
    john.event("message_read").await;
    stranger.nothing_heard().await;
    named_alike.nothing_heard().await;
    Tally::all(4).report(name, "");
}

//! The server's data, read by a client that knows nothing but JSON.

use std::collections::BTreeMap;

use chat_core::protocol::{Message, User};
use serde_json::{Value, json};

use crate::{Client, Server, text};

/// One message, as far as an app shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub seq: u64,
    pub id: String,
    pub sender: String,
    pub sent_at: String,
    pub content: String,
}

impl From<&Message> for Line {
    fn from(message: &Message) -> Self {
        Self {
            seq: message.seq.unwrap(),
            id: message.id.to_string(),
            sender: message.sender_id.to_string(),
            sent_at: message.sent_at.to_string(),
            content: message.content.to_string(),
        }
    }
}

impl From<&Value> for Line {
    fn from(message: &Value) -> Self {
        Self {
            seq: message["seq"].as_u64().unwrap(),
            id: text(message, "id"),
            sender: text(message, "sender_id"),
            sent_at: text(message, "sent_at"),
            content: text(message, "content"),
        }
    }
}

/// A conversation as one user has it.
#[derive(Debug)]
pub struct Conversation {
    pub lines: Vec<Line>,
    pub read_up_to: u64,
    pub unread_count: u64,
}

/// All conversations of a user, by their ids.
#[derive(Debug)]
pub struct History(pub BTreeMap<String, Conversation>);

impl History {
    /// Reads all that the server shows to this user.
    pub async fn of(user: &User, server: &Server) -> Self {
        let mut client = server.connect(user).await;
        let reply = client.request("get_active_conversations", json!({})).await;
        assert_eq!(reply["success"], json!(true), "{reply}");
        assert!(reply.get("has_more").is_none(), "the tests make fewer conversations than fit a page");
        let mut conversations = BTreeMap::new();
        for summary in reply["conversations"].as_array().unwrap() {
            let (id, lines) = (text(summary, "id"), lines(&mut client, &text(summary, "id")).await);
            let number = |name: &str| summary[name].as_u64().unwrap();
            let (read_up_to, unread_count) = (number("read_up_to"), number("unread_count"));
            conversations.insert(id, Conversation { lines, read_up_to, unread_count });
        }
        client.close().await;
        Self(conversations)
    }

    /// Where a text stands, in every place.
    pub fn find(&self, content: &str) -> Vec<(&str, &Line)> {
        let all = self.0.iter().flat_map(|(id, held)| held.lines.iter().map(move |line| (id.as_str(), line)));
        all.filter(|(_, line)| line.content == content).collect()
    }
}

/// The whole history of a conversation.
pub async fn lines(client: &mut Client, conversation: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    loop {
        let data = json!({"conversation_id": conversation, "limit": 100, "after_seq": lines.len()});
        let page = client.request("get_conversation_messages", data).await;
        lines.extend(page["messages"].as_array().unwrap().iter().map(Line::from));
        if page.get("has_more").is_none() {
            return lines;
        }
    }
}

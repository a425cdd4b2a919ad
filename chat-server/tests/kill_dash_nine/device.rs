//! A client that remembers its requests and their replies.

use std::fmt;
use std::ops::AddAssign;

use async_tungstenite::tungstenite::Message;
use chat_core::protocol::User;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};
use server_test_support::{Client, Server, text};

use crate::kept::Kept;

/// Unanswered requests of each device before the device waits.
const IN_FLIGHT: usize = 48;

/// A request that changes something.
pub struct Asked {
    /// The text of the message and its `client_message_id`; rises with each request of a device.
    pub id: String,
    pub kind: &'static str,
    pub data: Value,
    pub reply: Option<Value>,
}

impl Asked {
    /// Whether its repeats can be recognized.
    pub fn is_named(&self) -> bool {
        self.data.get("client_message_id").is_some()
    }

    fn frame(&self) -> Message {
        Message::text(json!({"type": self.kind, "data": self.data, "request_id": self.id}).to_string())
    }
}

/// Counts of a round.
#[derive(Clone, Copy, Default, Debug)]
pub struct Found {
    /// Changes acknowledged before the kill.
    pub acknowledged: usize,
    /// Unanswered changes with a name, found in the store.
    pub durable: usize,
    /// Unanswered changes with a name, not found in the store.
    pub gone: usize,
}

impl AddAssign for Found {
    fn add_assign(&mut self, other: Self) {
        self.acknowledged += other.acknowledged;
        self.durable += other.durable;
        self.gone += other.gone;
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, durable, gone } = self;
        write!(f, "{acknowledged} acknowledged, {durable} unanswered but durable, {gone} unanswered and gone")
    }
}

/// One device of a user.
pub struct Device {
    pub name: String,
    pub user: User,
    /// The conversation of its messages.
    pub conversation: String,
    /// All requests so far, in order.
    pub asked: Vec<Asked>,
    /// The last message of the conversation heard on this connection.
    heard: Option<(String, u64)>,
    /// Where the requests of this round begin.
    begun: usize,
    random: ChaCha8Rng,
}

impl Device {
    pub fn new(name: &str, user: User, conversation: &str, random: &mut ChaCha8Rng) -> Self {
        let random = ChaCha8Rng::seed_from_u64(random.next_u64());
        let (name, conversation) = (name.to_owned(), conversation.to_owned());
        Self { name, user, conversation, asked: Vec::new(), heard: None, begun: 0, random }
    }

    /// Asks without end, and reads on until the connection is gone.
    pub async fn ask(mut self, mut client: Client) -> Self {
        self.begun = self.asked.len();
        self.heard = None;
        let (mut answered, mut connected) = (self.begun, true);
        loop {
            while connected && self.asked.len() - answered < IN_FLIGHT {
                let request = self.next();
                connected = client.try_send(request.frame()).await.is_ok();
                self.asked.push(request);
            }
            match client.frame().await {
                None => return self,
                Some(frame) if frame.get("type").is_some() => self.hear(&frame),
                Some(reply) => {
                    let asked = &mut self.asked[answered];
                    assert_eq!(reply["request_id"], json!(asked.id), "replies come in the order of requests");
                    assert_eq!(reply["success"], json!(true), "{reply}");
                    asked.reply = Some(reply);
                    answered += 1;
                }
            }
        }
    }

    /// The next request: mostly messages, sometimes a new conversation or a read mark.
    fn next(&mut self) -> Asked {
        let id = format!("{}-{:08}", self.name, self.asked.len());
        let (kind, data) = match (self.random.next_u64() % 20, &self.heard) {
            (0, _) if !self.user.role.is_control() => {
                ("create_support_conversation", json!({"title": id, "content": id, "client_message_id": id}))
            }
            (1..4, Some((message, _))) => {
                ("mark_message_read", json!({"conversation_id": self.conversation, "message_id": message}))
            }
            _ => (
                "send_chat_message",
                json!({"conversation_id": self.conversation, "content": id, "client_message_id": id}),
            ),
        };
        Asked { id, kind, data, reply: None }
    }

    fn hear(&mut self, event: &Value) {
        if event["type"] != json!("new_message") || event["conversation_id"] != json!(self.conversation) {
            return;
        }
        let (message, seq) = (&event["message"], event["message"]["seq"].as_u64().unwrap());
        assert!(self.heard.as_ref().is_none_or(|(_, heard)| *heard < seq), "live events rise: {event}");
        self.heard = Some((text(message, "id"), seq));
    }

    /// Repeats all requests of this round. Answered ones must get the same reply, and the others
    /// get their first. Returns the round's counts.
    pub async fn ask_again(&mut self, server: &Server, kept: &Kept) -> Found {
        let mut client = server.connect(&self.user).await;
        let this_round = &mut self.asked[self.begun..];
        let replies = ask_all(&mut client, this_round.iter().map(Asked::frame)).await;
        client.close().await;
        let mut found = Found::default();
        for (asked, reply) in this_round.iter_mut().zip(replies) {
            let there = kept.find(&asked.id);
            match &asked.reply {
                Some(first) => {
                    assert_eq!(reply, *first, "a repeat gets the original reply");
                    found.acknowledged += 1;
                }
                None if asked.is_named() && there.is_some() => found.durable += 1,
                None if asked.is_named() => found.gone += 1,
                None => {}
            }
            assert_eq!(reply["success"], json!(true), "{reply}");
            asked.reply = Some(reply);
            if let Some(there) = there {
                there.check(asked);
            }
        }
        found
    }
}

/// Sends these requests, many at a time, and gives their replies.
pub async fn ask_all(client: &mut Client, requests: impl IntoIterator<Item = Message>) -> Vec<Value> {
    let (mut sent, mut replies) = (0, Vec::new());
    for request in requests {
        if sent - replies.len() >= IN_FLIGHT {
            replies.push(client.reply().await);
        }
        client.send(request).await;
        sent += 1;
    }
    while replies.len() < sent {
        replies.push(client.reply().await);
    }
    replies
}

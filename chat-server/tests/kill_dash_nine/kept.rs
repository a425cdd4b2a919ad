//! The stored data, as a server shows it.

use std::collections::{BTreeMap, HashMap};

use async_tungstenite::tungstenite::Message;
use chat_core::protocol::User;
use serde_json::{Value, json};
use server_test_support::{Client, Server, jane, text};

use crate::device::{Asked, Device, ask_all};

/// A message as history shows it.
pub struct KeptMessage {
    conversation: String,
    message: Value,
}

impl KeptMessage {
    /// Compares the stored request with the reply to the client.
    pub fn check(&self, asked: &Asked) {
        let (reply, message) = (asked.reply.as_ref().unwrap(), &self.message);
        assert_eq!(reply["conversation_id"], json!(self.conversation), "{}", asked.id);
        assert_eq!(reply["timestamp"], message["sent_at"], "{} is not stored as acknowledged", asked.id);
        if asked.kind == "create_support_conversation" {
            return assert_eq!(message["seq"], json!(1), "{}", asked.id);
        }
        let told = (&reply["message_id"], &reply["seq"]);
        assert_eq!(told, (&message["id"], &message["seq"]), "{}", asked.id);
    }
}

/// All content that a server shows: every message to Jane, a participant of every conversation, and
/// to each user the list of conversations.
pub struct Kept {
    /// By content.
    messages: HashMap<String, KeptMessage>,
    /// The number of each message, by its id.
    numbers: HashMap<String, u64>,
    /// Rows by user and conversation.
    rows: HashMap<(String, String), Value>,
}

impl Kept {
    pub async fn read(server: &Server, users: &[User]) -> Self {
        let mut kept = Self { messages: HashMap::new(), numbers: HashMap::new(), rows: HashMap::new() };
        for user in users {
            let mut client = server.connect(user).await;
            for row in conversations(&mut client).await {
                kept.rows.insert((user.id.to_string(), text(&row, "id")), row);
            }
            client.close().await;
        }
        let mut client = server.connect(&jane()).await;
        for (conversation, history) in histories(&mut client).await {
            kept.add(&conversation, history);
        }
        client.close().await;
        kept
    }

    fn add(&mut self, conversation: &str, history: Vec<Value>) {
        let mut last_of_device = BTreeMap::new();
        let mut last_sent_at = String::new();
        for (place, message) in (1..).zip(history) {
            let (content, sent_at) = (text(&message, "content"), text(&message, "sent_at"));
            assert!(last_sent_at <= sent_at, "{content} was sent at {sent_at}, after {last_sent_at}");
            last_sent_at = sent_at;
            self.numbers.insert(text(&message, "id"), place);
            let Some((device, number)) = content.rsplit_once('-') else { continue };
            let last = last_of_device.insert(device.to_owned(), number.to_owned());
            assert!(last.is_none_or(|last| *last < *number), "{content} is out of order");
            let kept = KeptMessage { conversation: conversation.to_owned(), message };
            assert!(self.messages.insert(content.clone(), kept).is_none(), "{content} is there twice");
        }
    }

    /// The message of a request, if stored.
    pub fn find(&self, id: &str) -> Option<&KeptMessage> {
        self.messages.get(id)
    }

    /// Compares all acknowledged requests with the stored content.
    pub fn check(&self, devices: &[Device]) {
        for device in devices {
            let user = device.user.id.to_string();
            let mut marked = 0;
            for asked in device.asked.iter().filter(|asked| asked.reply.is_some()) {
                match (asked.kind, self.find(&asked.id)) {
                    ("mark_message_read", _) => {
                        let message = text(&asked.data, "message_id");
                        marked = marked.max(*self.numbers.get(&message).expect("what is read is there"));
                    }
                    (_, None) => panic!("{} was acknowledged and is lost", asked.id),
                    (kind, Some(kept)) => {
                        kept.check(asked);
                        if kind == "create_support_conversation" {
                            self.check_conversation(&user, &kept.conversation, asked);
                        }
                    }
                }
            }
            let read = self.row(&user, &device.conversation)["read_up_to"].as_u64().unwrap();
            assert!(read >= marked, "{} had read up to {marked}, and now {read}", device.name);
        }
    }

    fn check_conversation(&self, user: &str, conversation: &str, asked: &Asked) {
        let row = self.row(user, conversation);
        assert_eq!(row["title"], asked.reply.as_ref().unwrap()["title"], "{}", asked.id);
        assert_eq!(row["created_by"], json!(user), "{}", asked.id);
        let participants = row["participants"].as_array().unwrap().iter().map(|user| user["id"].clone());
        let told = &asked.reply.as_ref().unwrap()["participants"];
        assert_eq!(*told, participants.collect::<Value>(), "{}", asked.id);
    }

    fn row(&self, user: &str, conversation: &str) -> &Value {
        let row = self.rows.get(&(user.to_owned(), conversation.to_owned()));
        row.unwrap_or_else(|| panic!("{conversation} is not in the list of {user}"))
    }
}

/// Every conversation of the client's user.
async fn conversations(client: &mut Client) -> Vec<Value> {
    let mut rows = Vec::new();
    loop {
        let mut page = client.request("get_active_conversations", json!({"skip": rows.len()})).await;
        rows.append(page["conversations"].as_array_mut().unwrap());
        if page.get("has_more").is_none() {
            return rows;
        }
    }
}

/// The whole history of every conversation of the client's user.
async fn histories(client: &mut Client) -> HashMap<String, Vec<Value>> {
    let rows = conversations(client).await;
    let mut unfinished: Vec<_> = rows.iter().map(|row| text(row, "id")).collect();
    let mut histories: HashMap<String, Vec<Value>> = HashMap::new();
    while !unfinished.is_empty() {
        let pages = ask_all(
            client,
            unfinished.iter().map(|conversation| {
                let after = histories.get(conversation).map_or(0, Vec::len);
                let data = json!({"conversation_id": conversation, "limit": 100, "after_seq": after});
                Message::text(json!({"type": "get_conversation_messages", "data": data}).to_string())
            }),
        );
        let pages = pages.await;
        let mut more = Vec::new();
        for (conversation, mut page) in unfinished.into_iter().zip(pages) {
            let history = histories.entry(conversation.clone()).or_default();
            let messages = page["messages"].as_array_mut().unwrap();
            for (place, message) in (history.len() + 1..).zip(&*messages) {
                assert_eq!(message["seq"], json!(place), "numbers have no holes");
            }
            history.append(messages);
            if page.get("has_more").is_some() {
                more.push(conversation);
            }
        }
        unfinished = more;
    }
    histories
}

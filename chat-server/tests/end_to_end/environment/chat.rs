//! A driver that sends one message after another, and knows the acknowledged ones.

use std::fmt;
use std::time::Duration;

use serde_json::{Value, json};
use server_test_support::{Client, Server, create, john, text};
use tokio::time::{Instant, sleep};

/// Attempts at an operation that must become possible again, with a [`PAUSE`] between them. Reached
/// only when a test fails.
const ATTEMPTS: usize = 600;

const PAUSE: Duration = Duration::from_millis(50);

/// How long a fault is suffered: longer than the index waits with a flush, which then meets the
/// fault too.
const SUFFERED: Duration = Duration::from_millis(1_500);

/// Characters of four bytes in each message: too many for the rest of a full disk's last block.
const PADDING: usize = 2_000;

/// Answers that came while a fault lasted.
#[derive(Default)]
pub struct Fault {
    /// Messages that were acknowledged all the same.
    pub acknowledged: usize,
    /// Messages that were not.
    refused: usize,
    /// Answers with the right history.
    pub read: usize,
    /// Requests for the history that were unavailable.
    unread: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { acknowledged, refused, read, unread } = self;
        write!(
            f,
            "{refused} messages refused and {acknowledged} not, history read {read} times and {unread} times not"
        )
    }
}

/// A conversation and its messages.
pub struct Chat {
    conversation: String,
    /// The texts that were acknowledged, in order.
    acknowledged: Vec<String>,
}

impl Chat {
    /// Begins one and says a little.
    pub async fn begin(server: &Server) -> Self {
        let mut client = server.connect(&john()).await;
        let conversation = create(&mut client, "Faults", "message 0").await;
        let mut chat = Self { conversation, acknowledged: vec!["message 0".to_owned()] };
        for _ in 0..3 {
            assert_eq!(chat.say(&mut client).await, None);
        }
        client.close().await;
        chat
    }

    /// Sends the next message. Returns the error code of a refusal; the next call then sends the
    /// same message again.
    pub async fn say(&mut self, client: &mut Client) -> Option<String> {
        let name = format!("message {}", self.acknowledged.len());
        self.send(client, json!({"client_message_id": name})).await
    }

    async fn send(&mut self, client: &mut Client, mut data: Value) -> Option<String> {
        let content = format!("message {}{}", self.acknowledged.len(), "\u{1f68c}".repeat(PADDING));
        data["conversation_id"] = json!(self.conversation);
        data["content"] = json!(content);
        let reply = client.request("send_chat_message", data).await;
        if reply["success"] != json!(true) {
            return Some(text(&reply, "code"));
        }
        assert_eq!(reply["seq"], json!(self.acknowledged.len() + 1));
        self.acknowledged.push(content);
        None
    }

    /// Waits until the index has all messages and is flushed. The index takes no more room for them
    /// afterwards.
    pub async fn settle(&self) {
        sleep(SUFFERED).await;
    }

    /// Renews the fault and sends messages until one is refused: a full disk still has the room
    /// made in advance.
    ///
    /// The messages have no client message id. The index would need room for such ids, and would
    /// fail before the journal.
    pub async fn use_up(&mut self, client: &mut Client, mut renew: impl FnMut()) {
        for _ in 0..ATTEMPTS {
            renew();
            if let Some(code) = self.send(client, json!({})).await {
                return assert_eq!(code, "unavailable");
            }
        }
        panic!("there is room without end");
    }

    /// Renews the fault, and tries to send and to read, again and again. A message without
    /// acknowledgement must be answered `unavailable`, and a page must have all acknowledged
    /// messages.
    pub async fn suffer(&mut self, client: &mut Client, mut renew: impl FnMut()) -> Fault {
        let mut fault = Fault::default();
        let until = Instant::now() + SUFFERED;
        while Instant::now() < until {
            renew();
            match self.say(client).await {
                None => fault.acknowledged += 1,
                Some(code) => {
                    assert_eq!(code, "unavailable");
                    fault.refused += 1;
                }
            }
            match self.read(client).await {
                Ok(contents) => {
                    assert_eq!(contents, self.acknowledged);
                    fault.read += 1;
                }
                Err(code) => {
                    assert_eq!(code, "unavailable");
                    fault.unread += 1;
                }
            }
            sleep(PAUSE).await;
        }
        assert!(fault.refused > 0 && fault.read + fault.unread > 0, "{fault}");
        fault
    }

    /// Sends the failed message and more as soon as possible, and checks the whole history.
    pub async fn go_on(&mut self, client: &mut Client) {
        for _ in 0..ATTEMPTS {
            match self.say(client).await {
                None => {
                    assert_eq!(self.say(client).await, None);
                    return self.check(client).await;
                }
                Some(code) => assert_eq!(code, "unavailable"),
            }
            sleep(PAUSE).await;
        }
        panic!("service does not go on");
    }

    /// The texts of the history, or the code of the error.
    pub async fn read(&self, client: &mut Client) -> Result<Vec<String>, String> {
        let mut contents = Vec::new();
        loop {
            let after = contents.len();
            let data = json!({"conversation_id": self.conversation, "limit": 100, "after_seq": after});
            let page = client.request("get_conversation_messages", data).await;
            let Some(messages) = page["messages"].as_array() else { return Err(text(&page, "code")) };
            contents.extend(messages.iter().map(|message| text(message, "content")));
            if page.get("has_more").is_none() {
                return Ok(contents);
            }
        }
    }

    /// Checks that exactly the acknowledged messages are there.
    pub async fn check(&self, client: &mut Client) {
        assert_eq!(self.read(client).await.as_ref(), Ok(&self.acknowledged));
    }
}

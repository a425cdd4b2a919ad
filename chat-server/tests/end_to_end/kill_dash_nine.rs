//! P1, P2 and P3 against `kill -9` in the middle of load: nothing acknowledged is lost, doubled or out of order, and
//! what was not answered can be asked again and happens once.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::Duration;

use async_tungstenite::tungstenite::Message;
use chat_core::protocol::{Role, User};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::support::{Client, Server, create, jane, text};

/// Rounds at least.
const ROUNDS: usize = 5;

/// Rounds at most, if no kill has hit between a change and its reply yet: some four in ten do, and what is there to be
/// proved of them must not be skipped.
const ROUNDS_MOST: usize = 50;

const FLAGS: [&str; 2] = ["--messages-per-second", "0"];

/// Requests that each client leaves unanswered before it waits.
const IN_FLIGHT: usize = 48;

#[tokio::test]
async fn nothing_acknowledged_is_lost_doubled_or_out_of_order() {
    let dir = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut writers = writers(dir.path()).await;
    let (mut in_flight, mut unanswered_but_kept) = (0, 0);
    for round in 1..=ROUNDS_MOST {
        if round > ROUNDS && unanswered_but_kept > 0 {
            break;
        }
        writers = load_until_killed(dir.path(), writers, random(100..600)).await;
        let server = Server::start_in(dir.path(), &FLAGS);
        let kept = Kept::read(&server).await;
        kept.check(&writers, &server).await;
        let (mut open, mut open_but_kept) = (0, 0);
        for writer in &mut writers {
            let (asked, found) = writer.ask_again(&server, &kept).await;
            open += asked;
            open_but_kept += found;
        }
        println!(
            "round {round}: {open} changes were in flight, {open_but_kept} of them durable but unanswered"
        );
        Kept::read(&server).await.check(&writers, &server).await;
        server.kill().await;
        in_flight += open;
        unanswered_but_kept += open_but_kept;
    }
    assert!(in_flight > 0, "the kill hit no load");
    assert!(unanswered_but_kept > 0, "the kill never hit between a change and its reply");
}

/// Three drivers with a conversation each, and Jane of control who writes in the first.
async fn writers(dir: &Path) -> Vec<Writer> {
    let server = Server::start_in(dir, &FLAGS);
    let control = server.connect(&jane()).await;
    let mut writers = Vec::new();
    for number in 0..3 {
        let user = User::new(format!("user_{number}"), Role::BusDriver);
        let conversation = create(&mut server.connect(&user).await, "At the start", "hello").await;
        writers.push(Writer::new(user, conversation));
    }
    writers.push(Writer::new(jane(), writers[0].conversation.clone()));
    control.close().await;
    server.kill().await;
    writers
}

async fn load_until_killed(dir: &Path, writers: Vec<Writer>, after: Duration) -> Vec<Writer> {
    let server = Server::start_in(dir, &FLAGS);
    let mut writing = JoinSet::new();
    for writer in writers {
        let client = server.connect(&writer.user).await;
        writing.spawn(writer.write(client));
    }
    sleep(after).await;
    server.kill().await;
    writing.join_all().await
}

/// A random pause in milliseconds.
fn random(range: std::ops::Range<u64>) -> Duration {
    let length = range.end - range.start;
    Duration::from_millis(range.start + getrandom::u64().unwrap() % length)
}

/// A request that changes something.
struct Asked {
    id: String,
    kind: &'static str,
    data: Value,
    reply: Option<Value>,
}

/// A client that asks and remembers what it was told.
struct Writer {
    user: User,
    conversation: String,
    /// The last message of the conversation that it heard.
    heard: Option<(String, u64)>,
    asked: Vec<Asked>,
    answered: usize,
}

impl Writer {
    fn new(user: User, conversation: String) -> Self {
        Self { user, conversation, heard: None, asked: Vec::new(), answered: 0 }
    }

    /// Asks without end, and reads on until the connection is gone.
    async fn write(mut self, mut client: Client) -> Self {
        // What an earlier round left open was asked again and answered then.
        self.answered = self.asked.len();
        let mut connected = true;
        loop {
            while connected && self.asked.len() - self.answered < IN_FLIGHT {
                let request = self.next();
                connected = client.try_send(Message::text(request)).await.is_ok();
            }
            match client.frame().await {
                Some(frame) => self.take(frame),
                None => return self,
            }
        }
    }

    /// The next request: mostly messages, sometimes a new conversation or a read mark.
    fn next(&mut self) -> String {
        // Rises with each request, so that order can be seen in what is kept.
        let id = format!("{}-{:08}", self.user.id, self.asked.len());
        let (kind, data) = match (self.asked.len() % 10, &self.heard) {
            (3, _) if !self.user.role.is_control() => {
                ("create_support_conversation", json!({"title": id, "content": id, "client_message_id": id}))
            }
            (7, Some((message, _))) => {
                ("mark_message_read", json!({"conversation_id": self.conversation, "message_id": message}))
            }
            _ => (
                "send_chat_message",
                json!({"conversation_id": self.conversation, "content": id, "client_message_id": id}),
            ),
        };
        let request = json!({"type": kind, "data": data, "request_id": id}).to_string();
        self.asked.push(Asked { id, kind, data, reply: None });
        request
    }

    fn take(&mut self, frame: Value) {
        if frame.get("type").is_none() {
            let asked = &mut self.asked[self.answered];
            assert_eq!(frame["request_id"], json!(asked.id), "replies come in the order of requests");
            assert_eq!(frame["success"], json!(true), "{frame}");
            asked.reply = Some(frame);
            self.answered += 1;
        } else if frame["type"] == json!("new_message")
            && frame["conversation_id"] == json!(self.conversation)
        {
            let (message, seq) = (&frame["message"], frame["message"]["seq"].as_u64().unwrap());
            assert!(self.heard.as_ref().is_none_or(|(_, heard)| *heard < seq), "live events rise: {frame}");
            self.heard = Some((text(message, "id"), seq));
        }
    }

    /// Repeats what was not answered; gives how much that was, and how much of it was done already.
    async fn ask_again(&mut self, server: &Server, kept: &Kept) -> (usize, usize) {
        let mut client = server.connect(&self.user).await;
        let (mut open, mut done) = (0, 0);
        for asked in self.asked.iter_mut().filter(|asked| asked.reply.is_none()) {
            let reply = client.request(asked.kind, asked.data.clone()).await;
            assert_eq!(reply["success"], json!(true), "{reply}");
            if asked.kind != "mark_message_read" {
                open += 1;
                done += usize::from(kept.find(&asked.id).is_some());
            }
            asked.reply = Some(reply);
            if let Some(found) = kept.find(&asked.id) {
                found.check(asked);
            }
        }
        client.close().await;
        (open, done)
    }
}

/// A message as history shows it.
struct KeptMessage {
    conversation: String,
    id: String,
    seq: u64,
}

impl KeptMessage {
    /// Holds it against what the client was told.
    fn check(&self, asked: &Asked) {
        let reply = asked.reply.as_ref().unwrap();
        assert_eq!(reply["conversation_id"], json!(self.conversation), "{}", asked.id);
        match asked.kind {
            "create_support_conversation" => assert_eq!(self.seq, 1, "{}", asked.id),
            _ => {
                assert_eq!(
                    (&reply["message_id"], &reply["seq"]),
                    (&json!(self.id), &json!(self.seq)),
                    "{}",
                    asked.id
                );
            }
        }
    }
}

/// All that a server shows to Jane, who takes part in every conversation.
struct Kept(HashMap<String, KeptMessage>);

impl Kept {
    async fn read(server: &Server) -> Self {
        let mut client = server.connect(&jane()).await;
        let mut messages = HashMap::new();
        for conversation in conversations(&mut client).await {
            let mut last_of_sender = BTreeMap::new();
            for (place, message) in (1..).zip(history(&mut client, &conversation).await) {
                let (content, seq) = (text(&message, "content"), message["seq"].as_u64().unwrap());
                assert_eq!(seq, place, "numbers have no holes");
                if content == "hello" {
                    continue;
                }
                let last = last_of_sender.insert(text(&message, "sender_id"), content.clone());
                assert!(last.is_none_or(|last| last < content), "{content} is out of order");
                let kept = KeptMessage { conversation: conversation.clone(), id: text(&message, "id"), seq };
                assert!(messages.insert(content.clone(), kept).is_none(), "{content} is there twice");
            }
        }
        client.close().await;
        Self(messages)
    }

    fn find(&self, content: &str) -> Option<&KeptMessage> {
        self.0.get(content)
    }

    /// Holds all that was acknowledged against what is there.
    async fn check(&self, writers: &[Writer], server: &Server) {
        for writer in writers {
            let mut marked = None;
            for asked in writer.asked.iter().filter(|asked| asked.reply.is_some()) {
                match (asked.kind, self.find(&asked.id)) {
                    ("mark_message_read", _) => marked = Some(text(&asked.data, "message_id")),
                    (_, Some(kept)) => kept.check(asked),
                    (_, None) => panic!("{} was acknowledged and is lost", asked.id),
                }
            }
            let Some(marked) = marked else { continue };
            let marked = self.0.values().find(|kept| kept.id == marked).expect("read, so it is there").seq;
            let mut client = server.connect(&writer.user).await;
            let read_up_to = read_up_to(&mut client, &writer.conversation).await;
            assert!(read_up_to >= marked, "{} had read {marked}, and now {read_up_to}", writer.user.id);
            client.close().await;
        }
    }
}

/// Every conversation of the client's user.
async fn conversations(client: &mut Client) -> Vec<String> {
    let mut ids = Vec::new();
    loop {
        let page = client.request("get_active_conversations", json!({"skip": ids.len()})).await;
        ids.extend(page["conversations"].as_array().unwrap().iter().map(|summary| text(summary, "id")));
        if page.get("has_more").is_none() {
            return ids;
        }
    }
}

/// The whole history of a conversation.
async fn history(client: &mut Client, conversation: &str) -> Vec<Value> {
    let mut messages = Vec::new();
    loop {
        let data = json!({"conversation_id": conversation, "limit": 100, "after_seq": messages.len()});
        let mut page = client.request("get_conversation_messages", data).await;
        messages.append(page["messages"].as_array_mut().unwrap());
        if page.get("has_more").is_none() {
            return messages;
        }
    }
}

async fn read_up_to(client: &mut Client, conversation: &str) -> u64 {
    let mut skip = 0;
    loop {
        let page = client.request("get_active_conversations", json!({"skip": skip})).await;
        let rows = page["conversations"].as_array().unwrap();
        if let Some(row) = rows.iter().find(|row| row["id"] == json!(conversation)) {
            return row["read_up_to"].as_u64().unwrap();
        }
        assert!(page.get("has_more").is_some(), "{conversation} is lost");
        skip += rows.len();
    }
}

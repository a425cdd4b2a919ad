//! `chat-server/operation/cluster-demo`: a person's orders, and two apps behind the balancer.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use chat_client::{ChatClient, Conversation, Update};
use chat_core::protocol::GetActiveConversations;
use futures::StreamExt as _;
use server_test_support::apps::settings::start;
use server_test_support::program::{executable, without_settings};
use server_test_support::{SECRET, jane, john};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::cluster::free_port;

/// Reached only when the test fails.
const PATIENCE: Duration = Duration::from_mins(5);

/// The running program.
struct Demo {
    process: Child,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Demo {
    fn start(port: u16) -> Self {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("operation/cluster-demo");
        let mut command = Command::from(without_settings(std::process::Command::new(program)));
        command.arg(port.to_string()).env("CHAT_SERVER", executable()).env("CHAT_JWT_SECRET", SECRET);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let orders = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, orders, answers }
    }

    /// Reads until a line with this text.
    async fn until(&mut self, text: &str) -> String {
        let reading = async {
            loop {
                let line = self.answers.next_line().await.unwrap().expect("the program goes on");
                if line.contains(text) {
                    return line;
                }
            }
        };
        timeout(PATIENCE, reading).await.unwrap_or_else(|_| panic!("nothing says {text:?}"))
    }

    async fn order(&mut self, order: &str) {
        self.orders.write_all(format!("{order}\n").as_bytes()).await.unwrap();
    }
}

/// The next message of a conversation.
async fn next(shown: &mut Conversation) -> String {
    loop {
        match timeout(PATIENCE, shown.next()).await.expect("a message comes").unwrap() {
            Update::Message(message) => return message.content.to_string(),
            Update::Snapshot(_) => panic!("nothing was reset"),
            _ => {}
        }
    }
}

/// Waits until the conversation is on the screen.
async fn is_shown(shown: &mut Conversation) {
    let first = timeout(PATIENCE, shown.next()).await.expect("it is shown").unwrap();
    assert!(matches!(first, Update::Snapshot(snapshot) if snapshot.last_seq == 1));
}

async fn served_by(client: &ChatClient) -> String {
    let list = client.get_active_conversations(GetActiveConversations::default());
    timeout(PATIENCE, list).await.unwrap().unwrap().served_by.expect("the servers have names").to_string()
}

#[tokio::test]
async fn two_apps_talk_on_whatever_is_killed() {
    let port = free_port();
    let mut demo = Demo::start(port);
    let url = demo.until("apps:").await.split_whitespace().last().unwrap().to_owned();
    assert_eq!(url, format!("ws://127.0.0.1:{port}/api/websocket/connect"));
    demo.until("orders:").await;
    let (driver, _events) = start(&url, &john()).await;
    let (control, _control_events) = start(&url, &jane()).await;
    let created = driver.create_support_conversation("Road closed", "where do I go?", None).await.unwrap();
    let mut shown = control.conversation(created.conversation_id.clone());
    is_shown(&mut shown).await;
    for (order, answer) in [
        ("kill node 1", "node 1 is down"),
        ("start node 1", "node 1 is ready"),
        ("kill node 2", "node 2 is down"),
        ("start node 2", "node 2 is ready"),
        ("freeze node 1", "stood still for 3 seconds"),
        ("kill primary", "is back as the synchronous standby"),
        ("status", "standby, sync"),
    ] {
        demo.order(order).await;
        demo.until(answer).await;
        driver.send_message(created.conversation_id.clone(), order).await.unwrap();
        assert_eq!(next(&mut shown).await, order);
        let (one, other) = (served_by(&driver).await, served_by(&control).await);
        let names = ["node 1", "node 2"];
        assert!(names.contains(&&*one) && names.contains(&&*other), "{one}, {other}");
        assert!(order != "kill node 1" || one == "node 2" && other == "node 2", "{one}, {other}");
    }
    demo.order("nonsense").await;
    demo.until("orders: kill node").await;
    demo.order("quit").await;
    assert!(timeout(PATIENCE, demo.process.wait()).await.unwrap().unwrap().success());
}

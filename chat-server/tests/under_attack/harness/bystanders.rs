//! Two users beside the attack.

use std::fmt;
use std::time::{Duration, Instant};

use chat_core::protocol::{Role, User};
use serde_json::{Value, json};
use server_test_support::{Client, Server, create};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Between two messages under the default rates: slow enough for them.
const PAUSE: Duration = Duration::from_millis(60);

/// Between two messages without rates.
const SHORT_PAUSE: Duration = Duration::from_millis(5);

/// Exchanges before the attack, which are not counted. By then the server has made its one-time
/// allocations.
const BEFORE: usize = 10;

/// A driver and a control user that talk until stopped.
pub struct Bystanders {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Talk>,
}

/// How long each message took from its sender to its reader.
pub struct Talk(Vec<Duration>);

struct Pair {
    driver: Client,
    control: Client,
    conversation: String,
    /// The number of the last message.
    seq: u64,
    pause: Duration,
    talk: Talk,
}

impl Bystanders {
    /// Connects them and has them talk.
    pub async fn start(server: &Server, flags: &[&str]) -> Self {
        let pause = if flags.is_empty() { PAUSE } else { SHORT_PAUSE };
        let control = server.connect(&User::new("bystander_control", Role::ControlStaff)).await;
        let mut driver = server.connect(&User::new("bystander_driver", Role::BusDriver)).await;
        let conversation = create(&mut driver, "Bystanders", "first").await;
        let mut pair = Pair { driver, control, conversation, seq: 1, pause, talk: Talk(Vec::new()) };
        for _ in 0..BEFORE {
            pair.exchange().await;
        }
        pair.talk.0.clear();
        let (stop, mut stopped) = oneshot::channel();
        let task = tokio::spawn(async move {
            while stopped.try_recv() == Err(oneshot::error::TryRecvError::Empty) {
                pair.exchange().await;
            }
            pair.talk
        });
        Self { stop, task }
    }

    /// Stops them once the message under way is heard; fails if anything was not heard as it was
    /// said.
    pub async fn finish(self) -> Talk {
        let _ended = self.stop.send(());
        self.task.await.expect("the bystanders hear each other")
    }
}

impl Pair {
    /// One says something, then the other.
    async fn exchange(&mut self) {
        for driver_speaks in [true, false] {
            self.seq += 1;
            let (from, to) = if driver_speaks {
                (&mut self.driver, &mut self.control)
            } else {
                (&mut self.control, &mut self.driver)
            };
            let start = Instant::now();
            let content = format!("by the way {}", self.seq);
            let data = json!({"conversation_id": self.conversation, "content": content});
            let (reply, heard) = futures::join!(
                from.request("send_chat_message", data),
                hear(to, &self.conversation, self.seq)
            );
            self.talk.0.push(start.elapsed());
            assert_eq!((&reply["success"], &reply["seq"]), (&json!(true), &json!(self.seq)), "{reply}");
            assert_eq!(heard["message"]["content"], json!(content));
            self.rest().await;
        }
    }

    /// Reads on meanwhile: a control user hears attackers too, and must not be a slow reader.
    async fn rest(&mut self) {
        let _over = timeout(self.pause, async {
            futures::future::select(
                Box::pin(discard(&mut self.driver)),
                Box::pin(discard(&mut self.control)),
            )
            .await;
        })
        .await;
    }
}

/// The message with this number, which no later one may overtake.
async fn hear(client: &mut Client, conversation: &str, seq: u64) -> Value {
    loop {
        let event = client.frame().await.expect("nobody closes a bystander");
        let heard = event["message"]["seq"].as_u64().filter(|_| event["conversation_id"] == *conversation);
        match heard {
            Some(heard) if heard >= seq => {
                assert_eq!(heard, seq, "nothing was lost");
                return event;
            }
            _ => {}
        }
    }
}

async fn discard(client: &mut Client) {
    while client.frame().await.is_some() {}
    panic!("nobody closes a bystander");
}

impl fmt::Display for Talk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let at = |percent: usize| sorted[(sorted.len() * percent).div_ceil(100) - 1];
        write!(
            f,
            "{} messages, p50 {:.1?}, p99 {:.1?}, longest {:.1?}",
            sorted.len(),
            at(50),
            at(99),
            at(100)
        )
    }
}

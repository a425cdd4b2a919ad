//! One server, an attack on it, and two users who talk throughout and must not notice.

pub mod bystanders;
pub mod elsewhere;
pub mod process;
pub mod wire;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use server_test_support::{Client, Server, create, jane, john};
use tokio::time::timeout;

use bystanders::Bystanders;

/// Flags without rates, for attacks that a rate would stop at once.
pub const UNHURRIED: &[&str] = &["--messages-per-second", "0"];

const MIB: u64 = 1 << 20;

/// Patience for an awaited event. Reached only when a test fails.
const PATIENCE: Duration = Duration::from_secs(20);

/// Counts of an attack.
#[derive(Clone, Copy, Debug)]
pub struct Tally {
    /// Attempts.
    pub tried: u64,
    /// How much of it was seen to be refused, closed or cut to the limit; the rest was served, and
    /// did no harm.
    pub refused: u64,
}

impl Tally {
    /// All of it was refused.
    pub fn all(tried: u64) -> Self {
        Self { tried, refused: tried }
    }

    /// Counts the attempts, and the refused ones among them.
    pub fn of(outcomes: impl IntoIterator<Item = bool>) -> Self {
        outcomes.into_iter().fold(Self::all(0), |Self { tried, refused }, is_refused| Self {
            tried: tried + 1,
            refused: refused + u64::from(is_refused),
        })
    }

    /// Prints the counts behind the attack's name, and the sum of this program's attacks so far.
    pub fn report(self, name: &str, more: &str) {
        static TRIED: AtomicU64 = AtomicU64::new(0);
        static REFUSED: AtomicU64 = AtomicU64::new(0);
        let Self { tried, refused } = self;
        assert!(tried > 0, "{name}: nothing was tried");
        let all_tried = TRIED.fetch_add(tried, Ordering::Relaxed) + tried;
        let all_refused = REFUSED.fetch_add(refused, Ordering::Relaxed) + refused;
        println!(
            "{name}: {tried} tried, {refused} refused{more} (in all {all_tried} tried, {all_refused} refused)"
        );
    }
}

/// Runs an attack on a server of its own with these flags, while bystanders talk.
///
/// The attack checks its own outcome. This function checks the server's memory, which may grow by
/// `room` MiB at any moment, and the bystanders, who must hear each other whole and in order. Their
/// speed is printed and never asserted.
pub async fn under_attack(name: &str, room: u64, flags: &[&str], attack: impl AsyncFnOnce(&Server) -> Tally) {
    let server = Server::start_with(flags);
    let bystanders = Bystanders::start(&server, flags).await;
    let before = process::resident(&server);
    let tally = attack(&server).await;
    let talk = bystanders.finish().await;
    let grown = process::peak(&server).saturating_sub(before);
    assert!(grown <= room * MIB, "{name}: memory grew by {grown} bytes, and {room} MiB are allowed");
    #[expect(clippy::cast_precision_loss, reason = "printed with one decimal")]
    let grown = grown as f64 / MIB as f64;
    tally.report(name, &format!("; memory grew by {grown:.1} of {room} MiB; bystanders: {talk}"));
}

/// Connected John and Jane, and a conversation between them. As a control user, Jane hears the
/// bystanders too.
pub async fn john_and_jane(server: &Server) -> (Client, Client, String) {
    let jane = server.connect(&jane()).await;
    let mut john = server.connect(&john()).await;
    let id = create(&mut john, "Road closed", "Where do I go?").await;
    (john, jane, id)
}

/// The close code of a connection.
///
/// The wait is bounded in all: a connection that lives on, with its pings, is no end.
pub async fn closed_with(client: &mut Client) -> Option<u16> {
    timeout(PATIENCE, client.close_code()).await.expect("the connection must be closed")
}

/// The next event of a conversation.
pub async fn hear(client: &mut Client, conversation: &str) -> Value {
    loop {
        let event = client.frame().await.expect("the connection stands");
        if event["conversation_id"] == *conversation {
            return event;
        }
    }
}

/// The events of a conversation up to a message that begins like this.
pub async fn hear_until(client: &mut Client, conversation: &str, begin: &str) -> Vec<Value> {
    let mut heard = Vec::new();
    loop {
        let event = hear(client, conversation).await;
        let is_last = event["message"]["content"].as_str().is_some_and(|content| content.starts_with(begin));
        heard.push(event);
        if is_last {
            return heard;
        }
    }
}

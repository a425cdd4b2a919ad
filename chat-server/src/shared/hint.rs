//! Hints between servers: "there is something new", and who types. They are never part of a group's
//! transaction. A lost one costs a pause of [`History`], or that a user does not seem to type.

use std::future::poll_fn;
use std::mem::take;
use std::sync::Arc;
use std::time::Duration;

use chat_core::engine::TypingHint;
use chat_core::id::{ConversationId, UserId};
use chat_core::store::Life;
use serde::{Deserialize, Serialize};
use tokio::sync::{broadcast, mpsc, watch};
use tokio::time::sleep;
use tokio_postgres::{AsyncMessage, Client, Error};

use super::connect::Database;
use super::history::History;

/// Pause before another connection after one was lost.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// The limit of typing hints that wait to be said or to be taken up. More are dropped.
const HINTS_MOST: usize = 256;

/// The limit of bytes in one notification, below the 8,000 of PostgreSQL. A hint has at most 4,000:
/// two ids of 256 bytes, each byte escaped by six.
const PAYLOAD_MOST: usize = 7_500;

const SAY_TYPING: &str = "SELECT pg_notify('chat_typing', $1)";

/// A typing hint on its way: one line of JSON in a notification.
#[derive(Serialize, Deserialize)]
struct TypingLine {
    from: [u8; 16],
    conversation: ConversationId,
    user: UserId,
    is_typing: bool,
}

impl From<TypingHint> for TypingLine {
    fn from(hint: TypingHint) -> Self {
        let TypingHint { from: Life(from), conversation, user, is_typing } = hint;
        Self { from, conversation, user, is_typing }
    }
}

impl From<TypingLine> for TypingHint {
    fn from(line: TypingLine) -> Self {
        let TypingLine { from, conversation, user, is_typing } = line;
        Self { from: Life(from), conversation, user, is_typing }
    }
}

/// The typing hints of this server and of the others.
#[derive(Debug)]
pub(super) struct TypingHints {
    own: mpsc::Sender<TypingHint>,
    heard: broadcast::Sender<TypingHint>,
}

impl TypingHints {
    /// Returns also the own hints to be said.
    pub(super) fn new() -> (Self, mpsc::Receiver<TypingHint>) {
        let (own, said) = mpsc::channel(HINTS_MOST);
        (Self { own, heard: broadcast::Sender::new(HINTS_MOST) }, said)
    }

    /// Tells the other servers, or drops the hint if too many wait.
    pub(super) fn say(&self, hint: TypingHint) {
        let _dropped = self.own.try_send(hint);
    }

    /// The hints of all servers, this one among them, from now on.
    pub(super) fn heard(&self) -> broadcast::Receiver<TypingHint> {
        self.heard.subscribe()
    }
}

/// Hears the hints of all servers, for ever.
pub(super) async fn hear(database: Database, history: Arc<History>, typing: Arc<TypingHints>) {
    loop {
        if let Err(error) = hear_until_lost(&database, &history, &typing).await {
            tracing::debug!(%error, "no hints from the database");
        }
        sleep(RETRY_EVERY).await;
    }
}

async fn hear_until_lost(database: &Database, history: &History, typing: &TypingHints) -> Result<(), Error> {
    let (client, mut connection) = database.raw().await?;
    let listening = tokio::spawn(async move {
        let listened = client.batch_execute("LISTEN chat; LISTEN chat_typing").await;
        // The connection lives as long as its client.
        listened.map(|()| client)
    });
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        match message? {
            AsyncMessage::Notification(said) if said.channel() == "chat_typing" => {
                let lines = said.payload().lines().filter_map(|line| serde_json::from_str(line).ok());
                // Nobody listens before the engine starts.
                lines.for_each(|line: TypingLine| drop(typing.heard.send(line.into())));
            }
            AsyncMessage::Notification(_) => history.hint.notify_waiters(),
            _ => {}
        }
    }
    listening.abort();
    Ok(())
}

/// Gives a hint after each change of `committed`, one at a time, and says the typing hints, until
/// their sender is dropped.
pub(super) async fn say(
    database: Database,
    mut committed: watch::Receiver<u64>,
    mut typing: mpsc::Receiver<TypingHint>,
) {
    while let Err(error) = say_until_lost(&database, &mut committed, &mut typing).await {
        tracing::debug!(%error, "no hints to the database");
        sleep(RETRY_EVERY).await;
        committed.mark_changed();
    }
}

async fn say_until_lost(
    database: &Database,
    committed: &mut watch::Receiver<u64>,
    typing: &mut mpsc::Receiver<TypingHint>,
) -> Result<(), Error> {
    let connected = database.plain_connection().await?;
    connected.client.batch_execute("SET synchronous_commit = off").await?;
    let mut hints = Vec::new();
    loop {
        tokio::select! {
            changed = committed.changed() => match changed {
                Ok(()) => connected.client.batch_execute("NOTIFY chat").await?,
                Err(_) => return Ok(()),
            },
            count = typing.recv_many(&mut hints, HINTS_MOST) => {
                if count == 0 {
                    return Ok(());
                }
                say_typing(&connected.client, hints.drain(..)).await?;
            }
        }
    }
}

/// Says hints in as few notifications as they fit into.
async fn say_typing(client: &Client, hints: impl Iterator<Item = TypingHint>) -> Result<(), Error> {
    let statement = client.prepare(SAY_TYPING).await?;
    let mut payload = String::new();
    for hint in hints {
        let line = serde_json::to_string(&TypingLine::from(hint)).expect("texts and numbers are JSON");
        if payload.len() + line.len() >= PAYLOAD_MOST {
            client.execute(&statement, &[&take(&mut payload)]).await?;
        }
        payload = payload + &line + "\n";
    }
    client.execute(&statement, &[&payload]).await?;
    Ok(())
}

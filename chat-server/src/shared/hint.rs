//! Hints between servers: "there is something new". They are never part of a group's transaction,
//! and a lost one costs one pause of [`History`].

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::sleep;
use tokio_postgres::{AsyncMessage, Error};

use super::connect::Database;
use super::history::History;

/// Pause before another connection after one was lost.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Hears the hints of all servers, for ever.
pub(super) async fn hear(database: Database, history: Arc<History>) {
    loop {
        if let Err(error) = hear_until_lost(&database, &history).await {
            tracing::debug!(%error, "no hints from the database");
        }
        sleep(RETRY_EVERY).await;
    }
}

async fn hear_until_lost(database: &Database, history: &History) -> Result<(), Error> {
    let (client, mut connection) = database.raw().await?;
    let listening = tokio::spawn(async move {
        let listened = client.batch_execute("LISTEN chat").await;
        // The connection lives as long as its client.
        listened.map(|()| client)
    });
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(_) = message? {
            history.hint.notify_waiters();
        }
    }
    listening.abort();
    Ok(())
}

/// Gives a hint after each change of `committed`, one at a time, until its sender is dropped.
pub(super) async fn say(database: Database, mut committed: watch::Receiver<u64>) {
    while committed.changed().await.is_ok() {
        if let Err(error) = say_until_lost(&database, &mut committed).await {
            tracing::debug!(%error, "no hints to the database");
            sleep(RETRY_EVERY).await;
        }
    }
}

async fn say_until_lost(database: &Database, committed: &mut watch::Receiver<u64>) -> Result<(), Error> {
    let connected = database.plain_connection().await?;
    connected.client.batch_execute("SET synchronous_commit = off").await?;
    loop {
        connected.client.batch_execute("NOTIFY chat").await?;
        if committed.changed().await.is_err() {
            return Ok(());
        }
    }
}

//! The begin of an epoch.

use chat_core::id::Epoch;
use chat_core::store::{Event, Hash, Position, UnavailableError};
use tokio_postgres::{Client, Transaction};

use super::error::unavailable;
use super::rows;
use super::write::signed;
use crate::store::journal::chain;
use crate::store::random_epoch;

/// Begins another epoch in place of this one, and returns it. If another server was faster, returns
/// the epoch that it has begun.
pub(super) async fn begin(client: &mut Client, old: &Epoch) -> Result<Epoch, UnavailableError> {
    let new = random_epoch().map_err(UnavailableError::new)?;
    let begun = client.transaction().await.map_err(|error| unavailable(&error))?;
    begun.batch_execute("SELECT 1 FROM chat.lane FOR UPDATE").await.map_err(|error| unavailable(&error))?;
    let now =
        begun.query_one("SELECT epoch FROM chat.meta", &[]).await.map_err(|error| unavailable(&error))?;
    let now: Epoch = rows::id(&now, 0)?;
    if now != *old {
        return Ok(now);
    }
    let set = begun.execute("UPDATE chat.meta SET epoch = $1", &[&new.as_str().as_bytes()]).await;
    set.map_err(|error| unavailable(&error))?;
    let end = "SELECT position, hash FROM chat.record ORDER BY position DESC LIMIT 1";
    let end = begun.query_one(end, &[]).await.map_err(|error| unavailable(&error))?;
    record(&begun, &new, (rows::position(&end, 0)?, rows::hash(&end, 1)?)).await?;
    begun.commit().await.map_err(|error| unavailable(&error))?;
    Ok(new)
}

/// Writes the begin of an epoch behind this end of the history.
pub(super) async fn record(
    transaction: &Transaction<'_>,
    epoch: &Epoch,
    (last, previous): (Position, Hash),
) -> Result<(), UnavailableError> {
    let payload = serde_json::to_vec(&Event::EpochBegun { epoch: epoch.clone() })
        .expect("an event has string keys, and memory takes all of it");
    let position = Position(last.0 + 1);
    let hash = chain(position, previous, &payload);
    let insert = "INSERT INTO chat.record (position, previous, hash, payload) VALUES ($1, $2, $3, $4)";
    let row = transaction
        .execute(insert, &[&signed(position.0), &previous.0.as_slice(), &hash.0.as_slice(), &payload])
        .await;
    row.map(|_| ()).map_err(|error| unavailable(&error))
}

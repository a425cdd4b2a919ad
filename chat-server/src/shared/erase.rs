//! Retention over the rows of the history: erases the content of old messages.
//!
//! The job's state has the position up to which everything is erased. Erasing needs no lock of the
//! lane, because a group never changes an older record. The hash chain covers a hash of the
//! content, and so holds without the content.

use chat_core::store::{Position, UnavailableError};
use chat_core::time::Timestamp;
use deadpool_postgres::{Client, Pool};
use serde::{Deserialize, Serialize};
use tokio_postgres::Error;

use super::error::unavailable;
use super::lease::{Job, Term, save, state};
use super::write::signed;
use crate::store::Swept;

/// Records that one step looks at. Loads of a message that is being erased wait for the step.
const STEP: i64 = 2_000;

/// The end of a step: before the first message that is to be kept, or after [`STEP`] records.
const UP_TO: &str = "SELECT least(\
        (SELECT position - 1 FROM chat.record WHERE position > $1 AND position <= $1 + $3 \
            AND seq IS NOT NULL AND sent_at >= $2 AND content <> '' ORDER BY position LIMIT 1), \
        $1 + $3, (SELECT max(position) FROM chat.record))";
const ERASE: &str = "UPDATE chat.record SET content = '' \
    WHERE position > $1 AND position <= $2 AND seq IS NOT NULL AND content <> ''";
const COUNT: &str = "SELECT count(*) FROM chat.record \
    WHERE position > $1 AND position <= $2 AND seq IS NOT NULL AND content <> ''";
const CLOCKS: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
    (SELECT sent_at FROM chat.record WHERE seq IS NOT NULL ORDER BY position DESC LIMIT 1)";

/// How far erasing has come.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
struct ErasedTo {
    position: Position,
}

/// The database's time, and the time of the newest message.
pub(super) async fn clocks(pool: &Pool) -> Result<(Timestamp, Option<Timestamp>), UnavailableError> {
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let row = client.query_one(CLOCKS, &[]).await.map_err(|error| unavailable(&error))?;
    Ok((Timestamp::from_millis(row.get(0)), row.get::<_, Option<i64>>(1).map(Timestamp::from_millis)))
}

/// Erases the content of more messages sent before `cutoff`, for good. The first younger message
/// ends the step.
pub(super) async fn step(pool: &Pool, term: Term, cutoff: Timestamp) -> Result<Swept, UnavailableError> {
    let from = erased_to(pool).await?;
    let mut client = pool.get().await.map_err(UnavailableError::new)?;
    let to = up_to(&client, from, cutoff).await.map_err(|error| unavailable(&error))?;
    if to <= from {
        return Ok(Swept::default());
    }
    let state = ErasedTo { position: Position(to.cast_unsigned()) };
    let state = serde_json::to_vec(&state).map_err(UnavailableError::new)?;
    let erasing = client.transaction().await.map_err(|error| unavailable(&error))?;
    // First, so that a server that has lost the job erases nothing.
    save(&*erasing, term, &state).await?;
    let erased = erasing.execute(ERASE, &[&from, &to]).await.map_err(|error| unavailable(&error))?;
    erasing.commit().await.map_err(|error| unavailable(&error))?;
    Ok(Swept { erased: usize::try_from(erased).unwrap_or(usize::MAX), more: to - from == STEP })
}

/// The number of messages that would be erased.
pub(super) async fn due(pool: &Pool, cutoff: Timestamp) -> Result<u64, UnavailableError> {
    let mut from = erased_to(pool).await?;
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let mut due = 0;
    loop {
        let to = up_to(&client, from, cutoff).await.map_err(|error| unavailable(&error))?;
        if to > from {
            let row = client.query_one(COUNT, &[&from, &to]).await.map_err(|error| unavailable(&error))?;
            due += row.get::<_, i64>(0).cast_unsigned();
        }
        if to - from < STEP {
            return Ok(due);
        }
        from = to;
    }
}

async fn erased_to(pool: &Pool) -> Result<i64, UnavailableError> {
    let state = state(pool, Job::Retention).await?.map(|state| serde_json::from_slice::<ErasedTo>(&state));
    let state = state.transpose().map_err(UnavailableError::new)?;
    Ok(signed(state.unwrap_or_default().position.0))
}

async fn up_to(client: &Client, from: i64, cutoff: Timestamp) -> Result<i64, Error> {
    let row = client.query_one(UP_TO, &[&from, &cutoff.as_millis(), &STEP]).await?;
    Ok(row.get::<_, Option<i64>>(0).unwrap_or(from))
}

//! Retention over the rows of the history: erases the content of old messages.
//!
//! The job's state has the position up to which everything is erased. Erasing needs no lock of the
//! lane, because a group never changes an older record. The hash chain covers a hash of the
//! content, and so holds without the content.

use chat_core::store::{Position, UnavailableError};
use chat_core::time::Timestamp;
use deadpool_postgres::Pool;
use tokio_postgres::{Error, GenericClient};

use super::error::unavailable;
use super::keeping::{ErasingLock, IS_HELD, RetentionState};
use super::lease::{Job, Term, state};
use super::write::signed;
use crate::store::{ClockNote, Swept};

/// Records that one step looks at. Loads of a message that is being erased wait for the step.
pub(super) const STEP: i64 = 2_000;

/// The end of a step: before the first message that is to be kept, or after [`STEP`] records.
const UP_TO: &str = "SELECT least(\
        (SELECT position - 1 FROM chat.record WHERE position > $1 AND position <= $1 + $3 \
            AND seq IS NOT NULL AND sent_at >= $2 AND content <> '' ORDER BY position LIMIT 1), \
        $1 + $3, (SELECT max(position) FROM chat.record))";
const DUE: &str = "r.position > $1 AND r.position <= $2 AND r.seq IS NOT NULL AND r.content <> ''";
const CLOCKS: &str = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
    (SELECT sent_at FROM chat.record WHERE seq IS NOT NULL ORDER BY position DESC LIMIT 1)";

/// The database's time, and the time of the newest message.
pub(super) async fn clocks(pool: &Pool) -> Result<(Timestamp, Option<Timestamp>), UnavailableError> {
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let row = client.query_one(CLOCKS, &[]).await.map_err(|error| unavailable(&error))?;
    Ok((Timestamp::from_millis(row.get(0)), row.get::<_, Option<i64>>(1).map(Timestamp::from_millis)))
}

/// Erases the content of more messages sent before `cutoff`, for good, unless on hold. The first
/// younger message ends the step.
pub(super) async fn step(pool: &Pool, term: Term, cutoff: Timestamp) -> Result<Swept, UnavailableError> {
    let mut client = pool.get().await.map_err(UnavailableError::new)?;
    let lock = ErasingLock::take(&mut client).await?;
    let from = signed(lock.state.position.0);
    let to = up_to(&*lock.transaction, from, cutoff).await.map_err(|error| unavailable(&error))?;
    if to <= from {
        return Ok(Swept::default());
    }
    // First, so that a server that has lost the job erases nothing.
    lock.save_in(term, RetentionState { position: Position(to.cast_unsigned()), ..lock.state }).await?;
    let erase = format!("UPDATE chat.record r SET content = '' WHERE {DUE} AND NOT {IS_HELD}");
    let erased = lock.transaction.execute(&erase, &[&from, &to]).await;
    let erased = erased.map_err(|error| unavailable(&error))?;
    lock.commit().await?;
    Ok(Swept { erased: usize::try_from(erased).unwrap_or(usize::MAX), more: to - from == STEP })
}

/// The number of messages that would be erased.
pub(super) async fn due(pool: &Pool, cutoff: Timestamp) -> Result<u64, UnavailableError> {
    let mut from = signed(progress(pool).await?.position.0);
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let count = format!("SELECT count(*) FROM chat.record r WHERE {DUE} AND NOT {IS_HELD}");
    let mut due = 0;
    loop {
        let to = up_to(&**client, from, cutoff).await.map_err(|error| unavailable(&error))?;
        if to > from {
            let row = client.query_one(&count, &[&from, &to]).await.map_err(|error| unavailable(&error))?;
            due += row.get::<_, i64>(0).cast_unsigned();
        }
        if to - from < STEP {
            return Ok(due);
        }
        from = to;
    }
}

/// How far retention has come, and the trust in the clock.
pub(super) async fn progress(pool: &Pool) -> Result<RetentionState, UnavailableError> {
    RetentionState::read(state(pool, Job::Retention).await?.as_deref())
}

/// Notes the trust in the clock: for the server that holds the job, or on request.
pub(super) async fn note_clock(
    pool: &Pool,
    term: Option<Term>,
    note: ClockNote,
) -> Result<(), UnavailableError> {
    let mut client = pool.get().await.map_err(UnavailableError::new)?;
    let lock = ErasingLock::take(&mut client).await?;
    let noted = RetentionState { clock: Some(note), ..lock.state };
    match term {
        Some(term) => lock.save_in(term, noted).await?,
        None => lock.save(noted).await?,
    }
    lock.commit().await
}

async fn up_to(client: &impl GenericClient, from: i64, cutoff: Timestamp) -> Result<i64, Error> {
    let row = client.query_one(UP_TO, &[&from, &cutoff.as_millis(), &STEP]).await?;
    Ok(row.get::<_, Option<i64>>(0).unwrap_or(from))
}

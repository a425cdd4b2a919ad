//! Readers of the history beside the engine.

use chat_core::store::{Event, Hash, Position, UnavailableError};
use chat_core::time::Timestamp;
use deadpool_postgres::Pool;

use super::error::unavailable;
use super::rows;
use super::write::signed;

/// Most records of one answer.
const RECORDS_MOST: i64 = 256;

const RECORDS: &str = "SELECT position, previous, hash, payload, content FROM chat.record \
    WHERE position > $1 ORDER BY position LIMIT $2";

const LAST: &str = "SELECT max(position) FROM chat.record";

const NEXT_TIME: &str = "SELECT sent_at FROM chat.record WHERE position >= $1 AND seq IS NOT NULL \
    ORDER BY position LIMIT 1";

/// Records that a search by time leaves to be read in order.
const NEAR: i64 = 1_024;

const END: &str = "SELECT position, hash FROM chat.record ORDER BY position DESC LIMIT 1";

/// Erased content in a journal.
const ERASED: [u8; 16] = [0; 16];

/// A record as the database has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct StoredRecord {
    pub(crate) position: Position,
    pub(crate) previous: Hash,
    pub(crate) hash: Hash,
    pub(crate) payload: Vec<u8>,
    pub(crate) content: Option<Vec<u8>>,
    pub(crate) event: Event,
}

impl StoredRecord {
    /// The content as a journal has it. Erased content is zeros there.
    pub(crate) fn stored_content(&self) -> &[u8] {
        match &self.content {
            None => &[],
            Some(erased) if erased.is_empty() => &ERASED,
            Some(content) => content,
        }
    }
}

/// The next records after a position, in order; none at the end.
pub(super) async fn records(pool: &Pool, after: Position) -> Result<Vec<StoredRecord>, UnavailableError> {
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let statement = client.prepare_cached(RECORDS).await.map_err(|error| unavailable(&error))?;
    let found = client.query(&statement, &[&signed(after.0), &RECORDS_MOST]).await;
    let found = found.map_err(|error| unavailable(&error))?;
    let records = found.iter().map(|row| {
        Ok(StoredRecord {
            position: rows::position(row, 0)?,
            previous: rows::hash(row, 1)?,
            hash: rows::hash(row, 2)?,
            payload: row.get(3),
            content: row.get(4),
            event: rows::event(row, 3, 4)?,
        })
    });
    records.collect()
}

/// A position before the messages of this time and later ones. Looks at a few records, because the
/// messages of a history are roughly in the order of time.
pub(super) async fn before(pool: &Pool, time: Timestamp) -> Result<Position, UnavailableError> {
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let last = client.query_one(LAST, &[]).await.map_err(|error| unavailable(&error))?;
    let (mut earlier, mut later) = (0, last.get::<_, i64>(0));
    while later - earlier > NEAR {
        let middle = earlier.midpoint(later);
        let next = client.query_opt(NEXT_TIME, &[&middle]).await.map_err(|error| unavailable(&error))?;
        match next {
            Some(next) if next.get::<_, i64>(0) < time.as_millis() => earlier = middle,
            _ => later = middle,
        }
    }
    Ok(Position(earlier.cast_unsigned()))
}

/// The last position, and its hash.
pub(super) async fn end(pool: &Pool) -> Result<(Position, Hash), UnavailableError> {
    let client = pool.get().await.map_err(UnavailableError::new)?;
    let statement = client.prepare_cached(END).await.map_err(|error| unavailable(&error))?;
    let row = client.query_one(&statement, &[]).await.map_err(|error| unavailable(&error))?;
    Ok((rows::position(&row, 0)?, rows::hash(&row, 1)?))
}

//! Reading the history as it grows, and seeing when it is another one.
//!
//! A failover to a standby that lacks records gives their positions again, and nothing is missing
//! between the numbers. So each handle keeps a *mark*: the last position that it has told, with its
//! hash. Every look at the history compares it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use chat_core::id::Epoch;
use chat_core::store::{CommitId, Followed, Happened, Hash, Life, Position, UnavailableError};
use deadpool_postgres::Pool;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_postgres::{IsolationLevel, Row};

use super::epoch;
use super::error::unavailable;
use super::rows;
use super::write::signed;

/// Pause between two looks without a hint. A lost hint costs this much.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Time without an answer after which the database counts as out of reach.
const FRESH_FOR: Duration = Duration::from_secs(2);

/// Most records of one answer.
const RECORDS_MOST: i64 = 1_024;

/// The end of the history, the epoch, and the hash at the position of a mark.
pub(super) const MOMENT: &str = "SELECT (SELECT max(position) FROM chat.record), m.epoch, \
    (SELECT hash FROM chat.record WHERE position = $1) FROM chat.meta m";

const RECORDS: &str = "SELECT position, payload, content, life, commit, hash FROM chat.record \
    WHERE position > $1 ORDER BY position LIMIT $2";

/// The history as one handle knows it.
#[derive(Debug)]
pub(super) struct History {
    /// The epoch in which the handle was opened.
    epoch: Epoch,
    mark: Mutex<HistoryMark>,
    /// The time of the last answer.
    answered: Mutex<Instant>,
    /// The last position of the history at that time.
    end: AtomicU64,
    /// Says that there may be something new.
    pub(super) hint: Notify,
}

/// A position that was told, with its hash.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct HistoryMark {
    position: Position,
    hash: Option<Hash>,
}

impl HistoryMark {
    /// The position, as a parameter of a statement.
    pub(super) fn position(self) -> i64 {
        signed(self.position.0)
    }
}

/// The reason that the history is not the one of the handle.
enum Other {
    /// Another server has begun this epoch.
    Epoch(Epoch),
    /// Records that were told are gone.
    Diverged,
}

impl History {
    pub(super) fn new(epoch: Epoch) -> Self {
        Self {
            epoch,
            mark: Mutex::default(),
            answered: Mutex::new(Instant::now()),
            end: AtomicU64::new(0),
            hint: Notify::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, HistoryMark> {
        self.mark.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the database has answered lately. A running engine looks all the time.
    pub(super) fn is_fresh(&self) -> bool {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner).elapsed() < FRESH_FOR
    }

    /// The last position of the history, as far as it was seen.
    pub(super) fn seen(&self) -> Position {
        Position(self.end.load(Ordering::Relaxed))
    }

    /// The last position that was told.
    pub(super) fn told(&self) -> Position {
        self.state().position
    }

    /// The mark, taken before a look begins: the mark may advance meanwhile.
    pub(super) fn marked(&self) -> HistoryMark {
        *self.state()
    }

    /// Everything up to here was told.
    pub(super) fn mark(&self, position: Position, hash: Hash) {
        self.end.fetch_max(position.0, Ordering::Relaxed);
        let mut mark = self.state();
        if position > mark.position {
            *mark = HistoryMark { position, hash: Some(hash) };
        }
    }

    /// Checks the epoch and the hash at the mark.
    fn compare(
        &self,
        mark: HistoryMark,
        row: &Row,
        (epoch, hash): (usize, usize),
    ) -> Result<Result<(), Other>, UnavailableError> {
        let now: Epoch = rows::id(row, epoch)?;
        if now != self.epoch {
            return Ok(Err(Other::Epoch(now)));
        }
        let Some(known) = mark.hash else { return Ok(Ok(())) };
        let found = row.get::<_, Option<&[u8]>>(hash);
        Ok(if found == Some(&known.0[..]) { Ok(()) } else { Err(Other::Diverged) })
    }

    /// Refuses to go on with a history that is another one. The columns are those of the epoch and
    /// of the hash at the mark.
    pub(super) fn must_be_same(
        &self,
        mark: HistoryMark,
        row: &Row,
        columns: (usize, usize),
    ) -> Result<(), UnavailableError> {
        self.compare(mark, row, columns)?.map_err(|_| {
            self.hint.notify_waiters();
            UnavailableError::past_epoch()
        })
    }

    /// Waits for records after this position.
    pub(super) async fn follow(&self, pool: &Pool, after: Position) -> Result<Followed, UnavailableError> {
        loop {
            let hinted = self.hint.notified();
            let followed = self.look(pool, after).await?;
            if !followed.happened.is_empty() || followed.epoch != self.epoch {
                return Ok(followed);
            }
            // A hint or the time: both lead to another look.
            drop(timeout(LOOK_EVERY, hinted).await);
        }
    }

    async fn look(&self, pool: &Pool, after: Position) -> Result<Followed, UnavailableError> {
        let mut client = pool.get().await.map_err(UnavailableError::new)?;
        let mark = self.marked();
        let begun =
            client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let moment = begun.start().await.map_err(|error| unavailable(&error))?;
        let prepared = moment.prepare_cached(MOMENT).await.map_err(|error| unavailable(&error))?;
        let row =
            moment.query_one(&prepared, &[&mark.position()]).await.map_err(|error| unavailable(&error))?;
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        let end = rows::position(&row, 0)?;
        match self.compare(mark, &row, (1, 2))? {
            Ok(()) => drop(self.end.fetch_max(end.0, Ordering::Relaxed)),
            Err(Other::Epoch(epoch)) => return Ok(Followed { epoch, happened: Vec::new() }),
            Err(Other::Diverged) => {
                drop(moment);
                tracing::error!(
                    told = mark.position(),
                    end = end.0,
                    "the database lacks records that were told: a new epoch begins, and clients load everything again"
                );
                let epoch = epoch::begin(&mut client, &self.epoch).await?;
                return Ok(Followed { epoch, happened: Vec::new() });
            }
        }
        let prepared = moment.prepare_cached(RECORDS).await.map_err(|error| unavailable(&error))?;
        let found = moment.query(&prepared, &[&signed(after.0), &RECORDS_MOST]).await;
        let found = found.map_err(|error| unavailable(&error))?;
        moment.commit().await.map_err(|error| unavailable(&error))?;
        let happened = found.iter().map(happened).collect::<Result<Vec<_>, _>>()?;
        if let Some(last) = found.last() {
            self.mark(rows::position(last, 0)?, rows::hash(last, 5)?);
        }
        Ok(Followed { epoch: self.epoch.clone(), happened })
    }
}

fn happened(row: &Row) -> Result<Happened, UnavailableError> {
    let life = row.get::<_, Option<&[u8]>>(3).and_then(|life| life.try_into().ok().map(Life));
    let by = match (life, row.get::<_, Option<i64>>(4)) {
        (Some(life), Some(number)) => Some(CommitId { life, number: number.cast_unsigned() }),
        _ => None,
    };
    Ok(Happened { position: rows::position(row, 0)?, event: rows::event(row, 1, 2)?, by })
}

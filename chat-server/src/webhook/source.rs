//! The history that the webhook reads, and the place of its checkpoint: the data directory, or the
//! database of a shared store.

#[cfg(feature = "postgres")]
use std::sync::Arc;

use chat_core::id::UserId;
use chat_core::store::{Event, Loaded, Position, Query, Store as _, UnavailableError};
use tokio::task::spawn_blocking;

use super::checkpoint;
use super::reading::ReadError;
#[cfg(feature = "postgres")]
use crate::shared::{SharedStore, Term};
use crate::store::{JournalPlace, LocalStore};

/// The history that the webhook reads.
#[derive(Clone, Debug)]
pub(super) enum WebhookSource {
    /// A journal. This server alone reads it.
    Local(LocalStore),
    /// A database. This server reads it while it holds the job.
    #[cfg(feature = "postgres")]
    Shared(Arc<SharedStore>, Term),
}

/// The next records, with the place behind them.
pub(super) type NextRecords = (JournalPlace, Vec<(Position, Event)>);

impl WebhookSource {
    /// The end of the history, as far as this server has seen it.
    pub(super) fn place(&self) -> JournalPlace {
        match self {
            Self::Local(store) => store.place(),
            #[cfg(feature = "postgres")]
            Self::Shared(store, _) => JournalPlace::without_journal(store.seen()),
        }
    }

    /// The end of the history.
    #[cfg_attr(not(feature = "postgres"), expect(clippy::unused_async, reason = "a database is asked"))]
    pub(super) async fn end(&self) -> Result<JournalPlace, UnavailableError> {
        match self {
            Self::Local(store) => Ok(store.place()),
            #[cfg(feature = "postgres")]
            Self::Shared(store, _) => Ok(JournalPlace::without_journal(store.end().await?.position)),
        }
    }

    /// The next records after a place. `None` at the end.
    pub(super) async fn read_after(&self, place: JournalPlace) -> Result<Option<NextRecords>, ReadError> {
        match self {
            Self::Local(store) => {
                let store = store.clone();
                let read = spawn_blocking(move || store.read_after(place)).await;
                let read = read.expect("it does not panic, and is not aborted")?;
                let event = |record: crate::store::journal::Record| (record.position, record.event);
                Ok(read.map(|(behind, records)| (behind, records.into_iter().map(event).collect())))
            }
            #[cfg(feature = "postgres")]
            Self::Shared(store, _) => {
                let records = store.records(place.position()).await?;
                let behind = records.last().map(|last| JournalPlace::without_journal(last.position));
                let events = records.into_iter().map(|record| (record.position, record.event));
                Ok(behind.map(|behind| (behind, events.collect())))
            }
        }
    }

    /// Answers a query.
    pub(super) async fn load(&self, query: Query) -> Result<Loaded, UnavailableError> {
        match self {
            Self::Local(store) => store.load(query).await,
            #[cfg(feature = "postgres")]
            Self::Shared(store, _) => store.load(query).await,
        }
    }

    /// Those of the users who are absent here, and were absent everywhere when the record at this
    /// position came.
    #[cfg_attr(
        not(feature = "postgres"),
        expect(clippy::unused_async, unused_variables, reason = "a database is asked")
    )]
    pub(super) async fn absent_everywhere(
        &self,
        position: Position,
        users: Vec<UserId>,
    ) -> Result<Vec<UserId>, UnavailableError> {
        match self {
            Self::Local(_) => Ok(users),
            #[cfg(feature = "postgres")]
            Self::Shared(store, _) => store.absent(position, users).await,
        }
    }

    /// Reads the checkpoint. `None` if there is none.
    #[cfg_attr(not(feature = "postgres"), expect(clippy::unused_async, reason = "a database is asked"))]
    pub(super) async fn checkpoint(&self) -> Result<Option<Vec<u8>>, ReadError> {
        match self {
            Self::Local(store) => Ok(checkpoint::read(store.dir())?),
            #[cfg(feature = "postgres")]
            Self::Shared(store, term) => Ok(store.job_state(term.job()).await?),
        }
    }

    /// Replaces the checkpoint, atomically and durably.
    pub(super) async fn save(&self, checkpoint: Vec<u8>) -> Result<(), ReadError> {
        match self {
            Self::Local(store) => {
                let dir = store.dir().to_owned();
                let written = spawn_blocking(move || checkpoint::write(&dir, &checkpoint)).await;
                Ok(written.expect("it does not panic, and is not aborted")?)
            }
            #[cfg(feature = "postgres")]
            Self::Shared(store, term) => Ok(store.save_job_state(*term, checkpoint).await?),
        }
    }
}

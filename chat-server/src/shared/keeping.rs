//! Holds, which erasing obeys, and the record of users whose texts were erased on request.
//!
//! Each step of erasing and each change of a hold begins with a lock on the row of retention's job.
//! So no text is erased once a hold on it is acknowledged, whichever server erases.

use chat_core::id::UserId;
use chat_core::store::{Position, UnavailableError};
use chat_core::time::Timestamp;
use deadpool_postgres::{Client, Transaction};
use serde::{Deserialize, Serialize};
use tokio_postgres::{Error, GenericClient, Row};

use super::error::unavailable;
use super::lease::{Term, save};
use super::rows;
use super::write::signed;
use crate::store::{ClockNote, Erasure, Hold, HoldSubject, Keeping, KeepingError};

/// The condition that a hold covers the record `r`. A hold on a conversation covers its notes.
pub(super) const IS_HELD: &str = "(EXISTS (SELECT 1 FROM chat.hold h \
    WHERE h.kind = 'user' AND h.subject = r.author) OR EXISTS (SELECT 1 FROM chat.hold h \
    WHERE h.kind = 'conversation' \
    AND (h.subject = r.conversation OR 'notes_'::bytea || h.subject = r.conversation)))";

/// A process that freezes must not hold up the others, who renew the lease of the same job.
const LIMIT: &str = "SET LOCAL idle_in_transaction_session_timeout = '5s'";
const LOCK: &str = "SELECT state FROM chat.job WHERE name = 'retention' FOR UPDATE";
const SET_STATE: &str = "UPDATE chat.job SET state = $1 WHERE name = 'retention'";
const HOLDS: &str = "SELECT at, by_whom, why, kind, subject FROM chat.hold ORDER BY at, kind, subject";
const ERASURES: &str = "SELECT at, by_whom, why, user_id, until FROM chat.erasure ORDER BY at, user_id";
const ADD_HOLD: &str = "INSERT INTO chat.hold (kind, subject, by_whom, why, at) VALUES ($1, $2, $3, $4, $5)";
const END_HOLD: &str = "DELETE FROM chat.hold WHERE kind = $1 AND subject = $2";
const PUT_ERASURE: &str = "INSERT INTO chat.erasure (user_id, by_whom, why, at, until) \
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (user_id) DO UPDATE SET by_whom = excluded.by_whom, \
    why = excluded.why, at = excluded.at, until = excluded.until";
const END: &str = "SELECT max(position) FROM chat.record";

/// The state of retention's job.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct RetentionState {
    /// The position up to which all is erased that no hold covers.
    #[serde(default)]
    pub(super) position: Position,
    /// The trust in the database's clock.
    #[serde(default)]
    pub(super) clock: Option<ClockNote>,
}

impl RetentionState {
    /// The state in the row of the job. The job has none before its first step.
    pub(super) fn read(state: Option<&[u8]>) -> Result<Self, UnavailableError> {
        let read = state.map_or(Ok(Self::default()), serde_json::from_slice);
        read.map_err(|error| {
            UnavailableError::new(format_args!("the state of retention is damaged: {error}"))
        })
    }

    fn bytes(self) -> Vec<u8> {
        serde_json::to_vec(&self).expect("the struct has string keys, and memory takes all of it")
    }
}

/// A transaction that erases, or changes what erasing obeys. Others wait for its end.
pub(super) struct ErasingLock<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) state: RetentionState,
}

impl<'a> ErasingLock<'a> {
    /// Begins once no other one is under way.
    pub(super) async fn take(client: &'a mut Client) -> Result<Self, UnavailableError> {
        let transaction = client.transaction().await.map_err(|error| unavailable(&error))?;
        transaction.batch_execute(LIMIT).await.map_err(|error| unavailable(&error))?;
        let row = transaction.query_one(LOCK, &[]).await.map_err(|error| unavailable(&error))?;
        let state = RetentionState::read(row.get(0))?;
        Ok(Self { transaction, state })
    }

    /// Changes the state of the job, for the server that holds it. Refused in any other term.
    pub(super) async fn save_in(&self, term: Term, state: RetentionState) -> Result<(), UnavailableError> {
        save(&*self.transaction, term, &state.bytes()).await
    }

    /// Changes the state of the job, whichever server holds it.
    pub(super) async fn save(&self, state: RetentionState) -> Result<(), UnavailableError> {
        let saved = self.transaction.execute(SET_STATE, &[&state.bytes()]).await;
        saved.map(|_| ()).map_err(|error| unavailable(&error))
    }

    /// Ends it, and makes its changes visible to all servers.
    pub(super) async fn commit(self) -> Result<(), UnavailableError> {
        self.transaction.commit().await.map_err(|error| unavailable(&error))
    }
}

/// All holds.
pub(super) async fn holds(client: &impl GenericClient) -> Result<Vec<Hold>, UnavailableError> {
    let rows = client.query(HOLDS, &[]).await.map_err(|error| unavailable(&error))?;
    rows.iter().map(hold_of).collect()
}

/// All holds, and the record of erasures.
pub(super) async fn read(client: &impl GenericClient) -> Result<Keeping, UnavailableError> {
    let erasures = client.query(ERASURES, &[]).await.map_err(|error| unavailable(&error))?;
    let erasures = erasures.iter().map(erasure_of).collect::<Result<_, _>>()?;
    Ok(Keeping::new(holds(client).await?, erasures))
}

/// Writes holds and erasures of a data directory into empty tables.
pub(super) async fn write(client: &impl GenericClient, keeping: &Keeping) -> Result<(), Error> {
    for hold in &keeping.holds {
        insert(client, hold).await?;
    }
    for erasure in &keeping.erasures {
        put(client, erasure).await?;
    }
    Ok(())
}

/// Adds a hold. No step of erasing that begins later touches its texts.
pub(super) async fn add(client: &mut Client, hold: &Hold) -> Result<(), KeepingError> {
    let lock = ErasingLock::take(client).await?;
    Keeping::new(holds(&*lock.transaction).await?, Vec::new()).check_hold(hold)?;
    insert(&*lock.transaction, hold).await.map_err(|error| unavailable(&error))?;
    Ok(lock.commit().await?)
}

/// Ends a hold. Retention begins anew with the oldest message.
pub(super) async fn release(client: &mut Client, subject: &HoldSubject) -> Result<(), KeepingError> {
    let lock = ErasingLock::take(client).await?;
    let (kind, id) = key(subject);
    let ended = lock.transaction.execute(END_HOLD, &[&kind, &id]).await;
    if ended.map_err(|error| unavailable(&error))? == 0 {
        return Err(KeepingError::NotHeld(subject.clone()));
    }
    lock.save(RetentionState { position: Position(0), ..lock.state }).await?;
    Ok(lock.commit().await?)
}

/// Records an erasure on request before it begins. Returns the last position of the history.
/// Refuses a user on hold.
pub(super) async fn record_erasure(client: &mut Client, erasure: Erasure) -> Result<Position, KeepingError> {
    let lock = ErasingLock::take(client).await?;
    Keeping::new(holds(&*lock.transaction).await?, Vec::new()).check_erasure(&erasure)?;
    let end = lock.transaction.query_one(END, &[]).await.map_err(|error| unavailable(&error))?;
    let until = rows::position(&end, 0)?;
    let put = put(&*lock.transaction, &Erasure { until, ..erasure }).await;
    put.map_err(|error| unavailable(&error))?;
    lock.commit().await?;
    Ok(until)
}

async fn insert(client: &impl GenericClient, hold: &Hold) -> Result<(), Error> {
    let Hold { subject, by, why, at } = hold;
    let (kind, id) = key(subject);
    client
        .execute(ADD_HOLD, &[&kind, &id, &by.as_bytes(), &why.as_bytes(), &at.as_millis()])
        .await
        .map(|_| ())
}

async fn put(client: &impl GenericClient, erasure: &Erasure) -> Result<(), Error> {
    let Erasure { user, by, why, at, until } = erasure;
    let user = user.as_str().as_bytes();
    client
        .execute(PUT_ERASURE, &[&user, &by.as_bytes(), &why.as_bytes(), &at.as_millis(), &signed(until.0)])
        .await
        .map(|_| ())
}

/// The columns `kind` and `subject`.
fn key(subject: &HoldSubject) -> (&'static str, &[u8]) {
    match subject {
        HoldSubject::User(user) => ("user", user.as_str().as_bytes()),
        HoldSubject::Conversation(conversation) => ("conversation", conversation.as_str().as_bytes()),
    }
}

fn hold_of(row: &Row) -> Result<Hold, UnavailableError> {
    let subject = match row.get(3) {
        "user" => HoldSubject::User(rows::id(row, 4)?),
        _ => HoldSubject::Conversation(rows::id(row, 4)?),
    };
    let (at, by, why) = note_of(row)?;
    Ok(Hold { subject, by, why, at })
}

fn erasure_of(row: &Row) -> Result<Erasure, UnavailableError> {
    let (at, by, why) = note_of(row)?;
    let (user, until): (UserId, _) = (rows::id(row, 3)?, rows::position(row, 4)?);
    Ok(Erasure { user, by, why, at, until })
}

/// The time, the administrator and the reason.
fn note_of(row: &Row) -> Result<(Timestamp, String, String), UnavailableError> {
    let text = |column| rows::id::<std::sync::Arc<str>>(row, column).map(|text| text.to_string());
    Ok((rows::time(row, 0), text(1)?, text(2)?))
}

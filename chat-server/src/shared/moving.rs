//! Moving a history into empty tables: the same positions, hashes and epoch.

use std::collections::BTreeSet;
use std::sync::Arc;

use chat_core::id::{ConversationId, Epoch, TeamId, UserId};
use chat_core::protocol::Work;
use chat_core::store::{Account, Event, StoreBefore, UnavailableError, complete};

use super::connect::{Connected, Database};
use super::error::{DatabaseError, words};
use super::group::{Effects, LaneState, NewRecord};
use super::keeping;
use super::look_up::LookedUp;
use super::rows;
use super::schema;
use super::write::{Statements, add_records, write};
use crate::store::{Keeping, StoredBytes};

/// Records of one statement.
const BATCH: usize = 1_000;

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT 1 FROM chat.lane FOR UPDATE";

/// A history that is being moved in, in one transaction. Dropped before its end, it leaves the
/// tables as they were.
pub(crate) struct MoveIn {
    connected: Connected,
    statements: Statements,
    group: LaneState,
    /// All active control users, while an event from before teams needs them.
    control: Option<Arc<BTreeSet<UserId>>>,
    /// The records that are not written yet. The last ones are written with the end.
    waiting: Vec<NewRecord>,
    epoch: Option<Epoch>,
}

fn refused(error: &tokio_postgres::Error) -> DatabaseError {
    DatabaseError::Refused(words(error))
}

fn unusable(error: UnavailableError) -> DatabaseError {
    DatabaseError::Refused(error.reason)
}

impl MoveIn {
    /// Begins, and keeps all servers from writing. The tables must be as `database upgrade` made
    /// them.
    pub(crate) async fn begin(url: &str) -> Result<Self, DatabaseError> {
        let database = Database::parse(url)?;
        schema::check(&database).await?;
        let connected = database.tool().await?;
        let client = &connected.client;
        let statements = Statements::prepare(client).await.map_err(|error| refused(&error))?;
        client.batch_execute(BEGIN).await.map_err(|error| refused(&error))?;
        let records = client.query_one("SELECT max(position) FROM chat.record", &[]).await;
        let records = records.map_err(|error| refused(&error))?;
        if rows::number(&records, 0).map_err(unusable)? > 1 {
            return Err(DatabaseError::NotEmpty);
        }
        client
            .batch_execute("DELETE FROM chat.record WHERE position = 1")
            .await
            .map_err(|error| refused(&error))?;
        let group = LaneState::new(LookedUp::nothing());
        Ok(Self { connected, statements, group, control: None, waiting: Vec::new(), epoch: None })
    }

    /// Adds records, in order.
    pub(crate) async fn add(&mut self, records: Vec<StoredBytes>) -> Result<(), DatabaseError> {
        if self.waiting.len() >= BATCH {
            let waiting = std::mem::take(&mut self.waiting);
            let added = add_records(&self.connected.client, &self.statements, &waiting).await;
            added.map_err(|error| refused(&error))?;
        }
        for StoredBytes { record, payload, content } in records {
            let mut event = record.event;
            let mut before = MovedBefore { group: &self.group, control: &mut self.control };
            complete(&mut event, &mut before).map_err(unusable)?;
            match &event {
                Event::EpochBegun { epoch } => self.epoch = Some(epoch.clone()),
                Event::AccountPut { .. } => self.control = None,
                _ => {}
            }
            self.group.note(&event, record.position);
            let content = match event.sent_at() {
                None => None,
                Some(_) if event.is_erased() => Some(Vec::new()),
                Some(_) => Some(content),
            };
            let (position, previous, hash) = (record.position, record.previous, record.hash);
            self.waiting.push(NewRecord { position, previous, hash, payload, content, event });
        }
        Ok(())
    }

    /// Writes the holds and the tables that follow from the records, and commits.
    pub(crate) async fn finish(self, keeping: &Keeping) -> Result<(), DatabaseError> {
        let client = &self.connected.client;
        keeping::write(client, keeping).await.map_err(|error| refused(&error))?;
        let epoch = self.epoch.ok_or_else(|| DatabaseError::Refused("the history is empty".to_owned()))?;
        let set = client.execute("UPDATE chat.meta SET epoch = $1", &[&epoch.as_str().as_bytes()]).await;
        set.map_err(|error| refused(&error))?;
        let effects = Effects { records: self.waiting, ..self.group.effects() };
        write(client, &self.statements, effects, None).await.map_err(unusable)?;
        // The planner knows nothing of the rows yet.
        client
            .batch_execute("ANALYZE chat.record, chat.conversation, chat.activity")
            .await
            .map_err(|error| refused(&error))
    }
}

/// The history before an event.
struct MovedBefore<'a> {
    group: &'a LaneState,
    control: &'a mut Option<Arc<BTreeSet<UserId>>>,
}

impl StoreBefore for MovedBefore<'_> {
    fn account(&mut self, user: &UserId) -> Result<Option<Arc<Account>>, UnavailableError> {
        let known = self.group.accounts().get(user);
        Ok(known.map(|known| Arc::new(known.account.clone())))
    }

    fn teams(&mut self, conversation: &ConversationId) -> Result<Vec<TeamId>, UnavailableError> {
        Ok(self.group.teams(conversation))
    }

    fn work(&mut self, conversation: &ConversationId) -> Result<Option<Work>, UnavailableError> {
        Ok(self.group.work(conversation))
    }

    fn active_control(&mut self) -> Result<Arc<BTreeSet<UserId>>, UnavailableError> {
        let accounts = self.group.accounts();
        let control = self.control.get_or_insert_with(|| {
            let active = accounts.values().filter(|known| known.account.is_active_control());
            Arc::new(active.map(|known| known.account.user.id.clone()).collect())
        });
        Ok(control.clone())
    }
}

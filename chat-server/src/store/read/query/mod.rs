//! The query engine.

mod lists;
mod messages;

use std::sync::Arc;

use chat_core::conversation::Conversation;
use chat_core::id::{ClientMessageId, ConversationId, Epoch, UserId};
use chat_core::store::{Account, Directory, Facts, Loaded, Original, Position, Query, UnavailableError};

use crate::store::index::apply::participants;
use crate::store::index::messages::newest_message;
use crate::store::index::view::{View, after as after_prefix};
use crate::store::keys;
use crate::store::read::index_slot::IndexSlot;
use crate::store::values::{self, ConversationValue, MessageValue};
use crate::store::write::journal::Reader;
use crate::store::write::judge;
use crate::store::write::memtable::MemTable;
use lists::ListRange;

/// Answers queries, from many threads.
pub(in crate::store) struct QueryEngine {
    slot: Arc<IndexSlot>,
    memtable: Arc<MemTable>,
    reader: Arc<Reader>,
}

/// The store as it was at one position.
struct Snapshot<'a> {
    view: View,
    reader: &'a Reader,
}

impl QueryEngine {
    /// An engine over these.
    pub(in crate::store) fn new(slot: Arc<IndexSlot>, memtable: Arc<MemTable>, reader: Arc<Reader>) -> Self {
        Self { slot, memtable, reader }
    }

    /// Answers a query.
    pub(in crate::store) fn answer(&self, query: Query) -> Result<Loaded, UnavailableError> {
        if let Query::ActiveConversations { since, after, limit } = query {
            return self.active_conversations(since, after, limit);
        }
        let (position, facts) = self.with_snapshot(|snapshot| snapshot.facts(query))?;
        Ok(Loaded { position, facts })
    }

    /// Accounts with a greater id than `after`, by id.
    pub(in crate::store) fn accounts(
        &self,
        after: Option<&UserId>,
        most: usize,
    ) -> Result<Vec<Account>, UnavailableError> {
        let (_, accounts) = self.with_snapshot(|snapshot| {
            let start =
                after.map_or(keys::ACCOUNTS.to_vec(), |after| [&keys::account(after)[..], &[0]].concat());
            let entries = snapshot.view.range(&start, &after_prefix(keys::ACCOUNTS))?;
            let accounts = entries.take(most).map(|entry| {
                let (key, value) = entry?;
                let id = keys::text(&key[keys::ACCOUNTS.len()..]);
                snapshot.view.decoded(id.and_then(|id| values::decode_account(&id, &value)))
            });
            accounts.collect()
        })?;
        Ok(accounts)
    }

    /// Runs `look` on an unchanging store: the index is kept as it is, and the memtable's snapshot
    /// is taken after it. Commits go on if the memtable has room.
    fn with_snapshot<T>(
        &self,
        look: impl FnOnce(&Snapshot<'_>) -> Result<T, UnavailableError>,
    ) -> Result<(Position, T), UnavailableError> {
        let _still = self.slot.read_gate();
        let index = self.slot.get()?;
        let memtable = self.memtable.snapshot();
        let position = memtable.position();
        let snapshot = Snapshot { view: View::new(Ok(index), memtable), reader: &self.reader };
        Ok((position, look(&snapshot)?))
    }
}

impl Snapshot<'_> {
    fn facts(&self, query: Query) -> Result<Facts, UnavailableError> {
        Ok(match query {
            Query::Directory => Facts::Directory(self.directory()?),
            Query::Account(user) => Facts::Account(self.account(&user)?),
            Query::Conversation(id) => Facts::Conversation(self.conversation(&id)?),
            Query::Conversations { user, since, after, skip, limit, participants } => {
                let range = ListRange { since, after };
                Facts::Conversations(self.conversations(&user, &range, skip, limit, participants)?)
            }
            Query::ConversationRow { user, conversation } => {
                Facts::ConversationRow(self.conversation_row(&user, conversation)?)
            }
            Query::Messages { conversation, window, limit, bytes } => {
                Facts::Messages(self.messages(&conversation, window, limit, bytes)?)
            }
            Query::Message { conversation, id } => {
                let Some(seq) = id.seq() else { return Ok(Facts::Message(None)) };
                let message = self.message(&conversation, seq)?;
                Facts::Message(message.filter(|message| message.id(seq) == id).map(|_| seq))
            }
            Query::Original { user, client_message_id } => {
                Facts::Original(self.original(&user, &client_message_id)?)
            }
            Query::Memberships { user, after, limit } => {
                Facts::Memberships(self.memberships(&user, after.as_ref(), limit)?)
            }
            Query::ActiveConversations { .. } => unreachable!("answered in steps, by active_conversations"),
        })
    }

    fn directory(&self) -> Result<Directory, UnavailableError> {
        let epoch = self.view.get_as(keys::EPOCH, keys::text::<Epoch>)?;
        let epoch = self.view.decoded(epoch)?;
        Ok(Directory { epoch, control: self.marked(keys::CONTROL)?, due: self.marked(keys::DUE)? })
    }

    /// The accounts of the users marked under this prefix, by id.
    fn marked(&self, prefix: &[u8]) -> Result<Vec<Account>, UnavailableError> {
        let marks = self.view.prefix(prefix)?;
        let accounts = marks.map(|mark| {
            let user: UserId = self.view.decoded(keys::text(&mark?.0[prefix.len()..]))?;
            let account = self.account(&user)?;
            self.view.decoded(account)
        });
        accounts.collect()
    }

    fn account(&self, user: &UserId) -> Result<Option<Account>, UnavailableError> {
        self.view.get_as(&keys::account(user), |bytes| values::decode_account(user, bytes))
    }

    fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, UnavailableError> {
        let value = self.view.get_as(&keys::conversation(id), values::decode_json::<ConversationValue>)?;
        let Some(value) = value else { return Ok(None) };
        let newest = newest_message(&self.view, id)?;
        self.assemble(id.clone(), value, &self.view.decoded(newest)?).map(Some)
    }

    fn assemble(
        &self,
        id: ConversationId,
        value: ConversationValue,
        (last_seq, newest): &(u64, MessageValue),
    ) -> Result<Conversation, UnavailableError> {
        let participants = participants(&self.view, &id)?.into_iter().collect();
        Ok(Conversation {
            id,
            title: value.title,
            room_type: value.room_type,
            created_by: value.created_by,
            created_at: value.created_at,
            participants,
            version: value.version,
            last_seq: *last_seq,
            last_message_at: newest.sent_at,
        })
    }

    fn original(&self, user: &UserId, id: &ClientMessageId) -> Result<Option<Original>, UnavailableError> {
        let location = self.view.client_id(user, id)?;
        let record = location.map(|location| self.reader.read(location).map_err(UnavailableError::new));
        record.map(|record| judge::original(record?)).transpose()
    }
}

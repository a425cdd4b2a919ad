//! The query engine.

mod lists;
mod messages;
mod open_orders;
mod owner_list;
mod readings;
#[cfg(test)]
mod tests;
mod work_lists;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use chat_core::conversation::Conversation;
use chat_core::id::{ClientMessageId, ConversationId, Epoch, UserId};
use chat_core::store::{
    Account, AccountSelection, Directory, Facts, Loaded, MessagePage, Original, Position, Query,
    StoredAccount, UnavailableError,
};

use crate::store::index::apply::{account, participation, staff};
use crate::store::index::heads::{WorkValue, read_work, text_up_to, work_of_row};
use crate::store::index::messages::newest_message;
use crate::store::index::view::{View, after as after_prefix};
use crate::store::keys;
use crate::store::read::index_slot::IndexSlot;
use crate::store::values::{self, ConversationValue, MessageValue};
use crate::store::write::journal::Reader;
use crate::store::write::judge;
use crate::store::write::memtable::{MemTable, MemTableSnapshot};
use lists::ListRange;

/// Answers queries, from many threads.
pub(in crate::store) struct QueryEngine {
    slot: Arc<IndexSlot>,
    memtable: Arc<MemTable>,
    reader: Arc<Reader>,
    /// Held while the list of a team is filled.
    filling: Mutex<()>,
}

/// The store as it was at one position.
struct Snapshot<'a> {
    view: View,
    reader: &'a Reader,
}

impl QueryEngine {
    /// An engine over these.
    pub(in crate::store) fn new(slot: Arc<IndexSlot>, memtable: Arc<MemTable>, reader: Arc<Reader>) -> Self {
        Self { slot, memtable, reader, filling: Mutex::default() }
    }

    /// Answers a query.
    pub(in crate::store) fn answer(&self, query: Query) -> Result<Loaded, UnavailableError> {
        let (position, facts) = match query {
            Query::Conversations { user, since, below, skip, limit, members } => {
                self.conversations(&user, &ListRange { since, below, skip, limit, members })?
            }
            query => self.with_snapshot(|snapshot| snapshot.facts(query))?,
        };
        Ok(Loaded { position, facts })
    }

    /// Accounts with a greater id than `after`, by id.
    pub(in crate::store) fn accounts(
        &self,
        after: Option<&UserId>,
        most: usize,
    ) -> Result<Vec<Account>, UnavailableError> {
        let (_, accounts) = self.with_snapshot(|snapshot| snapshot.accounts_after(after, most))?;
        Ok(accounts.into_iter().map(|stored| stored.account).collect())
    }

    /// Runs `look` on an unchanging store.
    fn with_snapshot<T>(
        &self,
        look: impl FnOnce(&Snapshot<'_>) -> Result<T, UnavailableError>,
    ) -> Result<(Position, T), UnavailableError> {
        self.with_recent(|memtable| (memtable.snapshot(), ()), |snapshot, ()| look(snapshot))
    }

    /// Runs `look` on an unchanging store: the index is kept as it is, and the memtable's snapshot
    /// is taken after it. Commits go on if the memtable has room.
    ///
    /// `take` takes the snapshot, and what else belongs to the same moment.
    fn with_recent<R, T>(
        &self,
        take: impl FnOnce(&MemTable) -> (MemTableSnapshot, R),
        look: impl FnOnce(&Snapshot<'_>, R) -> Result<T, UnavailableError>,
    ) -> Result<(Position, T), UnavailableError> {
        let _still = self.slot.read_gate();
        let index = self.slot.get()?;
        let (memtable, recent) = take(&self.memtable);
        let position = memtable.position();
        let snapshot = Snapshot { view: View::new(Ok(index), memtable), reader: &self.reader };
        Ok((position, look(&snapshot, recent)?))
    }
}

impl Snapshot<'_> {
    fn facts(&self, query: Query) -> Result<Facts, UnavailableError> {
        Ok(match query {
            Query::Directory => Facts::Directory(self.directory()?),
            Query::Account(user) => Facts::Account(self.account(&user)?),
            Query::Accounts(selection) => Facts::Accounts(self.accounts(selection)?),
            Query::Work(query) => Facts::Work(Box::new(self.work_page(&query)?)),
            Query::Conversation(id) => Facts::Conversation(self.conversation(&id)?),
            Query::ConversationRow { user, conversation } => {
                Facts::ConversationRow(self.conversation_row(&user, &conversation)?)
            }
            Query::Messages { conversation, window, limit, bytes, with_positions } => {
                let page = self.messages(&conversation, window, limit, bytes)?;
                let positions = if with_positions { self.positions_of(&conversation)? } else { Vec::new() };
                Facts::Messages(MessagePage { positions, ..page })
            }
            Query::Message { conversation, id } => {
                let Some(seq) = id.seq() else { return Ok(Facts::Message(None)) };
                let message = self.message(&conversation, seq)?;
                Facts::Message(message.filter(|message| message.id(seq) == id).map(|_| seq))
            }
            Query::Emergencies(limit) => Facts::Emergencies(self.emergencies(limit as usize)?),
            Query::OpenOrders(query) => Facts::OpenOrders(self.open_orders(&query)?),
            Query::Original { user, client_message_id } => {
                Facts::Original(self.original(&user, &client_message_id)?)
            }
            Query::Conversations { .. } => unreachable!("answered by conversations, with recent lists"),
        })
    }

    fn directory(&self) -> Result<Directory, UnavailableError> {
        let epoch = self.view.get_as(keys::EPOCH, keys::text::<Epoch>)?;
        Ok(Directory { epoch: self.view.decoded(epoch)?, staff: staff(&self.view)?, shared: false })
    }

    fn account(&self, user: &UserId) -> Result<Option<StoredAccount>, UnavailableError> {
        account(&self.view, user)
    }

    fn accounts(&self, selection: AccountSelection) -> Result<Vec<StoredAccount>, UnavailableError> {
        match selection {
            AccountSelection::These(users) => {
                let users: BTreeSet<_> = users.into_iter().collect();
                users.iter().filter_map(|user| self.account(user).transpose()).collect()
            }
            AccountSelection::After { user, limit } => self.accounts_after(user.as_ref(), limit as usize),
        }
    }

    /// The first accounts with a greater id.
    fn accounts_after(
        &self,
        after: Option<&UserId>,
        most: usize,
    ) -> Result<Vec<StoredAccount>, UnavailableError> {
        let start = after.map_or(keys::ACCOUNTS.to_vec(), |after| [&keys::account(after)[..], &[0]].concat());
        let entries = self.view.range(&start, &after_prefix(keys::ACCOUNTS))?;
        let accounts = entries.take(most).map(|entry| self.view.decoded(values::decode_json(&entry?.1)));
        accounts.collect()
    }

    fn conversation(&self, id: &ConversationId) -> Result<Option<Conversation>, UnavailableError> {
        Ok(self.with_newest(id)?.map(|(conversation, _)| conversation))
    }

    /// A conversation with its newest message of a user.
    fn with_newest(
        &self,
        id: &ConversationId,
    ) -> Result<Option<(Conversation, MessageValue)>, UnavailableError> {
        let value = self.view.get_as(&keys::conversation(id), values::decode_json::<ConversationValue>)?;
        let Some(value) = value else { return Ok(None) };
        let newest = newest_message(&self.view, id)?;
        let (last_seq, newest) = self.view.decoded(newest)?;
        let last_at = newest.sent_at;
        let (last_text_seq, text) = text_up_to(&self.view, id, last_seq, newest)?;
        let WorkValue { work, emergency, open_orders, .. } =
            work_of_row(read_work(&self.view, id)?, value.created_at);
        let conversation = Conversation {
            id: id.clone(),
            title: value.title,
            room_type: value.room_type,
            created_by: value.created_by,
            created_at: value.created_at,
            participation: participation(&self.view, id, value.teams)?,
            version: value.version,
            last_seq,
            last_at,
            last_text_seq,
            last_message_at: text.sent_at,
            work,
            emergency,
            open_orders,
            has_notes: self.view.get(&keys::conversation(&id.notes()))?.is_some(),
        };
        Ok(Some((conversation, text)))
    }

    /// The first conversations with an emergency that is not over, by id. There are few.
    fn emergencies(&self, most: usize) -> Result<Vec<Conversation>, UnavailableError> {
        let rows = self.view.prefix(keys::EMERGENCIES)?;
        let ids = rows.map(|row| self.view.decoded(keys::emergency_conversation(&row?.0)));
        let mut ids = ids.collect::<Result<Vec<_>, _>>()?;
        ids.sort_unstable();
        ids.truncate(most);
        ids.iter().filter_map(|id| self.conversation(id).transpose()).collect()
    }

    fn original(&self, user: &UserId, id: &ClientMessageId) -> Result<Option<Original>, UnavailableError> {
        let location = self.view.client_id(user, id)?;
        let record = location.map(|location| self.reader.read(location).map_err(UnavailableError::new));
        record.map(|record| judge::original(record?)).transpose()
    }
}

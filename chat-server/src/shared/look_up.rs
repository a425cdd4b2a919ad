//! The state of the database that the rules need for a group, looked up under the lock of the lane.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use chat_core::conversation::Conversation;
use chat_core::id::{ClientMessageId, ConversationId, UserId};
use chat_core::protocol::{CONTROL, Order};
use chat_core::store::{Change, Hash, Original, Position, StoredAccount, UnavailableError};
use chat_core::time::Timestamp;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row};

use super::error::unavailable;
use super::history::{History, HistoryMark};
use super::rows;
use super::write::{Statements, signed};

/// A conversation with the position of its newest message of a user.
pub(super) struct Known {
    pub(super) conversation: Conversation,
    pub(super) position: Position,
}

/// The entries that were looked up. A missing one does not exist.
pub(super) struct LookedUp {
    /// The last position, and its hash.
    pub(super) end: (Position, Hash),
    /// The database's time.
    pub(super) clock: Timestamp,
    pub(super) heads: HashMap<ConversationId, Known>,
    pub(super) originals: HashMap<(UserId, ClientMessageId), Original>,
    pub(super) readings: HashMap<(ConversationId, UserId), u64>,
    pub(super) accounts: HashMap<UserId, Arc<StoredAccount>>,
    pub(super) orders: HashMap<(ConversationId, u64), Order>,
}

/// The keys that the rules look up for a group.
#[derive(Default)]
struct Keys<'a> {
    conversations: BTreeSet<&'a [u8]>,
    originals: BTreeSet<(&'a [u8], &'a [u8])>,
    readings: BTreeSet<(&'a [u8], &'a [u8])>,
    accounts: BTreeSet<&'a [u8]>,
    /// The creators of emergencies.
    raised_by: BTreeSet<&'a [u8]>,
    /// The conversations whose members by name count.
    asked: BTreeSet<&'a [u8]>,
    orders: BTreeSet<(&'a [u8], i64)>,
}

impl<'a> Keys<'a> {
    fn of(changes: &'a [Change]) -> Self {
        let mut keys = Self::default();
        for change in changes {
            let supposed = change.supposes().into_iter();
            keys.conversations
                .extend(supposed.flat_map(|(id, _)| [id.as_str(), id.main()]).map(str::as_bytes));
            let original = change.key().map(|(user, id)| (user.as_str().as_bytes(), id.as_str().as_bytes()));
            keys.originals.extend(original);
            keys.accounts.extend(change.supposes_account().map(|(user, _)| user.as_str().as_bytes()));
            match change {
                Change::MarkRead(read) => {
                    let conversation = read.permit.conversation().as_str().as_bytes();
                    let readers = [read.permit.user().as_str(), CONTROL];
                    keys.readings.extend(readers.map(|reader| (conversation, reader.as_bytes())));
                }
                Change::Enrol(membership) | Change::Withdraw(membership) => {
                    keys.accounts.insert(membership.user.as_str().as_bytes());
                }
                Change::AppendEntry(append) => {
                    keys.accounts.extend(append.entry.names().map(|user| user.as_str().as_bytes()));
                    let id = append.permit.conversation().as_str().as_bytes();
                    keys.orders.extend(append.entry.order().map(|seq| (id, signed(seq))));
                }
                Change::Escalate(escalate) => {
                    keys.conversations.insert(escalate.conversation.as_str().as_bytes());
                }
                Change::ExpireOrder(expire) => {
                    let id = expire.conversation.as_str().as_bytes();
                    keys.conversations.insert(id);
                    keys.asked.insert(id);
                    keys.orders.insert((id, signed(expire.seq)));
                }
                Change::AppendMessage(append) if append.order.is_some() => {
                    keys.asked.insert(append.permit.conversation().as_str().as_bytes());
                }
                Change::CreateConversation(create) if create.is_emergency() => {
                    keys.raised_by.insert(create.permit.creator().as_str().as_bytes());
                }
                Change::PutAccount(_) | Change::CreateConversation(_) | Change::AppendMessage(_) => {}
            }
        }
        keys
    }
}

/// The rows that were found, of each table.
struct FoundRows {
    end: Row,
    heads: Vec<Row>,
    accounts: Vec<Row>,
    originals: Vec<Row>,
    readings: Vec<Row>,
    orders: Vec<Row>,
}

const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SELECT 1 FROM chat.lane FOR UPDATE";

impl FoundRows {
    /// Locks the lane and finds the rows. One round trip: the statements are sent in this order.
    /// Each sees all that was committed before the lane was locked.
    async fn find(
        client: &Client,
        statements: &Statements,
        keys: Keys<'_>,
        mark: HistoryMark,
    ) -> Result<Self, Error> {
        let (conversations, accounts): (Vec<_>, Vec<_>) =
            (keys.conversations.into_iter().collect(), keys.accounts.into_iter().collect());
        let raised_by: Vec<_> = keys.raised_by.into_iter().collect();
        let (authors, ids): (Vec<_>, Vec<_>) = keys.originals.into_iter().unzip();
        let asked: Vec<_> = keys.asked.into_iter().collect();
        let (ordered, numbers): (Vec<_>, Vec<_>) = keys.orders.into_iter().unzip();
        let (read, readers): (Vec<_>, Vec<_>) = keys.readings.into_iter().unzip();
        let marked = mark.position();
        let by: [&[&(dyn ToSql + Sync)]; 6] = [
            &[&marked],
            &[&conversations, &raised_by],
            &[&accounts, &conversations, &asked],
            &[&authors, &ids],
            &[&read, &readers],
            &[&ordered, &numbers],
        ];
        let ((), end, heads, accounts, originals, readings, orders) = tokio::try_join!(
            biased;
            client.batch_execute(BEGIN),
            client.query_one(&statements.end, by[0]),
            client.query(&statements.heads, by[1]),
            client.query(&statements.accounts, by[2]),
            client.query(&statements.originals, by[3]),
            client.query(&statements.readings, by[4]),
            client.query(&statements.orders, by[5]),
        )?;
        Ok(Self { end, heads, accounts, originals, readings, orders })
    }
}

impl LookedUp {
    /// The state before all changes.
    pub(super) fn nothing() -> Self {
        Self {
            end: (Position::default(), Hash::default()),
            clock: Timestamp::from_millis(0),
            heads: HashMap::new(),
            originals: HashMap::new(),
            readings: HashMap::new(),
            accounts: HashMap::new(),
            orders: HashMap::new(),
        }
    }

    /// Locks the lane, and looks up what the rules need for these changes.
    pub(super) async fn begin(
        client: &Client,
        statements: &Statements,
        changes: &[Change],
        history: &History,
    ) -> Result<Self, UnavailableError> {
        let mark = history.marked();
        let found = FoundRows::find(client, statements, Keys::of(changes), mark).await;
        let FoundRows { end, heads, accounts, originals, readings, orders } =
            found.map_err(|error| unavailable(&error))?;
        history.must_be_same(mark, &end, (3, 4))?;
        let heads = heads.iter().map(|row| {
            let (conversation, position) = rows::conversation(row)?;
            Ok((conversation.id.clone(), Known { conversation, position }))
        });
        let accounts = accounts.iter().map(|row| {
            let stored = rows::account(row)?;
            Ok((stored.user().id.clone(), Arc::new(stored)))
        });
        Ok(Self {
            end: (rows::position(&end, 0)?, rows::hash(&end, 1)?),
            clock: Timestamp::from_millis(end.get(2)),
            heads: heads.collect::<Result<_, UnavailableError>>()?,
            accounts: accounts.collect::<Result<_, UnavailableError>>()?,
            originals: originals.iter().map(rows::keyed_original).collect::<Result<_, _>>()?,
            readings: readings.iter().map(rows::reading).collect::<Result<_, _>>()?,
            orders: orders.iter().map(rows::order).collect::<Result<_, _>>()?,
        })
    }
}

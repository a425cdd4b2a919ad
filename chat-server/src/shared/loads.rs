//! Answers to queries. Each is read from one snapshot, with the position of that snapshot.

use std::sync::Arc;

use chat_core::id::{ConversationId, UserId};
use chat_core::protocol::Message;
use chat_core::store::{
    Account, AccountSelection, Directory, Facts, Loaded, MessagePage, Position, Query, StoredAccount,
    UnavailableError, Window,
};
use deadpool_postgres::{Client, Pool, Transaction};
use tokio_postgres::types::ToSql;
use tokio_postgres::{IsolationLevel, Row};

use super::error::unavailable;
use super::history::{History, MOMENT};
use super::list::{self, ListQuery};
use super::open_orders;
use super::readings::Readings;
use super::rows::{self, ACCOUNT, CONVERSATION, MESSAGE};
use super::work_list;
use super::write::signed;

/// Answers a query.
pub(super) async fn load(pool: &Pool, history: &History, query: Query) -> Result<Loaded, UnavailableError> {
    let mut client = pool.get().await.map_err(UnavailableError::new)?;
    let (snapshot, position) = DatabaseSnapshot::take(&mut client, history).await?;
    let facts = snapshot.facts(query).await?;
    snapshot.0.commit().await.map_err(|error| unavailable(&error))?;
    Ok(Loaded { position, facts })
}

/// A page of the directory.
pub(super) async fn accounts(
    pool: &Pool,
    history: &History,
    after: Option<UserId>,
    most: usize,
) -> Result<Vec<Account>, UnavailableError> {
    let mut client = pool.get().await.map_err(UnavailableError::new)?;
    let (snapshot, _) = DatabaseSnapshot::take(&mut client, history).await?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let found = snapshot.accounts_after(after.as_ref(), most).await?;
    Ok(found.into_iter().map(|stored| stored.account).collect())
}

/// A moment of the database.
pub(super) struct DatabaseSnapshot<'a>(Transaction<'a>);

impl<'a> DatabaseSnapshot<'a> {
    /// The present moment, with its position.
    async fn take(client: &'a mut Client, history: &History) -> Result<(Self, Position), UnavailableError> {
        let mark = history.marked();
        let begun =
            client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true);
        let snapshot = Self(begun.start().await.map_err(|error| unavailable(&error))?);
        let moment = snapshot.one(MOMENT, &[&mark.position()]).await?;
        let moment = moment.ok_or_else(|| UnavailableError::new("the database has no epoch"))?;
        history.must_be_same(mark, &moment, (1, 2))?;
        Ok((snapshot, rows::position(&moment, 0)?))
    }
}

impl DatabaseSnapshot<'_> {
    /// The rows of a statement, prepared once for each connection.
    pub(super) async fn query(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Vec<Row>, UnavailableError> {
        let statement = self.0.prepare_cached(statement).await.map_err(|error| unavailable(&error))?;
        self.0.query(&statement, parameters).await.map_err(|error| unavailable(&error))
    }

    /// The first row of a statement.
    pub(super) async fn one(
        &self,
        statement: &str,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<Option<Row>, UnavailableError> {
        Ok(self.query(statement, parameters).await?.into_iter().next())
    }

    async fn facts(&self, query: Query) -> Result<Facts, UnavailableError> {
        Ok(match query {
            Query::Directory => Facts::Directory(self.directory().await?),
            Query::Account(user) => Facts::Account(self.account(&user).await?),
            Query::Accounts(AccountSelection::These(users)) => {
                let users: Vec<_> = users.iter().map(|user| key(user.as_str())).collect();
                Facts::Accounts(self.accounts(&users).await?)
            }
            Query::Accounts(AccountSelection::After { user, limit }) => {
                Facts::Accounts(self.accounts_after(user.as_ref(), i64::from(limit)).await?)
            }
            Query::Work(query) => Facts::Work(Box::new(work_list::page(self, &query).await?)),
            Query::Conversation(id) => {
                let known = self.conversation(&id).await?;
                Facts::Conversation(known.map(|(conversation, _)| conversation))
            }
            Query::Conversations { user, since, below, skip, limit, members } => {
                let query = ListQuery { since, below, skip, limit, members };
                Facts::Conversations(list::page(self, &user, query).await?)
            }
            Query::ConversationRow { user, conversation } => {
                Facts::ConversationRow(list::row(self, &user, &conversation).await?)
            }
            Query::Messages { conversation, window, limit, bytes, with_positions } => {
                let page = self.messages(&conversation, window, limit, bytes, with_positions);
                Facts::Messages(page.await?)
            }
            Query::Message { conversation, id } => {
                let seq = id.seq().unwrap_or_default();
                let row = self.one(&by_number(), &[&key(conversation.as_str()), &signed(seq)]).await?;
                let message = row.map(|row| rows::message(&row)).transpose()?;
                Facts::Message(message.filter(|message| message.id == id).map(|_| seq))
            }
            Query::Emergencies(limit) => {
                let found = self.query(&emergencies(), &[&i64::from(limit)]).await?;
                let found = found.iter().map(|row| rows::conversation(row).map(|(found, _)| found));
                Facts::Emergencies(found.collect::<Result<_, _>>()?)
            }
            Query::OpenOrders(query) => Facts::OpenOrders(open_orders::page(self, &query).await?),
            Query::Original { user, client_message_id } => {
                let keys: [&(dyn ToSql + Sync); 2] = [&key(user.as_str()), &key(client_message_id.as_str())];
                let row = self.one(ORIGINAL, &keys).await?;
                Facts::Original(row.map(|row| rows::original(&row, 0, 1)).transpose()?)
            }
        })
    }

    async fn directory(&self) -> Result<Directory, UnavailableError> {
        let meta = self.one("SELECT epoch FROM chat.meta", &[]).await?;
        let meta = meta.ok_or_else(|| UnavailableError::new("the database has no epoch"))?;
        let staff = format!("SELECT {ACCOUNT} FROM chat.account a WHERE a.staff ORDER BY a.id");
        let staff = self.query(&staff, &[]).await?;
        let epoch = rows::id::<Arc<str>>(&meta, 0)?;
        Ok(Directory {
            epoch: epoch.into(),
            shared: true,
            staff: staff.iter().map(rows::account).collect::<Result<_, _>>()?,
        })
    }

    /// The account of a user.
    pub(super) async fn account(&self, user: &UserId) -> Result<Option<StoredAccount>, UnavailableError> {
        let statement = format!("SELECT {ACCOUNT} FROM chat.account a WHERE a.id = $1");
        let row = self.one(&statement, &[&key(user.as_str())]).await?;
        row.map(|row| rows::account(&row)).transpose()
    }

    /// The accounts of these users, by id.
    pub(super) async fn accounts(&self, users: &[&[u8]]) -> Result<Vec<StoredAccount>, UnavailableError> {
        let statement = format!("SELECT {ACCOUNT} FROM chat.account a WHERE a.id = ANY($1) ORDER BY a.id");
        self.query(&statement, &[&users]).await?.iter().map(rows::account).collect()
    }

    /// The first accounts with a greater id.
    async fn accounts_after(
        &self,
        after: Option<&UserId>,
        most: i64,
    ) -> Result<Vec<StoredAccount>, UnavailableError> {
        // No id is empty.
        let after = after.map_or("", UserId::as_str);
        let statement =
            format!("SELECT {ACCOUNT} FROM chat.account a WHERE a.id > $1 ORDER BY a.id LIMIT $2");
        self.query(&statement, &[&key(after), &most]).await?.iter().map(rows::account).collect()
    }

    /// A conversation, with the position of its newest message.
    pub(super) async fn conversation(
        &self,
        id: &ConversationId,
    ) -> Result<Option<(chat_core::conversation::Conversation, Position)>, UnavailableError> {
        let statement = format!("SELECT {CONVERSATION} FROM chat.conversation c WHERE c.id = $1");
        let row = self.one(&statement, &[&key(id.as_str())]).await?;
        row.map(|row| rows::conversation(&row)).transpose()
    }

    async fn messages(
        &self,
        conversation: &ConversationId,
        window: Window,
        limit: u32,
        bytes: usize,
        with_positions: bool,
    ) -> Result<MessagePage, UnavailableError> {
        let Some((known, _)) = self.conversation(conversation).await? else {
            return Ok(MessagePage::default());
        };
        let last_seq = known.last_seq;
        let (statement, bound) = match window {
            Window::After(seq) => (after(), seq),
            Window::Before(seq) => (up_to(), seq.saturating_sub(1)),
            Window::Newest { skip } => (up_to(), last_seq.saturating_sub(skip)),
        };
        // One more tells whether more exist.
        let most = i64::from(limit) + 1;
        let found = self.query(&statement, &[&key(conversation.as_str()), &signed(bound), &most]).await?;
        let mut messages = found.iter().map(rows::message).collect::<Result<Vec<_>, _>>()?;
        let fitting = how_many_fit(messages.iter().map(Message::text_length), limit, bytes);
        let more = fitting < messages.len();
        messages.truncate(fitting);
        if !matches!(window, Window::After(_)) {
            messages.reverse();
        }
        let read = Some((conversation, &known.participation)).filter(|_| with_positions);
        let readings = Readings::of(self, None, read.into_iter()).await?;
        let positions = readings.positions(conversation, &known.participation);
        let (work, emergency) = (Some(known.work), known.emergency);
        Ok(MessagePage { messages, last_seq, positions, work, emergency, more })
    }
}

const ORIGINAL: &str =
    "SELECT payload, content FROM chat.record WHERE author = $1 AND client_message_id = $2";

/// The statement for one message.
fn by_number() -> String {
    format!("SELECT {MESSAGE} FROM chat.record r WHERE r.conversation = $1 AND r.seq = $2")
}

/// The statement for the first messages after a number.
fn after() -> String {
    let of = "WHERE r.conversation = $1 AND r.seq > $2 ORDER BY r.seq LIMIT $3";
    format!("SELECT {MESSAGE} FROM chat.record r {of}")
}

/// The statement for the last messages up to a number, newest first.
fn up_to() -> String {
    let of = "WHERE r.conversation = $1 AND r.seq <= $2 ORDER BY r.seq DESC LIMIT $3";
    format!("SELECT {MESSAGE} FROM chat.record r {of}")
}

/// The statement for the conversations with an emergency that is not over.
fn emergencies() -> String {
    format!(
        "SELECT {CONVERSATION} FROM chat.conversation c WHERE c.raised_by IS NOT NULL ORDER BY c.id LIMIT $1"
    )
}

/// A text as the database has it.
pub(super) fn key(text: &str) -> &[u8] {
    text.as_bytes()
}

/// The number of messages that fit a page, at least the first.
fn how_many_fit(lengths: impl Iterator<Item = usize>, limit: u32, bytes: usize) -> usize {
    let mut sum = 0_usize;
    let fitting = lengths.take(limit as usize).enumerate().take_while(|(index, length)| {
        sum = sum.saturating_add(*length);
        *index == 0 || sum <= bytes
    });
    fitting.count()
}

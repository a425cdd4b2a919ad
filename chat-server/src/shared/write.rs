//! The statements of the lane, and the effects of a group.

use std::collections::BTreeMap;
use std::sync::Arc;

use chat_core::id::{ConversationId, UserId};
use chat_core::protocol::Order;
use chat_core::store::{CommitId, Position, StoredAccount, UnavailableError};
use futures::future::{BoxFuture, FutureExt as _, try_join_all};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Statement};

use super::columns::{HeadColumns, MessageColumns, Touches};
use super::error::unavailable;
use super::group::{Effects, NewRecord, Touched};
use super::look_up::Known;
use super::readings::READINGS;
use super::rows::{ACCOUNT, CONVERSATION, participation_json};

/// Positions in one block of `chat.activity`, as a power of two.
const BLOCK_BITS: u32 = 10;

/// The block of a position.
pub(super) fn block(position: Position) -> i64 {
    signed(position.0 >> BLOCK_BITS)
}

/// A number as the database has it. Numbers of this store fit; larger ones are bounds of a query.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The key of a user in `chat.activity`.
pub(super) fn of_user(user: &str) -> Vec<u8> {
    [b"u", user.as_bytes()].concat()
}

/// The key of a team in `chat.activity`.
pub(super) fn of_team(team: &str) -> Vec<u8> {
    [b"t", team.as_bytes()].concat()
}

/// The key of an assignee in `chat.activity`.
pub(super) fn of_assignee(user: &str) -> Vec<u8> {
    [b"a", user.as_bytes()].concat()
}

/// The prepared statements of the lane's connection.
pub(super) struct Statements {
    pub(super) end: Statement,
    pub(super) heads: Statement,
    pub(super) accounts: Statement,
    pub(super) originals: Statement,
    pub(super) readings: Statement,
    pub(super) orders: Statement,
    add_records: Statement,
    set_conversations: Statement,
    move_conversations: Statement,
    add_activity: Statement,
    remove_activity: Statement,
    move_activity: Statement,
    relist: Statement,
    set_readings: Statement,
    set_accounts: Statement,
    set_orders: Statement,
}

const END: &str = "SELECT r.position, r.hash, (extract(epoch FROM clock_timestamp()) * 1000)::bigint, \
    m.epoch, (SELECT hash FROM chat.record WHERE position = $1) \
    FROM chat.record r CROSS JOIN chat.meta m ORDER BY r.position DESC LIMIT 1";
const ORIGINALS: &str = "SELECT r.author, r.client_message_id, r.payload, r.content \
    FROM unnest($1::bytea[], $2::bytea[]) AS k (author, id) \
    JOIN chat.record r ON r.author = k.author AND r.client_message_id = k.id";
const ORDERS: &str = "SELECT o.conversation, o.state \
    FROM unnest($1::bytea[], $2::bigint[]) AS k (conversation, seq) \
    JOIN chat.order_state o ON o.conversation = k.conversation AND o.seq = k.seq";
const ADD_RECORDS: &str = "INSERT INTO chat.record (life, commit, position, previous, hash, payload, content, \
    conversation, seq, is_entry, sent_at, author, client_message_id) \
    SELECT $12, $13, * FROM unnest($1::bigint[], $2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], \
    $6::bytea[], $7::bigint[], $8::boolean[], $9::bigint[], $10::bytea[], $11::bytea[])";
const SET_CONVERSATIONS: &str = "INSERT INTO chat.conversation (id, title, room_type, created_by, \
    created_at, participation, version, last_seq, last_at, last_text_seq, last_text_at, position, work, \
    assignee, emergency, raised_by, open_orders) \
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::text[], $4::bytea[], $5::bigint[], $6::bytea[], \
    $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bytea[], \
    $14::bytea[], $15::bytea[], $16::bytea[], $17::bytea[]) \
    ON CONFLICT (id) DO UPDATE SET participation = excluded.participation, version = excluded.version, \
    last_seq = excluded.last_seq, last_at = excluded.last_at, last_text_seq = excluded.last_text_seq, \
    last_text_at = excluded.last_text_at, position = excluded.position, work = excluded.work, \
    assignee = excluded.assignee, emergency = excluded.emergency, raised_by = excluded.raised_by, \
    open_orders = excluded.open_orders";
const MOVE_CONVERSATIONS: &str = "UPDATE chat.conversation c \
    SET last_seq = k.last_seq, last_at = k.last_at, last_text_seq = k.text_seq, last_text_at = k.at, \
    position = k.position, work = k.work, assignee = k.assignee, emergency = k.emergency, \
    raised_by = k.raised_by, open_orders = k.open_orders \
    FROM unnest($1::bytea[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], \
    $8::bytea[], $9::bytea[], $10::bytea[], $11::bytea[]) \
    AS k (id, last_seq, last_at, text_seq, at, position, work, assignee, emergency, raised_by, open_orders) \
    WHERE c.id = k.id";
const ADD_ACTIVITY: &str = "INSERT INTO chat.activity (conversation, owner, block, is_open, rank) \
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[], $4::boolean[], $5::bigint[]) \
    ON CONFLICT DO NOTHING";
const REMOVE_ACTIVITY: &str = "DELETE FROM chat.activity a \
    USING unnest($1::bytea[], $2::bytea[]) AS k (conversation, owner) \
    WHERE a.conversation = k.conversation AND a.owner = k.owner";
const MOVE_ACTIVITY: &str = "UPDATE chat.activity a SET block = k.block \
    FROM unnest($1::bytea[], $2::bigint[]) AS k (conversation, block) WHERE a.conversation = k.conversation";
const RELIST: &str = "UPDATE chat.activity a SET is_open = k.is_open, rank = k.rank \
    FROM unnest($1::bytea[], $2::boolean[], $3::bigint[]) AS k (conversation, is_open, rank) \
    WHERE a.conversation = k.conversation";
const SET_READINGS: &str = "INSERT INTO chat.reading (conversation, user_id, up_to) \
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::bigint[]) \
    ON CONFLICT (conversation, user_id) DO UPDATE SET up_to = excluded.up_to";
const SET_ACCOUNTS: &str = "INSERT INTO chat.account (id, account, staff, position, rights) \
    SELECT * FROM unnest($1::bytea[], $2::bytea[], $3::boolean[], $4::bigint[], $5::bigint[]) \
    ON CONFLICT (id) DO UPDATE SET account = excluded.account, staff = excluded.staff, \
    position = excluded.position, rights = excluded.rights";
const SET_ORDERS: &str = "INSERT INTO chat.order_state (conversation, seq, state, due) \
    SELECT * FROM unnest($1::bytea[], $2::bigint[], $3::bytea[], $4::bigint[]) \
    ON CONFLICT (conversation, seq) DO UPDATE SET state = excluded.state, due = excluded.due";

impl Statements {
    /// Prepares all statements.
    pub(super) async fn prepare(client: &Client) -> Result<Self, Error> {
        // The second half has the emergencies of creators that are not over.
        let heads = format!(
            "SELECT {CONVERSATION} FROM chat.conversation c WHERE c.id = ANY($1) \
             UNION ALL SELECT {CONVERSATION} FROM chat.conversation c WHERE c.raised_by = ANY($2)"
        );
        // The second part has the assignees of the conversations, and the third the members by name
        // of those with orders.
        let accounts = format!(
            "SELECT {ACCOUNT} FROM chat.account a WHERE a.id = ANY($1) \
             UNION ALL SELECT {ACCOUNT} FROM chat.conversation c \
             JOIN chat.account a ON a.id = c.assignee WHERE c.id = ANY($2) \
             UNION ALL SELECT {ACCOUNT} FROM chat.activity v \
             JOIN chat.account a ON a.id = substring(v.owner FROM 2) \
             WHERE v.conversation = ANY($3) AND get_byte(v.owner, 0) = ascii('u')"
        );
        Ok(Self {
            end: client.prepare(END).await?,
            heads: client.prepare(&heads).await?,
            accounts: client.prepare(&accounts).await?,
            originals: client.prepare(ORIGINALS).await?,
            readings: client.prepare(READINGS).await?,
            orders: client.prepare(ORDERS).await?,
            add_records: client.prepare(ADD_RECORDS).await?,
            set_conversations: client.prepare(SET_CONVERSATIONS).await?,
            move_conversations: client.prepare(MOVE_CONVERSATIONS).await?,
            add_activity: client.prepare(ADD_ACTIVITY).await?,
            remove_activity: client.prepare(REMOVE_ACTIVITY).await?,
            move_activity: client.prepare(MOVE_ACTIVITY).await?,
            relist: client.prepare(RELIST).await?,
            set_readings: client.prepare(SET_READINGS).await?,
            set_accounts: client.prepare(SET_ACCOUNTS).await?,
            set_orders: client.prepare(SET_ORDERS).await?,
        })
    }
}

/// Writes the effects of a group and commits. One round trip. A group without effects ends without
/// a sync.
///
/// A commit of a failed transaction answers without an error. So the error of every statement
/// counts, and the first one is the cause.
pub(super) async fn write(
    client: &Client,
    statements: &Statements,
    effects: Effects,
    by: Option<CommitId>,
) -> Result<(), UnavailableError> {
    if effects.records.is_empty() {
        return client.batch_execute("ROLLBACK").await.map_err(|error| unavailable(&error));
    }
    let writer = EffectWriter { client, statements };
    let Effects { records, conversations, readings, accounts, orders } = effects;
    let (shaped, moved): (Vec<_>, Vec<_>) = conversations.iter().partition(|(_, touched)| touched.is_shaped);
    // Few enough to be sent in this order, the commit last.
    let sent: [BoxFuture<'_, Result<(), Error>>; 11] = [
        writer.add_records(&records, by).boxed(),
        writer.set_conversations(&shaped).boxed(),
        writer.move_conversations(&moved).boxed(),
        writer.add_activity(&conversations).boxed(),
        writer.remove_activity(&conversations).boxed(),
        writer.move_activity(&conversations).boxed(),
        writer.relist(&conversations).boxed(),
        writer.set_readings(&readings).boxed(),
        writer.set_accounts(&accounts).boxed(),
        writer.set_orders(&orders).boxed(),
        client.batch_execute("COMMIT").boxed(),
    ];
    try_join_all(sent).await.map(|_| ()).map_err(|error| unavailable(&error))
}

/// Writes records alone.
pub(super) async fn add_records(
    client: &Client,
    statements: &Statements,
    records: &[NewRecord],
) -> Result<(), Error> {
    EffectWriter { client, statements }.add_records(records, None).await
}

struct EffectWriter<'a> {
    client: &'a Client,
    statements: &'a Statements,
}

impl EffectWriter<'_> {
    /// Executes a statement whose first parameter is an array, unless the array is empty.
    async fn execute(
        &self,
        rows: usize,
        statement: &Statement,
        parameters: &[&(dyn ToSql + Sync)],
    ) -> Result<(), Error> {
        if rows == 0 {
            return Ok(());
        }
        self.client.execute(statement, parameters).await.map(|_| ())
    }

    async fn add_records(&self, records: &[NewRecord], by: Option<CommitId>) -> Result<(), Error> {
        let all = || records.iter();
        let positions: Vec<_> = all().map(|record| signed(record.position.0)).collect();
        let previous: Vec<_> = all().map(|record| &record.previous.0[..]).collect();
        let hashes: Vec<_> = all().map(|record| &record.hash.0[..]).collect();
        let payloads: Vec<_> = all().map(|record| &record.payload[..]).collect();
        let contents: Vec<_> = all().map(|record| record.content.as_deref()).collect();
        let messages: Vec<_> = all().map(|record| MessageColumns::of(&record.event)).collect();
        let conversations: Vec<_> = messages.iter().map(|columns| columns.conversation).collect();
        let seqs: Vec<_> = messages.iter().map(|columns| columns.seq).collect();
        let entries: Vec<_> = messages.iter().map(|columns| columns.is_entry).collect();
        let times: Vec<_> = messages.iter().map(|columns| columns.sent_at).collect();
        let authors: Vec<_> = messages.iter().map(|columns| columns.author).collect();
        let ids: Vec<_> = messages.iter().map(|columns| columns.client_message_id).collect();
        let life = by.map(|by| by.life.0.to_vec());
        let number = by.map(|by| by.number.cast_signed());
        let parameters: [&(dyn ToSql + Sync); 13] = [
            &positions,
            &previous,
            &hashes,
            &payloads,
            &contents,
            &conversations,
            &seqs,
            &entries,
            &times,
            &authors,
            &ids,
            &life,
            &number,
        ];
        self.execute(records.len(), &self.statements.add_records, &parameters).await
    }

    async fn set_conversations(&self, shaped: &Touches<'_>) -> Result<(), Error> {
        let all = || shaped.iter().map(|(known, _)| &known.conversation);
        let ids: Vec<_> = all().map(|one| one.id.as_str().as_bytes()).collect();
        let titles: Vec<_> = all().map(|one| one.title.as_bytes()).collect();
        let rooms: Vec<_> = all().map(|one| one.room_type.as_str()).collect();
        let creators: Vec<_> = all().map(|one| one.created_by.as_str().as_bytes()).collect();
        let created: Vec<_> = all().map(|one| one.created_at.as_millis()).collect();
        let participations: Vec<_> = all().map(|one| participation_json(&one.participation)).collect();
        let versions: Vec<_> = all().map(|one| signed(one.version)).collect();
        let heads = HeadColumns::of(shaped);
        let parameters: [&(dyn ToSql + Sync); 17] = [
            &ids,
            &titles,
            &rooms,
            &creators,
            &created,
            &participations,
            &versions,
            &heads.last_seqs,
            &heads.last_times,
            &heads.text_seqs,
            &heads.text_times,
            &heads.positions,
            &heads.works,
            &heads.assignees,
            &heads.emergencies,
            &heads.raised_by,
            &heads.open_orders,
        ];
        self.execute(ids.len(), &self.statements.set_conversations, &parameters).await
    }

    async fn move_conversations(&self, moved: &Touches<'_>) -> Result<(), Error> {
        let ids: Vec<_> = moved.iter().map(|(known, _)| id_of(known)).collect();
        let heads = HeadColumns::of(moved);
        let parameters: [&(dyn ToSql + Sync); 11] = [
            &ids,
            &heads.last_seqs,
            &heads.last_times,
            &heads.text_seqs,
            &heads.text_times,
            &heads.positions,
            &heads.works,
            &heads.assignees,
            &heads.emergencies,
            &heads.raised_by,
            &heads.open_orders,
        ];
        self.execute(ids.len(), &self.statements.move_conversations, &parameters).await
    }

    async fn add_activity(&self, touched: &[(Known, Touched)]) -> Result<(), Error> {
        let owners = || owners(touched, true);
        let ids: Vec<_> = owners().map(|(known, _)| id_of(known)).collect();
        let names: Vec<_> = owners().map(|(_, owner)| owner).collect();
        let blocks: Vec<_> = owners().map(|(known, _)| block(known.position)).collect();
        let (open, ranks) = works(owners().map(|(known, _)| known));
        let parameters: [&(dyn ToSql + Sync); 5] = [&ids, &names, &blocks, &open, &ranks];
        self.execute(ids.len(), &self.statements.add_activity, &parameters).await
    }

    /// Moves the conversations whose work has changed in the lists by work.
    async fn relist(&self, touched: &[(Known, Touched)]) -> Result<(), Error> {
        let worked = || touched.iter().filter(|(_, touched)| touched.is_worked).map(|(known, _)| known);
        let ids: Vec<_> = worked().map(id_of).collect();
        let (open, ranks) = works(worked());
        self.execute(ids.len(), &self.statements.relist, &[&ids, &open, &ranks]).await
    }

    async fn remove_activity(&self, touched: &[(Known, Touched)]) -> Result<(), Error> {
        let owners = || owners(touched, false);
        let ids: Vec<_> = owners().map(|(known, _)| id_of(known)).collect();
        let names: Vec<_> = owners().map(|(_, owner)| owner).collect();
        self.execute(ids.len(), &self.statements.remove_activity, &[&ids, &names]).await
    }

    /// Moves the conversations whose newest message is in another block than before.
    async fn move_activity(&self, touched: &[(Known, Touched)]) -> Result<(), Error> {
        let moved = || {
            let all = touched.iter();
            all.filter(|(known, touched)| touched.before.is_some_and(|at| block(at) != block(known.position)))
        };
        let ids: Vec<_> = moved().map(|(known, _)| id_of(known)).collect();
        let blocks: Vec<_> = moved().map(|(known, _)| block(known.position)).collect();
        self.execute(ids.len(), &self.statements.move_activity, &[&ids, &blocks]).await
    }

    async fn set_readings(&self, readings: &BTreeMap<(ConversationId, UserId), u64>) -> Result<(), Error> {
        let ids: Vec<_> = readings.keys().map(|(id, _)| id.as_str().as_bytes()).collect();
        let users: Vec<_> = readings.keys().map(|(_, user)| user.as_str().as_bytes()).collect();
        let numbers: Vec<_> = readings.values().map(|number| signed(*number)).collect();
        self.execute(ids.len(), &self.statements.set_readings, &[&ids, &users, &numbers]).await
    }

    async fn set_orders(&self, orders: &BTreeMap<(ConversationId, u64), Order>) -> Result<(), Error> {
        let ids: Vec<_> = orders.keys().map(|(id, _)| id.as_str().as_bytes()).collect();
        let numbers: Vec<_> = orders.keys().map(|(_, seq)| signed(*seq)).collect();
        let states: Result<Vec<_>, _> = orders.values().map(serde_json::to_vec).collect();
        let states = states.expect("an order has string keys");
        let due: Vec<_> =
            orders.values().map(|order| order.is_open().then(|| order.due.as_millis())).collect();
        let parameters: [&(dyn ToSql + Sync); 4] = [&ids, &numbers, &states, &due];
        self.execute(ids.len(), &self.statements.set_orders, &parameters).await
    }

    async fn set_accounts(&self, accounts: &BTreeMap<UserId, Arc<StoredAccount>>) -> Result<(), Error> {
        let ids: Vec<_> = accounts.keys().map(|id| id.as_str().as_bytes()).collect();
        let all = || accounts.values();
        let jsons = all().map(|stored| serde_json::to_vec(&stored.account));
        let jsons: Vec<_> = jsons.collect::<Result<_, _>>().expect("an account has string keys");
        let staff: Vec<_> = all().map(|stored| stored.account.is_staff()).collect();
        let positions: Vec<_> = all().map(|stored| signed(stored.position.0)).collect();
        let rights: Vec<_> = all().map(|stored| signed(stored.rights.0)).collect();
        let parameters: [&(dyn ToSql + Sync); 5] = [&ids, &jsons, &staff, &positions, &rights];
        self.execute(ids.len(), &self.statements.set_accounts, &parameters).await
    }
}

/// The columns `is_open` and `rank` of conversations.
fn works<'a>(known: impl Iterator<Item = &'a Known>) -> (Vec<bool>, Vec<i64>) {
    known.map(|known| (known.conversation.work.is_open(), known.conversation.work.rank())).unzip()
}

fn id_of(known: &Known) -> &[u8] {
    known.conversation.id.as_str().as_bytes()
}

/// The owners whose lists gain a conversation by name or team, or lose one.
fn owners(touched: &[(Known, Touched)], gain: bool) -> impl Iterator<Item = (&Known, &[u8])> {
    touched.iter().flat_map(move |(known, touched)| {
        let owners = touched.owners.iter().filter(move |(_, gains)| **gains == gain);
        owners.map(move |(owner, _)| (known, &owner[..]))
    })
}

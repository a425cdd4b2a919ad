//! Rows to values.

use std::fmt::Display;
use std::sync::Arc;

use chat_core::conversation::{Conversation, Participation, Standing};
use chat_core::id::{ClientMessageId, ConversationId, TeamId, UserId};
use chat_core::protocol::{Message, Order, RoomType};
use chat_core::store::{Event, Hash, Original, Position, StoredAccount, UnavailableError};
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;

use crate::store::journal::open_event;

/// The columns of a conversation, in the order of [`conversation`].
pub(super) const CONVERSATION: &str = "c.id, c.title, c.room_type, c.created_by, c.created_at, \
    c.participation, c.version, c.last_seq, c.last_text_at, c.position, c.last_at, c.last_text_seq, c.work, \
    c.emergency, c.open_orders, \
    (SELECT true FROM chat.conversation n WHERE n.id = 'notes_'::bytea || c.id) IS NOT NULL";

/// The columns of the message of a record `r`, in the order of [`message`].
pub(super) const MESSAGE: &str = "r.payload, r.content, \
    (SELECT o.state FROM chat.order_state o WHERE o.conversation = r.conversation AND o.seq = r.seq)";

/// The columns of an account, in the order of [`account`].
pub(super) const ACCOUNT: &str = "a.account, a.position, a.rights";

/// The teams and members of a conversation, as stored.
#[derive(Serialize, Deserialize)]
struct StoredParticipation {
    teams: Vec<TeamId>,
    members: Vec<(UserId, Standing)>,
}

/// The column `participation`.
pub(super) fn participation_json(participation: &Participation) -> Vec<u8> {
    let Participation { teams, members } = participation;
    let members = members.iter().map(|(user, standing)| (user.clone(), standing)).collect();
    let stored = StoredParticipation { teams: teams.clone(), members };
    serde_json::to_vec(&stored).expect("the struct has string keys, and memory takes all of it")
}

pub(super) fn participation(json: &[u8]) -> Result<Participation, UnavailableError> {
    let StoredParticipation { teams, members } = serde_json::from_slice(json).map_err(damaged)?;
    Ok(Participation { teams, members: members.into_iter().collect() })
}

fn damaged(what: impl Display) -> UnavailableError {
    UnavailableError::new(format_args!("a row of the database is damaged: {what}"))
}

fn text(bytes: &[u8]) -> Result<&str, UnavailableError> {
    str::from_utf8(bytes).map_err(damaged)
}

/// A text in a column, as an id or another shared string.
pub(super) fn id<T: From<Arc<str>>>(row: &Row, column: usize) -> Result<T, UnavailableError> {
    text(row.get(column)).map(|text| T::from(Arc::from(text)))
}

/// A number that is never negative.
pub(super) fn number(row: &Row, column: usize) -> Result<u64, UnavailableError> {
    u64::try_from(row.get::<_, i64>(column)).map_err(damaged)
}

/// A position.
pub(super) fn position(row: &Row, column: usize) -> Result<Position, UnavailableError> {
    number(row, column).map(Position)
}

/// A hash.
pub(super) fn hash(row: &Row, column: usize) -> Result<Hash, UnavailableError> {
    row.get::<_, &[u8]>(column).try_into().map(Hash).map_err(damaged)
}

/// A time.
pub(super) fn time(row: &Row, column: usize) -> Timestamp {
    Timestamp::from_millis(row.get(column))
}

/// A conversation by [`CONVERSATION`], and the position of its newest message of a user.
pub(super) fn conversation(row: &Row) -> Result<(Conversation, Position), UnavailableError> {
    let room_type = RoomType::ALL.into_iter().find(|room| room.as_str() == row.get::<_, &str>(2));
    let conversation = Conversation {
        id: id(row, 0)?,
        title: id(row, 1)?,
        room_type: room_type.ok_or_else(|| damaged("an unknown room"))?,
        created_by: id(row, 3)?,
        created_at: time(row, 4),
        participation: participation(row.get(5))?,
        version: number(row, 6)?,
        last_seq: number(row, 7)?,
        last_message_at: time(row, 8),
        last_at: time(row, 10),
        last_text_seq: number(row, 11)?,
        work: serde_json::from_slice(row.get(12)).map_err(damaged)?,
        emergency: row
            .get::<_, Option<&[u8]>>(13)
            .map(|json| serde_json::from_slice(json).map_err(damaged))
            .transpose()?,
        open_orders: serde_json::from_slice(row.get(14)).map_err(damaged)?,
        has_notes: row.get(15),
    };
    Ok((conversation, position(row, 9)?))
}

/// An account by [`ACCOUNT`].
pub(super) fn account(row: &Row) -> Result<StoredAccount, UnavailableError> {
    let account = serde_json::from_slice(row.get(0)).map_err(damaged)?;
    Ok(StoredAccount { account, position: position(row, 1)?, rights: position(row, 2)? })
}

/// The event of a record, from its payload and its content.
pub(super) fn event(row: &Row, payload: usize, content: usize) -> Result<Event, UnavailableError> {
    open_event(row.get(payload), row.get(content), false).map_err(damaged)
}

/// The message of a record by [`MESSAGE`], with its order as it is now.
pub(super) fn message(row: &Row) -> Result<Message, UnavailableError> {
    let mut message = first_message(event(row, 0, 1)?)?;
    if let Some(shown) = &mut message.order {
        let state = row.get::<_, Option<&[u8]>>(2).ok_or_else(|| damaged("an order has no state"))?;
        shown.order = serde_json::from_slice(state).map_err(damaged)?;
    }
    Ok(message)
}

/// The message of an event, with its order as given.
fn first_message(event: Event) -> Result<Message, UnavailableError> {
    match event {
        Event::ConversationCreated(created) => Ok(created.message()),
        Event::MessageAppended(appended) => Ok(appended.message()),
        Event::EpochBegun { .. }
        | Event::AccountPut { .. }
        | Event::ReadMarked(_)
        | Event::MemberAdded(_)
        | Event::MemberWithdrawn(_) => Err(damaged("a record with a number is no message")),
    }
}

/// The original of a record, from its payload and its content.
pub(super) fn original(row: &Row, payload: usize, content: usize) -> Result<Original, UnavailableError> {
    Original::of(event(row, payload, content)?).ok_or_else(|| damaged("a record with an id is no message"))
}

/// An original with its key: author, id, payload, content.
pub(super) fn keyed_original(row: &Row) -> Result<((UserId, ClientMessageId), Original), UnavailableError> {
    Ok(((id(row, 0)?, id(row, 1)?), original(row, 2, 3)?))
}

/// An order with its key: conversation, state.
pub(super) fn order(row: &Row) -> Result<((ConversationId, u64), Order), UnavailableError> {
    let order: Order = serde_json::from_slice(row.get(1)).map_err(damaged)?;
    Ok(((id(row, 0)?, order.seq), order))
}

/// A read position with its key: conversation, user, number.
pub(super) fn reading(row: &Row) -> Result<((ConversationId, UserId), u64), UnavailableError> {
    Ok(((id(row, 0)?, id(row, 1)?), number(row, 2)?))
}

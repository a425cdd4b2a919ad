//! The head of a conversation: what its newest messages and entries have left.

use std::sync::Arc;

use chat_core::id::ConversationId;
use chat_core::protocol::{Emergency, Work};
use chat_core::store::{Head, MessageAppended, Position, UnavailableError};
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::apply::participation;
use super::messages::{StoredMessages, newest_message};
use super::view::View;
use crate::store::keys;
use crate::store::values::{self, ConversationValue, MessageValue};

/// A head with the newest message of a user.
#[derive(Clone, Debug)]
pub(in crate::store) struct StoredHead {
    pub(in crate::store) head: Head,
    pub(in crate::store) text: NewestText,
}

/// The newest message of a user. Entries do not count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::store) struct NewestText {
    pub(in crate::store) seq: u64,
    pub(in crate::store) position: Position,
    pub(in crate::store) sent_at: Timestamp,
}

/// The work on a conversation and its emergency, as stored. A conversation without a row waits
/// since its creation.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(in crate::store) struct WorkValue {
    pub(in crate::store) work: Work,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(in crate::store) emergency: Option<Box<Emergency>>,
    /// The number of the newest message of a user when the row was written. Needed behind an entry
    /// only, because a newer message of a user is the newest of all.
    text_seq: u64,
    /// The numbers of the messages whose orders wait for an answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::store) open_orders: Vec<u64>,
}

impl StoredHead {
    /// The head behind a new message or entry.
    pub(in crate::store) fn after(self, appended: &MessageAppended, position: Position) -> Self {
        let MessageAppended { seq, sent_at, entry, work, emergency, order, .. } = appended;
        let mut open_orders = self.head.open_orders;
        order.iter().for_each(|order| order.note_in(&mut open_orders));
        let text = NewestText { seq: *seq, position, sent_at: *sent_at };
        Self {
            text: if entry.is_none() { text } else { self.text },
            head: Head {
                last_seq: *seq,
                last_at: *sent_at,
                work: work.clone().unwrap_or(self.head.work),
                emergency: emergency.clone().or(self.head.emergency),
                open_orders,
                ..self.head
            },
        }
    }

    /// The value of the row about the work.
    pub(in crate::store) fn work_value(&self) -> WorkValue {
        let Head { work, emergency, open_orders, .. } = &self.head;
        WorkValue {
            work: work.clone(),
            emergency: emergency.clone(),
            text_seq: self.text.seq,
            open_orders: open_orders.clone(),
        }
    }
}

impl NewestText {
    fn of(seq: u64, message: &MessageValue) -> Self {
        Self { seq, position: message.position, sent_at: message.sent_at }
    }
}

/// Reads the head of a conversation.
pub(super) fn read_head(id: &ConversationId, view: &View) -> Result<Option<StoredHead>, UnavailableError> {
    let value = view.get_as(&keys::conversation(id), values::decode_json::<ConversationValue>)?;
    let Some(ConversationValue { version, teams, created_at, created_by, .. }) = value else {
        return Ok(None);
    };
    let (last_seq, newest) = view.decoded(newest_message(view, id)?)?;
    let last_at = newest.sent_at;
    let (text_seq, text) = text_up_to(view, id, last_seq, newest)?;
    let participation = Arc::new(participation(view, id, teams)?);
    let WorkValue { work, emergency, open_orders, .. } = work_of_row(read_work(view, id)?, created_at);
    let head = Head { participation, version, last_seq, last_at, work, created_by, emergency, open_orders };
    Ok(Some(StoredHead { head, text: NewestText::of(text_seq, &text) }))
}

/// The row about the work on a conversation, if there is one.
pub(in crate::store) fn read_work(
    view: &View,
    id: &ConversationId,
) -> Result<Option<WorkValue>, UnavailableError> {
    view.get_as(&keys::work(id), values::decode_json)
}

/// The state of a conversation with this row, created at this time.
pub(in crate::store) fn work_of_row(row: Option<WorkValue>, created_at: Timestamp) -> WorkValue {
    let begun = || Work::begun(created_at);
    row.unwrap_or_else(|| WorkValue { work: begun(), emergency: None, text_seq: 1, open_orders: Vec::new() })
}

/// The state of a conversation, or `None` if the conversation does not exist.
pub(in crate::store) fn work_of(
    view: &View,
    id: &ConversationId,
) -> Result<Option<WorkValue>, UnavailableError> {
    if let Some(row) = read_work(view, id)? {
        return Ok(Some(row));
    }
    let value = view.get_as(&keys::conversation(id), values::decode_json::<ConversationValue>)?;
    Ok(value.map(|value| work_of_row(None, value.created_at)))
}

/// The newest message of a user up to the newest message or entry, with its number. Costs two reads
/// at most.
pub(in crate::store) fn text_up_to(
    view: &View,
    id: &ConversationId,
    last_seq: u64,
    newest: MessageValue,
) -> Result<(u64, MessageValue), UnavailableError> {
    if newest.is_text() {
        return Ok((last_seq, newest));
    }
    let WorkValue { text_seq, .. } = view.decoded(read_work(view, id)?)?;
    let text = StoredMessages::new(view, id, text_seq..=text_seq, true)?.next().transpose()?;
    view.decoded(text)
}

/// The newest message of a user, with its number.
pub(in crate::store) fn newest_text(
    view: &View,
    id: &ConversationId,
) -> Result<Option<(u64, MessageValue)>, UnavailableError> {
    let newest = newest_message(view, id)?;
    newest.map(|(last_seq, newest)| text_up_to(view, id, last_seq, newest)).transpose()
}

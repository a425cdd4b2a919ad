//! Pages of messages, found by number. Depth costs nothing.

use std::ops::RangeInclusive;

use chat_core::id::ConversationId;
use chat_core::protocol::{Message, MessageType, MessageWork};
use chat_core::store::{MessagePage, UnavailableError, Window, show_order};

use super::Snapshot;
use crate::store::index::apply::order;
use crate::store::index::heads::work_of;
use crate::store::index::messages::{StoredMessages, newest_message};
use crate::store::values::{ContentValue, MessageValue};

impl Snapshot<'_> {
    /// A page of messages: see [`Query::Messages`](chat_core::store::Query::Messages).
    pub(super) fn messages(
        &self,
        conversation: &ConversationId,
        window: Window,
        limit: u32,
        bytes: usize,
    ) -> Result<MessagePage, UnavailableError> {
        let Some((last_seq, _)) = newest_message(&self.view, conversation)? else {
            return Ok(MessagePage::default());
        };
        let (seqs, newest_first) = match window {
            Window::After(seq) => (seq.saturating_add(1)..=last_seq, false),
            Window::Before(seq) => (1..=seq.saturating_sub(1).min(last_seq), true),
            Window::Newest { skip } => (1..=last_seq.saturating_sub(skip), true),
        };
        let mut found = self.fitting(conversation, &seqs, newest_first, limit, bytes)?;
        let more = seqs.count() > found.len();
        if newest_first {
            found.reverse();
        }
        let messages = found.into_iter().map(|(seq, value)| self.assemble_message(conversation, seq, value));
        let messages = messages.collect::<Result<_, _>>()?;
        let state = work_of(&self.view, conversation)?;
        let (work, emergency) = state.map(|state| (state.work, state.emergency)).unzip();
        let (positions, emergency) = (Vec::new(), emergency.flatten());
        Ok(MessagePage { messages, last_seq, positions, work, emergency, more })
    }

    /// The messages that fit on a page, from one end of the window.
    fn fitting(
        &self,
        conversation: &ConversationId,
        seqs: &RangeInclusive<u64>,
        newest_first: bool,
        limit: u32,
        bytes: usize,
    ) -> Result<Vec<(u64, MessageValue)>, UnavailableError> {
        let mut found = Vec::new();
        if seqs.is_empty() {
            return Ok(found);
        }
        let messages = StoredMessages::new(&self.view, conversation, seqs.clone(), newest_first)?;
        let mut sum = 0_usize;
        for message in messages.take(limit as usize) {
            let (seq, value) = message?;
            sum = sum.saturating_add(value.content.length());
            if sum > bytes && !found.is_empty() {
                break;
            }
            found.push((seq, value));
        }
        Ok(found)
    }

    /// A message by its number.
    pub(super) fn message(
        &self,
        conversation: &ConversationId,
        seq: u64,
    ) -> Result<Option<MessageValue>, UnavailableError> {
        let found = StoredMessages::new(&self.view, conversation, seq..=seq, true)?.next().transpose()?;
        Ok(found.map(|(_, message)| message))
    }

    /// A message with its content, which may come from the journal. Erased content is empty.
    pub(super) fn assemble_message(
        &self,
        conversation: &ConversationId,
        seq: u64,
        value: MessageValue,
    ) -> Result<Message, UnavailableError> {
        let id = value.id(seq);
        let content = match value.content {
            ContentValue::Inline(text) => Some(text),
            ContentValue::Erased => None,
            ContentValue::Journal(_, location) => {
                let record = self.reader.read(location).map_err(UnavailableError::new)?;
                record.event.content().and_then(|(content, _)| content.text().cloned())
            }
        };
        // Message 1 begins the work, except in notes, and nothing is stored for that.
        let begins = seq == 1 && !conversation.is_notes();
        let message = Message {
            id,
            conversation_id: conversation.clone(),
            sender_id: value.sender,
            erased: content.is_none(),
            content: content.unwrap_or_default(),
            message_type: MessageType::Text,
            sent_at: value.sent_at,
            seq: Some(seq),
            work: value.work.map(|work| *work).or(begins.then(|| MessageWork::begun(value.sent_at))),
            emergency: value.emergency,
            order: None,
            answer: value.answer,
        };
        if value.choices.is_none() {
            return Ok(message);
        }
        let order = self.view.decoded(order(&self.view, conversation, seq)?)?;
        Ok(show_order(message, order))
    }
}

//! The unacknowledged drafts, in the order of their writing.

use std::collections::{BTreeSet, VecDeque};

use chat_core::id::{ClientMessageId, ConversationId};
use chat_core::protocol::{CreateSupportConversation, Reply, Request, RequestId, SendChatMessage};
use chat_core::time::{Monotonic, Timestamp};

use super::io::{Output, outbox_event};
use super::limits::Limits;
use super::turn::Turn;
use crate::error::{NotSentError, NotSentReason};
use crate::event::{Acknowledged, Progress};
use crate::outbox::{Change, Draft, Entry, OutboxError};
use crate::retry::Retry;

/// The stage of a draft.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Waits until the outbox can be written.
    Unwritten,
    /// The outbox is being written.
    Writing,
    /// In the outbox, waiting for its turn or its reply.
    Stored(Turn),
}

struct Item {
    entry: Entry,
    stage: Stage,
    /// Whether the server may have the draft already.
    maybe_sent: bool,
}

/// The drafts that must stay in order: the messages of one conversation, or all new conversations.
/// A creation refused by the rate limit must not be overtaken by a later one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Lane<'a> {
    Creations,
    Messages(&'a ConversationId),
}

impl Item {
    fn lane(&self) -> Lane<'_> {
        match &self.entry.draft {
            Draft::CreateSupportConversation { .. } => Lane::Creations,
            Draft::SendChatMessage { conversation_id, .. } => Lane::Messages(conversation_id),
        }
    }

    /// Whether the draft has expired. A draft on the wire never has, because the server may be
    /// storing it right now.
    fn is_too_late(&self, wall: Timestamp) -> bool {
        matches!(self.stage, Stage::Stored(Turn::At(_)))
            && self.entry.not_after.is_some_and(|last| wall > last)
    }

    fn not_sent(self, reason: NotSentReason) -> NotSentError {
        let is_refused = matches!(reason, NotSentReason::Refused(_) | NotSentReason::TooLong);
        let maybe_sent = self.maybe_sent && !is_refused;
        NotSentError { reason, draft: self.entry.draft, maybe_sent }
    }
}

/// The drafts, oldest first. Bounded by [`Limits::outbox`](super::Limits::outbox).
///
/// Only the oldest draft of each conversation is on the wire. If the rate limit refuses it, no
/// later draft has overtaken it.
#[derive(Default)]
pub(super) struct Sending {
    items: VecDeque<Item>,
    /// Changes that wait until the outbox is written. Bounded by the drafts: each is put and
    /// removed once.
    unwritten: Vec<Change>,
    /// Whether a write of the outbox is pending.
    writing: bool,
    /// Whether the outbox survives, once the client is closed.
    closed: Option<bool>,
}

impl Sending {
    /// Takes in the drafts of an earlier run. The server may have any of them.
    pub(super) fn restore(&mut self, entries: Vec<Entry>, outputs: &mut VecDeque<Output>) {
        for entry in entries {
            outputs.push_back(outbox_event(&entry.client_message_id, Progress::Queued));
            self.items.push_back(Item { entry, stage: Stage::Stored(Turn::NOW), maybe_sent: true });
        }
    }

    /// Takes in a new draft.
    pub(super) fn post(&mut self, entry: Entry, limits: &Limits, outputs: &mut VecDeque<Output>) {
        if self.items.iter().any(|item| item.entry.client_message_id == entry.client_message_id) {
            return;
        }
        let item = Item { entry, stage: Stage::Unwritten, maybe_sent: false };
        if self.closed.is_some() {
            return hand_back(item, NotSentReason::Closed, outputs);
        }
        if frame_bytes(&item.entry) > limits.frame_bytes {
            return hand_back(item, NotSentReason::TooLong, outputs);
        }
        if self.items.len() >= limits.outbox {
            return hand_back(item, NotSentReason::OutboxFull, outputs);
        }
        self.unwritten.push(Change::Put(item.entry.clone()));
        self.items.push_back(item);
    }

    /// Returns the unacknowledged drafts.
    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.items.iter().map(|item| &item.entry)
    }

    /// Returns the next write of the outbox.
    pub(super) fn persist(&mut self) -> Option<Output> {
        if self.writing || self.unwritten.is_empty() {
            return None;
        }
        self.writing = true;
        self.items
            .iter_mut()
            .filter(|item| item.stage == Stage::Unwritten)
            .for_each(|item| item.stage = Stage::Writing);
        Some(Output::PersistOutbox(std::mem::take(&mut self.unwritten)))
    }

    /// Handles the result of a write.
    pub(super) fn persisted(&mut self, result: &Result<(), OutboxError>, outputs: &mut VecDeque<Output>) {
        self.writing = false;
        match result {
            Ok(()) => self.items.iter_mut().filter(|item| item.stage == Stage::Writing).for_each(|item| {
                item.stage = Stage::Stored(Turn::NOW);
                outputs.push_back(outbox_event(&item.entry.client_message_id, Progress::Queued));
            }),
            Err(error) => self
                .take_all(|item| item.stage == Stage::Writing)
                .into_iter()
                .for_each(|item| hand_back(item, NotSentReason::OutboxFailed(error.clone()), outputs)),
        }
        if let Some(survives) = self.closed {
            self.close(survives, outputs);
        }
    }

    /// Returns the next due draft, and whether it was on the wire before.
    pub(super) fn next(
        &mut self,
        now: Monotonic,
        outputs: &mut VecDeque<Output>,
    ) -> Option<(ClientMessageId, Request, bool)> {
        let place = self.next_place(now)?;
        let item = &mut self.items[place];
        item.stage = Stage::Stored(Turn::OnWire);
        let again = std::mem::replace(&mut item.maybe_sent, true);
        let id = item.entry.client_message_id.clone();
        outputs.push_back(outbox_event(&id, Progress::Sent));
        Some((id, request(&item.entry), again))
    }

    fn next_place(&self, now: Monotonic) -> Option<usize> {
        let mut taken = BTreeSet::new();
        self.items.iter().position(|item| {
            let is_first = taken.insert(item.lane());
            is_first && matches!(item.stage, Stage::Stored(turn) if turn.is_due(now))
        })
    }

    /// Handles the server's reply to a draft.
    pub(super) fn answered(
        &mut self,
        id: &ClientMessageId,
        reply: Option<Reply>,
        now: Monotonic,
        pause: std::time::Duration,
        outputs: &mut VecDeque<Output>,
    ) {
        let Some(place) = self.items.iter().position(|item| item.entry.client_message_id == *id) else {
            return;
        };
        let reason = match reply {
            Some(Reply::Error(error)) => match Retry::after_error(&error) {
                Retry::AfterPause(named) => {
                    self.items[place].stage = Stage::Stored(Turn::At(now.plus(named.unwrap_or(pause))));
                    return outputs.push_back(outbox_event(id, Progress::Queued));
                }
                Retry::WithNewToken | Retry::Never => NotSentReason::Refused(error.into()),
            },
            reply => match reply.and_then(|reply| acknowledged(&self.items[place].entry.draft, reply)) {
                Some(acknowledged) => return self.acknowledge(place, acknowledged, outputs),
                None => NotSentReason::Unreadable,
            },
        };
        if let Some(item) = self.remove(place) {
            hand_back(item, reason, outputs);
        }
    }

    /// Hands back a draft that does not fit into a frame: it comes from an older version's outbox,
    /// or the server accepts less than expected.
    pub(super) fn too_long(&mut self, id: &ClientMessageId, outputs: &mut VecDeque<Output>) {
        let place = self.items.iter().position(|item| item.entry.client_message_id == *id);
        if let Some(item) = place.and_then(|place| self.remove(place)) {
            hand_back(item, NotSentReason::TooLong, outputs);
        }
    }

    fn acknowledge(&mut self, place: usize, reply: Acknowledged, outputs: &mut VecDeque<Output>) {
        if let Some(item) = self.remove(place) {
            outputs.push_back(outbox_event(&item.entry.client_message_id, Progress::Acknowledged(reply)));
        }
    }

    fn remove(&mut self, place: usize) -> Option<Item> {
        let item = self.items.remove(place)?;
        self.unwritten.push(Change::Remove(item.entry.client_message_id.clone()));
        Some(item)
    }

    /// Hands back expired drafts.
    pub(super) fn expire(&mut self, wall: Timestamp, outputs: &mut VecDeque<Output>) {
        for item in self.take_all(|item| item.is_too_late(wall)) {
            self.unwritten.push(Change::Remove(item.entry.client_message_id.clone()));
            hand_back(item, NotSentReason::TooLate, outputs);
        }
    }

    fn take_all(&mut self, wanted: impl Fn(&Item) -> bool) -> VecDeque<Item> {
        let (taken, left) = std::mem::take(&mut self.items).into_iter().partition(wanted);
        self.items = left;
        taken
    }

    /// Reacts to a lost connection: drafts without an answer are sent again.
    pub(super) fn lost(&mut self, outputs: &mut VecDeque<Output>) {
        for item in &mut self.items {
            if let Stage::Stored(turn) = &mut item.stage
                && turn.lost()
            {
                outputs.push_back(outbox_event(&item.entry.client_message_id, Progress::Queued));
            }
        }
    }

    /// Closes: hands back all drafts, except those in a pending write, whose result decides.
    pub(super) fn close(&mut self, survives: bool, outputs: &mut VecDeque<Output>) {
        self.closed = Some(survives);
        self.unwritten.retain(|change| matches!(change, Change::Remove(_)));
        for item in self.take_all(|item| item.stage != Stage::Writing) {
            let is_stored = survives && matches!(item.stage, Stage::Stored(_));
            let reason = if is_stored { NotSentReason::Kept } else { NotSentReason::Closed };
            hand_back(item, reason, outputs);
        }
    }

    /// Whether everything is written.
    pub(super) fn is_at_rest(&self) -> bool {
        !self.writing && self.unwritten.is_empty()
    }

    /// Returns the time of the next due draft or expiry.
    pub(super) fn deadline(&self, now: Monotonic, wall: Timestamp) -> Option<Monotonic> {
        let turns = self.items.iter().filter_map(|item| match item.stage {
            Stage::Stored(turn) => turn.deadline(now),
            Stage::Unwritten | Stage::Writing => None,
        });
        let ends = self.items.iter().filter(|item| matches!(item.stage, Stage::Stored(Turn::At(_))));
        let ends = ends.filter_map(|item| item.entry.not_after);
        // One millisecond more, because the draft is still good at the deadline itself.
        let ends = ends.map(|last| now.plus(last.plus(std::time::Duration::from_millis(1)).since(wall)));
        turns.chain(ends).min()
    }
}

fn hand_back(item: Item, reason: NotSentReason, outputs: &mut VecDeque<Output>) {
    let id = item.entry.client_message_id.clone();
    outputs.push_back(outbox_event(&id, Progress::NotSent(item.not_sent(reason))));
}

/// The acknowledgement of a draft, if the reply is one.
fn acknowledged(draft: &Draft, reply: Reply) -> Option<Acknowledged> {
    match draft {
        Draft::SendChatMessage { .. } => reply.try_into().ok().map(Acknowledged::Message),
        Draft::CreateSupportConversation { .. } => reply.try_into().ok().map(Acknowledged::Conversation),
    }
}

/// Returns the bytes of the longest frame for this draft.
fn frame_bytes(entry: &Entry) -> usize {
    request(entry).encode(Some(&RequestId::Number(RequestId::MAX_NUMBER))).len()
}

fn request(entry: &Entry) -> Request {
    let client_message_id = Some(entry.client_message_id.clone());
    match entry.draft.clone() {
        Draft::SendChatMessage { conversation_id, content } => {
            let (answers, answer_within_ms) = (None, None);
            let request =
                SendChatMessage { conversation_id, content, answers, answer_within_ms, client_message_id };
            Request::SendChatMessage(request)
        }
        Draft::CreateSupportConversation { title, content, room_type } => {
            Request::CreateSupportConversation(CreateSupportConversation {
                title,
                content,
                room_type,
                client_message_id,
            })
        }
    }
}

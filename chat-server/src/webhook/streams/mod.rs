//! The schedule of one lane: a stream for each conversation with something to tell.
//!
//! Events of a conversation are told in their order, one at a time. Conversations do not wait for each other: one whose
//! event is refused, or that has more to tell than the receiver takes, is behind alone. Everything is bounded: a stream
//! holds a few events and a mark from which the rest is read again, and where there are too many streams the journal is
//! read no further, until one of them has ended.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use chat_core::id::ConversationId;
use chat_core::store::Position;
use tokio::time::Instant;

use super::checkpoint::{LaneCheckpoint, Mark};
use super::notification::Notification;

/// Conversations at once that have something to tell; beyond it the journal is read no further. The checkpoint names each.
pub(super) const STREAMS: usize = 256;

/// Events of one conversation that wait in memory, at some 200 bytes each. What comes behind them is read again later.
pub(super) const QUEUE: usize = 64;

/// Attempts after which an event is given up that the receiver refuses while it takes others.
pub(super) const TRIES: u32 = 5;

/// The longest first pause after a failure; each is up to twice as long as the one before.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// An event that is to be told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pending {
    pub(super) notification: Notification,
    /// Where it stands.
    pub(super) mark: Mark,
}

/// How an attempt has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CallFailure {
    /// The receiver says that it does not want this event (4xx).
    Refused,
    /// The receiver, or the store, is not able to at present.
    Unable,
}

/// What becomes of an event whose attempt has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It is tried again.
    Later,
    /// It is given up: the receiver takes others and not this one.
    GivenUp,
}

/// The events of one conversation, in their order.
struct Stream {
    /// The first of them are in memory.
    queue: VecDeque<Pending>,
    /// From where the others are read, once the queue is empty.
    unread: Option<Mark>,
    is_calling: bool,
    /// Not before this time is the first one tried again.
    not_before: Option<Instant>,
    pause: Duration,
    tries: u32,
    /// What the receiver had taken when the first one was tried first.
    taken_before: u64,
}

impl Stream {
    fn new() -> Self {
        Self {
            queue: VecDeque::new(),
            unread: None,
            is_calling: false,
            not_before: None,
            pause: FIRST_PAUSE,
            tries: 0,
            taken_before: 0,
        }
    }

    fn is_ready(&self, now: Instant) -> bool {
        !self.is_calling && !self.queue.is_empty() && self.not_before.is_none_or(|at| at <= now)
    }

    /// The first event that is not done.
    fn mark(&self) -> Option<Mark> {
        self.queue.front().map(|pending| pending.mark).or(self.unread)
    }
}

/// All streams of a lane.
pub(super) struct Streams {
    /// From where the journal is read on.
    pub(super) next: Mark,
    longest_pause: Duration,
    open: BTreeMap<ConversationId, Stream>,
    /// The same conversations; the first in it that is ready has its turn.
    turns: VecDeque<ConversationId>,
    /// Events that the receiver has taken, of any lane.
    pub(super) taken: u64,
}

impl Streams {
    /// Goes on from a checkpoint.
    pub(super) fn new(kept: LaneCheckpoint, longest_pause: Duration) -> Self {
        let mut streams =
            Self { next: kept.next, longest_pause, open: BTreeMap::new(), turns: VecDeque::new(), taken: 0 };
        for (conversation, mark) in kept.behind {
            streams.stream(&conversation).unread = Some(mark);
        }
        streams
    }

    /// The checkpoint from which a restart would tell all that is not done, and nothing that is.
    pub(super) fn kept(&self) -> LaneCheckpoint {
        let behind = self.open.iter().filter_map(|(id, stream)| Some((id.clone(), stream.mark()?)));
        LaneCheckpoint { next: self.next, behind: behind.collect() }
    }

    /// The first record that is not done.
    pub(super) fn first(&self) -> Position {
        let marks = self.open.values().filter_map(Stream::mark);
        marks.map(|mark| mark.from).fold(self.next.from, Position::min)
    }

    /// Whether another conversation may have a stream.
    pub(super) fn has_room(&self) -> bool {
        self.open.len() < STREAMS
    }

    /// Takes in an event that was read at `next`; `false` if there is no room for its conversation.
    pub(super) fn offer(&mut self, pending: Pending) -> bool {
        if !self.has_room() && !self.open.contains_key(&pending.notification.conversation) {
            return false;
        }
        let stream = self.stream(&pending.notification.conversation);
        match stream.unread {
            // It is found when the stream has come so far.
            Some(_) => {}
            None if stream.queue.len() >= QUEUE => stream.unread = Some(pending.mark),
            None => stream.queue.push_back(pending),
        }
        true
    }

    /// A stream that has told all that it had in memory, and from where its others are read.
    pub(super) fn wants_more(&self) -> Option<(ConversationId, Mark)> {
        let empty = self.open.iter().find(|(_, stream)| stream.queue.is_empty() && !stream.is_calling);
        empty.and_then(|(conversation, stream)| Some((conversation.clone(), stream.unread?)))
    }

    /// Takes in events that were read for a stream, and from where the rest is read, if there may be any.
    pub(super) fn refill(&mut self, conversation: &ConversationId, found: Vec<Pending>, rest: Option<Mark>) {
        if let Some(stream) = self.open.get_mut(conversation) {
            stream.queue.extend(found);
            stream.unread = rest;
            self.end_if_done(conversation);
        }
    }

    /// The next event to tell: conversations take turns.
    pub(super) fn call(&mut self, now: Instant) -> Option<Pending> {
        let is_ready = |id: &ConversationId| self.open.get(id).is_some_and(|stream| stream.is_ready(now));
        let turn = self.turns.iter().position(is_ready)?;
        let conversation = self.turns.remove(turn)?;
        let stream = self.open.get_mut(&conversation)?;
        self.turns.push_back(conversation);
        stream.is_calling = true;
        if stream.tries == 0 {
            stream.taken_before = self.taken;
        }
        stream.queue.front().cloned()
    }

    /// When the next stream that pauses is ready.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let waiting = self.open.values().filter(|stream| !stream.is_calling && !stream.queue.is_empty());
        waiting.filter_map(|stream| stream.not_before).min()
    }

    /// The event of this conversation was taken, or needs no telling any more.
    pub(super) fn done(&mut self, conversation: &ConversationId) {
        let Some(stream) = self.open.get_mut(conversation) else { return };
        stream.queue.pop_front();
        let Stream { queue, unread, .. } = std::mem::replace(stream, Stream::new());
        (stream.queue, stream.unread) = (queue, unread);
        self.end_if_done(conversation);
    }

    /// An attempt to tell the event of this conversation has failed. `jitter` is from 0 to 1.
    ///
    /// An event that is refused again and again is given up if the receiver has taken others meanwhile, so it is neither
    /// away nor wrongly set up. Where streams are lacking, the same holds for one that fails in any way.
    pub(super) fn failed(
        &mut self,
        conversation: &ConversationId,
        failure: CallFailure,
        now: Instant,
        jitter: f64,
    ) -> Verdict {
        let is_hopeless = failure == CallFailure::Refused || !self.has_room();
        let Some(stream) = self.open.get_mut(conversation) else { return Verdict::Later };
        stream.is_calling = false;
        stream.tries += 1;
        if is_hopeless && stream.tries >= TRIES && self.taken > stream.taken_before {
            self.done(conversation);
            return Verdict::GivenUp;
        }
        stream.not_before = Some(now + stream.pause.mul_f64(jitter));
        stream.pause = (stream.pause * 2).min(self.longest_pause);
        Verdict::Later
    }

    fn stream(&mut self, conversation: &ConversationId) -> &mut Stream {
        self.open.entry(conversation.clone()).or_insert_with(|| {
            self.turns.push_back(conversation.clone());
            Stream::new()
        })
    }

    fn end_if_done(&mut self, conversation: &ConversationId) {
        if self.open.get(conversation).is_some_and(|stream| stream.mark().is_none()) {
            self.open.remove(conversation);
            self.turns.retain(|turn| turn != conversation);
        }
    }
}

#[cfg(test)]
mod tests;

//! The schedule of one lane: a stream for each conversation with pending notifications.
//!
//! Notifications of a conversation are sent in order, one at a time. Conversations are independent:
//! one with a rejected notification, or with more than the receiver can take, lags alone.
//! Everything is bounded: a stream holds a few notifications and a mark from which the rest is read
//! later, and at the limit on streams the journal is not read further until a stream ends.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use chat_core::id::ConversationId;
use chat_core::store::Position;
use tokio::time::Instant;

use super::checkpoint::{LaneCheckpoint, Mark};
use super::notification::Notification;

/// Most conversations with pending notifications. At the limit the journal is not read further. The
/// checkpoint lists every one.
pub(super) const STREAMS: usize = 256;

/// Notifications of one conversation in memory, at about 200 bytes each. Later ones are read when
/// needed.
pub(super) const QUEUE: usize = 64;

/// Attempts after which a notification is given up if the receiver rejects it and accepts others.
pub(super) const TRIES: u32 = 5;

/// Upper bound of the first pause after a failure. The bound doubles with each further failure.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// A pending notification.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Pending {
    pub(super) notification: Notification,
    /// Its record in the journal.
    pub(super) mark: Mark,
}

/// The kind of a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CallFailure {
    /// The receiver rejects this notification (4xx).
    Refused,
    /// The receiver or the store can't process requests now.
    Unable,
}

/// The consequence of a failed attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// The notification is retried.
    Later,
    /// The notification is given up: the receiver accepts others.
    GivenUp,
}

/// The notifications of one conversation, in order.
struct Stream {
    /// The first ones.
    queue: VecDeque<Pending>,
    /// The mark from which to read more, once the queue is empty.
    unread: Option<Mark>,
    is_calling: bool,
    /// No retry before this time.
    not_before: Option<Instant>,
    pause: Duration,
    tries: u32,
    /// The value of [`Streams::taken`] before the first attempt.
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

    /// The first pending record.
    fn mark(&self) -> Option<Mark> {
        self.queue.front().map(|pending| pending.mark).or(self.unread)
    }
}

/// All streams of a lane.
pub(super) struct Streams {
    /// The mark at which the journal is read on.
    pub(super) next: Mark,
    longest_pause: Duration,
    open: BTreeMap<ConversationId, Stream>,
    /// The same conversations, in the order of their turns; the first ready one is next.
    turns: VecDeque<ConversationId>,
    /// Notifications that the receiver has accepted, of both lanes.
    pub(super) taken: u64,
}

impl Streams {
    /// Resumes at a checkpoint.
    pub(super) fn new(checkpoint: LaneCheckpoint, longest_pause: Duration) -> Self {
        let mut streams = Self {
            next: checkpoint.next,
            longest_pause,
            open: BTreeMap::new(),
            turns: VecDeque::new(),
            taken: 0,
        };
        for (conversation, mark) in checkpoint.behind {
            streams.stream(&conversation).unread = Some(mark);
        }
        streams
    }

    /// The checkpoint: a restart would send exactly the pending notifications.
    pub(super) fn checkpoint(&self) -> LaneCheckpoint {
        let behind = self.open.iter().filter_map(|(id, stream)| Some((id.clone(), stream.mark()?)));
        LaneCheckpoint { next: self.next, behind: behind.collect() }
    }

    /// The first pending record.
    pub(super) fn first(&self) -> Position {
        let marks = self.open.values().filter_map(Stream::mark);
        marks.map(|mark| mark.from).fold(self.next.from, Position::min)
    }

    /// Whether another conversation may have a stream.
    pub(super) fn has_room(&self) -> bool {
        self.open.len() < STREAMS
    }

    /// Adds a notification read at `next`. Returns `false` if its conversation has no stream and
    /// there is no room for one.
    pub(super) fn offer(&mut self, pending: Pending) -> bool {
        if !self.has_room() && !self.open.contains_key(&pending.notification.conversation) {
            return false;
        }
        let stream = self.stream(&pending.notification.conversation);
        match stream.unread {
            // Will be read when the stream gets there.
            Some(_) => {}
            None if stream.queue.len() >= QUEUE => stream.unread = Some(pending.mark),
            None => stream.queue.push_back(pending),
        }
        true
    }

    /// A stream with an empty queue, and the mark from which to read more.
    pub(super) fn wants_more(&self) -> Option<(ConversationId, Mark)> {
        let empty = self.open.iter().find(|(_, stream)| stream.queue.is_empty() && !stream.is_calling);
        empty.and_then(|(conversation, stream)| Some((conversation.clone(), stream.unread?)))
    }

    /// Adds notifications read for a stream, and the mark for the rest, if there may be any.
    pub(super) fn refill(&mut self, conversation: &ConversationId, found: Vec<Pending>, rest: Option<Mark>) {
        if let Some(stream) = self.open.get_mut(conversation) {
            stream.queue.extend(found);
            stream.unread = rest;
            self.end_if_done(conversation);
        }
    }

    /// The next notification to send. Conversations take turns.
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

    /// The time at which the next paused stream becomes ready.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        let waiting = self.open.values().filter(|stream| !stream.is_calling && !stream.queue.is_empty());
        waiting.filter_map(|stream| stream.not_before).min()
    }

    /// The current notification of this conversation was accepted or has become obsolete.
    pub(super) fn done(&mut self, conversation: &ConversationId) {
        let Some(stream) = self.open.get_mut(conversation) else { return };
        stream.queue.pop_front();
        let Stream { queue, unread, .. } = std::mem::replace(stream, Stream::new());
        (stream.queue, stream.unread) = (queue, unread);
        self.end_if_done(conversation);
    }

    /// An attempt for this conversation failed. `jitter` is from 0 to 1.
    ///
    /// A notification rejected repeatedly is given up if the receiver accepted others meanwhile,
    /// which shows that the receiver is reachable and set up correctly. At the limit on streams,
    /// any kind of failure counts as a rejection.
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

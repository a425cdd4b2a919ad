//! Requests on the current connection without a reply.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_core::id::{ClientMessageId, ConversationId};
use chat_core::protocol::{EventType, RequestId, RoomType};
use chat_core::time::Monotonic;

use super::io::{CallId, ViewId};

/// The purpose of a request, which decides where its reply goes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Get the list of conversations: shows what was missed, and proves that the server accepts the
    /// token.
    List,
    /// Get the unread count of one conversation.
    Row(ConversationId),
    /// Prolong the session.
    Refresh,
    /// Find out whether the connection still works.
    Probe,
    /// Join a support room again.
    Room(RoomType),
    /// Tell that the user types, or has stopped.
    Typing(ConversationId),
    /// Send a draft of the outbox.
    Draft(ClientMessageId),
    /// Get the missing messages of a conversation.
    CatchUp(ConversationId),
    /// Get the newest messages for a view.
    Snapshot(ViewId),
    /// Answer a request of the app.
    Call(CallId),
}

/// A request on the wire.
pub(super) struct InFlight {
    pub(super) purpose: Purpose,
    pub(super) event_type: EventType,
    /// The earliest time at which the reply could be on its way, since replies before it have
    /// arrived.
    since: Monotonic,
    within: Duration,
    /// The time of the last moved bytes.
    moved_at: Monotonic,
    /// Whether a later request was answered first. Replies keep the order of requests. The reply to
    /// this one is lost, and moving bytes say nothing about it.
    is_overtaken: bool,
    /// Bytes of the frame.
    bytes: usize,
}

impl InFlight {
    /// A request of this length, sent now, whose reply may take `within`.
    pub(super) fn now(
        purpose: Purpose,
        event_type: EventType,
        bytes: usize,
        now: Monotonic,
        within: Duration,
    ) -> Self {
        Self { purpose, event_type, since: now, within, moved_at: now, is_overtaken: false, bytes }
    }

    /// Returns when the reply is overdue: after a silence, or after `at_most` even if bytes move.
    fn deadline(&self, at_most: Duration) -> Monotonic {
        let silence = if self.is_overtaken { self.since } else { self.moved_at.max(self.since) };
        silence.plus(self.within).min(self.since.plus(at_most))
    }
}

/// The requests on the wire. Bounded by [`Limits::on_wire`](super::Limits::on_wire).
#[derive(Default)]
pub(super) struct Wire {
    /// The last id. Never reused, which makes requests distinguishable in a trace.
    last: i64,
    asked: BTreeMap<i64, InFlight>,
}

impl Wire {
    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    /// Draws the id of the next request.
    pub(super) fn number(&mut self) -> RequestId {
        self.last = if self.last < RequestId::MAX_NUMBER { self.last + 1 } else { 1 };
        RequestId::Number(self.last)
    }

    /// Puts a request on the wire, under the id drawn last.
    pub(super) fn put(&mut self, asked: InFlight) {
        self.asked.insert(self.last, asked);
    }

    /// Removes the request answered by `id`.
    ///
    /// Replies keep the order of requests, and a long one takes its time over a weak link. The
    /// requests behind an answered one are timed from now on.
    pub(super) fn take(&mut self, id: Option<&RequestId>, now: Monotonic) -> Option<InFlight> {
        let Some(RequestId::Number(number)) = id else { return None };
        let answered = self.asked.remove(number)?;
        self.asked.range_mut(number..).for_each(|(_, behind)| behind.since = now);
        self.asked.range_mut(..number).for_each(|(_, overtaken)| overtaken.is_overtaken = true);
        Some(answered)
    }

    /// Notes that bytes have moved, which may belong to any awaited reply.
    pub(super) fn progress(&mut self, now: Monotonic) {
        self.asked.values_mut().for_each(|asked| asked.moved_at = now);
    }

    /// Returns when the first reply is overdue.
    pub(super) fn deadline(&self, at_most: Duration) -> Option<Monotonic> {
        self.asked.values().map(|asked| asked.deadline(at_most)).min()
    }

    /// Whether a probe is on the wire.
    pub(super) fn is_probing(&self) -> bool {
        self.asked.values().any(|asked| asked.purpose == Purpose::Probe)
    }

    /// Removes the longest request, which is the culprit if the server reports a frame as too long.
    pub(super) fn take_longest(&mut self) -> Option<InFlight> {
        let longest = *self.asked.iter().max_by_key(|(_, asked)| asked.bytes)?.0;
        self.asked.remove(&longest)
    }

    /// Forgets all requests, because the connection and their replies are lost.
    pub(super) fn clear(&mut self) {
        self.asked.clear();
    }
}

//! What was asked over the connection that stands, and is not answered yet.

use std::collections::BTreeMap;
use std::time::Duration;

use chat_core::id::{ClientMessageId, ConversationId};
use chat_core::protocol::{EventType, RequestId, RoomType};
use chat_core::time::Monotonic;

use super::io::{CallId, ViewId};

/// What a request was sent for, and so who gets its reply.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// To learn what was missed, and that the server knows us.
    List,
    /// To learn what is unread in one conversation.
    Row(ConversationId),
    /// To prolong the session.
    Refresh,
    /// To find out whether the connection still stands.
    Probe,
    /// To be told of requests for help again.
    Room(RoomType),
    /// To say that somebody types, or has stopped.
    Typing(ConversationId),
    /// A draft of the outbox.
    Draft(ClientMessageId),
    /// To get what is missing of a conversation.
    CatchUp(ConversationId),
    /// To show a conversation.
    Snapshot(ViewId),
    /// The app asked.
    Call(CallId),
}

/// A request without its reply.
pub(super) struct InFlight {
    pub(super) purpose: Purpose,
    pub(super) event_type: EventType,
    /// Since when nothing else can be on its way before the reply, as far as is known.
    since: Monotonic,
    within: Duration,
    /// When bytes moved last.
    moved_at: Monotonic,
    /// A later request was answered before it. Replies come in the order of their requests, so that its own is lost, and no
    /// bytes that move are of it.
    is_overtaken: bool,
    /// Bytes of its frame.
    bytes: usize,
}

impl InFlight {
    /// A request of this length that is sent now, and whose reply may take this long.
    pub(super) fn now(
        purpose: Purpose,
        event_type: EventType,
        bytes: usize,
        now: Monotonic,
        within: Duration,
    ) -> Self {
        Self { purpose, event_type, since: now, within, moved_at: now, is_overtaken: false, bytes }
    }

    /// When its reply is overdue: after a silence, or at last although bytes move all the time.
    fn deadline(&self, at_most: Duration) -> Monotonic {
        let silence = if self.is_overtaken { self.since } else { self.moved_at.max(self.since) };
        silence.plus(self.within).min(self.since.plus(at_most))
    }
}

/// The requests on the wire. Bounded by [`Limits::on_wire`](super::Limits::on_wire).
#[derive(Default)]
pub(super) struct Wire {
    /// Never falls, so that no two requests of a client look the same in a trace.
    last: i64,
    asked: BTreeMap<i64, InFlight>,
}

impl Wire {
    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    /// The number to send the next request under.
    pub(super) fn number(&mut self) -> RequestId {
        self.last = if self.last < RequestId::MAX_NUMBER { self.last + 1 } else { 1 };
        RequestId::Number(self.last)
    }

    /// Puts a request on the wire, under the number that was given last.
    pub(super) fn put(&mut self, asked: InFlight) {
        self.asked.insert(self.last, asked);
    }

    /// The request that this answers.
    ///
    /// Replies come in the order of their requests, and a long one may take its time over a weak link: those behind it
    /// could not come before now.
    pub(super) fn take(&mut self, id: Option<&RequestId>, now: Monotonic) -> Option<InFlight> {
        let Some(RequestId::Number(number)) = id else { return None };
        let answered = self.asked.remove(number)?;
        self.asked.range_mut(number..).for_each(|(_, behind)| behind.since = now);
        self.asked.range_mut(..number).for_each(|(_, overtaken)| overtaken.is_overtaken = true);
        Some(answered)
    }

    /// Bytes have moved: whatever is awaited may be what they are of.
    pub(super) fn progress(&mut self, now: Monotonic) {
        self.asked.values_mut().for_each(|asked| asked.moved_at = now);
    }

    /// When the first reply is overdue, if each may take this long although bytes move.
    pub(super) fn deadline(&self, at_most: Duration) -> Option<Monotonic> {
        self.asked.values().map(|asked| asked.deadline(at_most)).min()
    }

    /// Whether it is being found out whether the connection still stands.
    pub(super) fn is_probing(&self) -> bool {
        self.asked.values().any(|asked| asked.purpose == Purpose::Probe)
    }

    /// Takes out the longest request: the one that was too long, if the server says that one was.
    pub(super) fn take_longest(&mut self) -> Option<InFlight> {
        let longest = *self.asked.iter().max_by_key(|(_, asked)| asked.bytes)?.0;
        self.asked.remove(&longest)
    }

    /// The connection is lost, and all replies with it.
    pub(super) fn clear(&mut self) {
        self.asked.clear();
    }
}

//! The count of a conversation's unread messages.

use std::collections::BTreeSet;

use chat_core::protocol::ConversationSummary;

/// The largest count, as in the protocol's lists.
const MOST: usize = 100;

/// The count of one conversation: the server's count at one moment, and later messages.
#[derive(Clone, Debug, Default)]
pub(super) struct UnreadCount {
    pub(super) read_up_to: u64,
    /// Whether the server has sent a count.
    is_counted: bool,
    /// The server's count of unread messages up to `counted_up_to`.
    counted: u32,
    counted_up_to: u64,
    /// Numbers of the newest messages of others after `counted_up_to`. Bounded by [`MOST`].
    heard: BTreeSet<u64>,
}

impl UnreadCount {
    /// Starts without a count of the messages up to `seq`.
    pub(super) fn from(seq: u64) -> Self {
        Self { counted_up_to: seq, ..Self::default() }
    }

    /// Returns the count to show.
    pub(super) fn get(&self) -> u32 {
        let most = u32::try_from(MOST).unwrap_or(u32::MAX);
        self.counted.saturating_add(u32::try_from(self.heard.len()).unwrap_or(most)).min(most)
    }

    /// Applies the server's count, unless it is older than the last reading.
    pub(super) fn listed(&mut self, summary: &ConversationSummary) {
        let (Some(last_seq), Some(read_up_to)) = (summary.last_seq, summary.read_up_to) else {
            return;
        };
        if read_up_to < self.read_up_to || last_seq < self.counted_up_to {
            return;
        }
        self.read_up_to = read_up_to;
        self.is_counted = true;
        self.counted = summary.unread_count.unwrap_or(0);
        self.counted_up_to = last_seq;
        self.heard.retain(|seq| *seq > last_seq.max(read_up_to));
    }

    /// Counts another user's message.
    pub(super) fn heard(&mut self, seq: u64) {
        if seq > self.counted_up_to && seq > self.read_up_to {
            self.heard.insert(seq);
        }
        // The newest are kept: a later reading leaves them unread.
        if self.heard.len() > MOST {
            self.heard.pop_first();
        }
    }

    /// Notes that the user has read up to this number. Returns whether to ask the server, because
    /// the count is only an upper bound now, or a count on its way may predate the reading.
    pub(super) fn read(&mut self, seq: u64) -> bool {
        if seq <= self.read_up_to {
            return false;
        }
        self.read_up_to = seq;
        self.heard.retain(|heard| *heard > seq);
        let before = self.counted;
        let left = u32::try_from(self.counted_up_to.saturating_sub(seq)).unwrap_or(u32::MAX);
        self.counted = self.counted.min(left);
        !self.is_counted || (before > 0 && self.counted > 0)
    }
}

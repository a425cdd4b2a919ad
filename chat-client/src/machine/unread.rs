//! How many messages of a conversation the user has not read.

use std::collections::BTreeSet;

use chat_core::protocol::ConversationSummary;

/// Most that is counted: the protocol's lists count no further.
const MOST: usize = 100;

/// What is known of one conversation: the server's count at one moment, and what came after.
#[derive(Clone, Debug, Default)]
pub(super) struct UnreadCount {
    pub(super) read_up_to: u64,
    /// Whether the server has counted at all.
    is_counted: bool,
    /// The server's count, of messages up to `counted_up_to`.
    counted: u32,
    counted_up_to: u64,
    /// Others' messages after `counted_up_to`. Bounded by [`MOST`].
    heard: BTreeSet<u64>,
}

impl UnreadCount {
    /// Nothing is known of messages up to this number but that they are not counted.
    pub(super) fn from(seq: u64) -> Self {
        Self { counted_up_to: seq, ..Self::default() }
    }

    /// The number to show.
    pub(super) fn get(&self) -> u32 {
        let most = u32::try_from(MOST).unwrap_or(u32::MAX);
        self.counted.saturating_add(u32::try_from(self.heard.len()).unwrap_or(most)).min(most)
    }

    /// The server's own count. One from before the last reading is stale.
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

    /// Somebody else's message.
    pub(super) fn heard(&mut self, seq: u64) {
        if seq > self.counted_up_to && seq > self.read_up_to && self.heard.len() < MOST {
            self.heard.insert(seq);
        }
    }

    /// The user has read up to this number. Whether the count is only a bound now, or the one that is on its way may be
    /// from before it, and the server must be asked.
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

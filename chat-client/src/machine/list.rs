//! The list of conversations, asked for after every connect: it proves that the server knows us, and says what was
//! missed.

use chat_core::protocol::{
    ConversationSummary, GetActiveConversations, GetActiveConversationsReply, Request,
};
use chat_core::time::Monotonic;

use super::turn::Turn;

/// The list, page after page. Bounded by [`Limits::conversations`](super::Limits::conversations): what comes after that
/// many is left out.
pub(super) struct List {
    turn: Turn,
    so_far: Vec<ConversationSummary>,
    /// It was wanted again while it was under way.
    again: bool,
}

impl Default for List {
    fn default() -> Self {
        Self { turn: Turn::Done, so_far: Vec::new(), again: false }
    }
}

impl List {
    /// It is to be asked for, from its beginning.
    pub(super) fn want(&mut self) {
        match self.turn {
            Turn::OnWire => self.again = true,
            Turn::At(_) | Turn::Done => self.restart(),
        }
    }

    /// Whether it was wanted, and has not come whole.
    pub(super) fn is_under_way(&self) -> bool {
        self.turn != Turn::Done
    }

    fn restart(&mut self) {
        *self = Self { turn: Turn::NOW, ..Self::default() };
    }

    pub(super) fn next(&mut self, now: Monotonic) -> Option<Request> {
        if !self.turn.is_due(now) {
            return None;
        }
        self.turn = Turn::OnWire;
        let skip = i64::try_from(self.so_far.len()).ok().filter(|skip| *skip > 0);
        Some(Request::GetActiveConversations(GetActiveConversations { skip, ..Default::default() }))
    }

    /// A page has come. The whole list, if it was the last one.
    pub(super) fn page(
        &mut self,
        reply: GetActiveConversationsReply,
        most: usize,
    ) -> Option<Vec<ConversationSummary>> {
        let has_more = reply.has_more == Some(true) && !reply.conversations.is_empty();
        self.so_far.extend(reply.conversations);
        if has_more && self.so_far.len() < most {
            self.turn = Turn::NOW;
            return None;
        }
        let whole = std::mem::take(&mut self.so_far);
        self.turn = if self.again { Turn::NOW } else { Turn::Done };
        self.again = false;
        Some(whole)
    }

    /// It could not be had: again, or no more.
    pub(super) fn put_off(&mut self, until: Turn) {
        self.turn = until;
    }

    pub(super) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        self.turn.deadline(now)
    }
}

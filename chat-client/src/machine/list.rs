//! The list of conversations, requested after every connect: proves that the server accepts the
//! token, and tells what was missed. A short first page is shown at once. The other pages follow by
//! cursor.

use std::collections::{BTreeSet, VecDeque};

use chat_core::id::{ConversationId, Cursor};
use chat_core::protocol::{
    ConversationSummary, GetActiveConversations, GetActiveConversationsReply, ParticipantList, Request,
};
use chat_core::time::Monotonic;

use super::limits::Limits;
use super::turn::Turn;

/// Maximum of remembered conversations with news while the list is on its way. With more, the list
/// is requested again.
const HEARD: usize = 256;

/// The position of the next request.
enum Next {
    /// At the newest conversation.
    First,
    /// After a page.
    Cursor(Cursor),
    /// After this many conversations, for a server without cursors.
    Skip(usize),
    /// At the newest conversation once more, or after a page of this second pass. Conversations
    /// that moved to the top meanwhile are on no page of the first pass, and the event about their
    /// move may come after the page that lacks them.
    Newer(Option<Cursor>),
    /// At single conversations with news that are on no page all the same.
    Missing(VecDeque<ConversationId>),
}

/// The result of a reply.
pub(super) enum Listed {
    /// Nothing to show yet.
    More,
    /// The newest conversations of a longer list.
    Newest(Vec<ConversationSummary>),
    /// All conversations.
    Whole(Vec<ConversationSummary>),
}

/// The list, page after page. Bounded by [`Limits::conversations`](super::Limits::conversations):
/// later conversations are left out.
pub(super) struct List {
    turn: Turn,
    next: Next,
    so_far: Vec<ConversationSummary>,
    /// Conversations with news since the start. Bounded by [`HEARD`].
    heard: BTreeSet<ConversationId>,
    /// Whether to start over at the end.
    again: bool,
}

impl Default for List {
    fn default() -> Self {
        Self { turn: Turn::Done, next: Next::First, so_far: Vec::new(), heard: BTreeSet::new(), again: false }
    }
}

/// Makes a request for one conversation's brief row.
pub(super) fn row(id: &ConversationId) -> Request {
    Request::GetActiveConversations(GetActiveConversations {
        conversation_id: Some(id.clone()),
        participants: Some(ParticipantList::Brief),
        ..GetActiveConversations::default()
    })
}

impl List {
    /// Requests the list from its beginning.
    pub(super) fn want(&mut self) {
        match self.turn {
            Turn::OnWire => self.again = true,
            Turn::At(_) | Turn::Done => self.restart(),
        }
    }

    /// Whether the list was requested and has not fully arrived.
    pub(super) fn is_under_way(&self) -> bool {
        self.turn != Turn::Done
    }

    /// Notes news of a conversation, which has moved to the top and may be missing on the next
    /// pages.
    pub(super) fn heard(&mut self, id: &ConversationId) {
        if !self.is_under_way() || self.heard.contains(id) {
            return;
        }
        if self.heard.len() < HEARD {
            self.heard.insert(id.clone());
        } else {
            self.again = true;
        }
    }

    fn restart(&mut self) {
        *self = Self { turn: Turn::NOW, ..Self::default() };
    }

    pub(super) fn next(&mut self, now: Monotonic, limits: &Limits) -> Option<Request> {
        if !self.turn.is_due(now) {
            return None;
        }
        self.turn = Turn::OnWire;
        let mut request = GetActiveConversations {
            participants: Some(ParticipantList::Brief),
            ..GetActiveConversations::default()
        };
        match &self.next {
            Next::First | Next::Newer(None) => request.limit = i64::try_from(limits.first_page).ok(),
            Next::Newer(Some(cursor)) | Next::Cursor(cursor) => request.cursor = Some(cursor.clone()),
            Next::Skip(skip) => request.skip = i64::try_from(*skip).ok(),
            Next::Missing(ids) => request.conversation_id = ids.front().cloned(),
        }
        Some(Request::GetActiveConversations(request))
    }

    /// Handles a page.
    pub(super) fn page(&mut self, reply: GetActiveConversationsReply, most: usize) -> Listed {
        match self.next {
            Next::Missing(_) => return self.missing_came(reply.conversations),
            Next::Newer(_) => return self.newer_came(reply),
            Next::First | Next::Cursor(_) | Next::Skip(_) => {}
        }
        let has_more = reply.has_more == Some(true) && !reply.conversations.is_empty();
        let is_first = matches!(self.next, Next::First);
        self.so_far.extend(reply.conversations);
        if has_more && self.so_far.len() < most {
            self.turn = Turn::NOW;
            self.next = reply.next_cursor.map_or(Next::Skip(self.so_far.len()), Next::Cursor);
            return if is_first { Listed::Newest(self.so_far.clone()) } else { Listed::More };
        }
        if is_first {
            return self.go_on(VecDeque::new());
        }
        // A server without cursors may send a conversation twice.
        let mut seen = BTreeSet::new();
        self.so_far.retain(|summary| seen.insert(summary.id.clone()));
        (self.turn, self.next) = (Turn::NOW, Next::Newer(None));
        Listed::More
    }

    /// Handles a page of the second pass, over activity newer than the start. The list is in the
    /// order of arrival: nothing below a row that has not moved is newer, whatever the times say.
    fn newer_came(&mut self, reply: GetActiveConversationsReply) -> Listed {
        let is_old = |oldest: &ConversationSummary| {
            self.so_far.iter().any(|seen| seen.id == oldest.id && seen.last_seq == oldest.last_seq)
        };
        let is_last = reply.conversations.last().is_none_or(is_old) || reply.next_cursor.is_none();
        let mut rows = reply.conversations;
        rows.retain(|row| self.so_far.iter().all(|seen| seen.id != row.id));
        self.so_far.splice(0..0, rows);
        if is_last {
            return self.go_on(VecDeque::new());
        }
        (self.turn, self.next) = (Turn::NOW, Next::Newer(reply.next_cursor));
        Listed::More
    }

    /// Handles the row of a missing conversation, which is empty if the user takes no part in it
    /// any more.
    pub(super) fn missing_came(&mut self, rows: Vec<ConversationSummary>) -> Listed {
        let Next::Missing(ids) = &mut self.next else { return Listed::More };
        let mut ids = std::mem::take(ids);
        let wanted = ids.pop_front();
        let found = rows.into_iter().find(|row| Some(&row.id) == wanted.as_ref());
        found.into_iter().for_each(|row| self.so_far.insert(0, row));
        self.go_on(ids)
    }

    /// Requests missing conversations, or completes the list.
    fn go_on(&mut self, mut missing: VecDeque<ConversationId>) -> Listed {
        if missing.is_empty() && !self.heard.is_empty() {
            let seen = self.so_far.iter().map(|summary| &summary.id).collect::<BTreeSet<_>>();
            missing.extend(std::mem::take(&mut self.heard).into_iter().filter(|id| !seen.contains(id)));
        }
        if !missing.is_empty() {
            (self.turn, self.next) = (Turn::NOW, Next::Missing(missing));
            return Listed::More;
        }
        let whole = std::mem::take(&mut self.so_far);
        let again = self.again;
        *self = Self::default();
        if again {
            self.restart();
        }
        Listed::Whole(whole)
    }

    /// Whether the current request is for a missing conversation.
    pub(super) fn is_at_missing(&self) -> bool {
        matches!(self.next, Next::Missing(_))
    }

    /// Postpones a failed request, or drops it.
    pub(super) fn put_off(&mut self, until: Turn) {
        self.turn = until;
    }

    pub(super) fn deadline(&self, now: Monotonic) -> Option<Monotonic> {
        self.turn.deadline(now)
    }
}

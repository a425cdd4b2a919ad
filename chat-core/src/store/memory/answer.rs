//! Answers of the memory store to queries.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Bound;

use super::MemoryState;
use crate::conversation::Conversation;
use crate::export::ExportedConversation;
use crate::id::{ConversationId, MessageId, UserId};
use crate::protocol::Message;
use crate::store::{
    Account, ConversationPage, ConversationRow, Directory, Facts, ListPlace, Loaded, MessagePage, Query,
    UNREAD_MOST, UNREAD_WINDOW, Window,
};
use crate::time::Timestamp;

impl MemoryState {
    /// Answers a query: see [`Store::load`](crate::store::Store::load).
    pub fn answer(&self, query: Query) -> Loaded {
        Loaded { position: self.stored.position, facts: self.facts(query) }
    }

    fn facts(&self, query: Query) -> Facts {
        match query {
            Query::Directory => Facts::Directory(self.directory()),
            Query::Account(user) => Facts::Account(self.stored.accounts.get(&user).cloned()),
            Query::Conversation(id) => Facts::Conversation(
                self.stored.conversations.get(&id).map(|stored| stored.conversation.clone()),
            ),
            Query::Conversations { user, since, after, skip, limit, participants } => {
                let mut listed = self.listed(&user, since);
                listed.retain(|stored| after.as_ref().is_none_or(|place| is_behind(stored, place)));
                let left = listed.into_iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
                Facts::Conversations(self.list_page(&user, left, limit, participants))
            }
            Query::ConversationRow { user, conversation } => {
                let own = self.of_user(&user).get(&conversation).map(|id| &self.stored.conversations[id]);
                Facts::ConversationRow(self.list_page(&user, own.into_iter(), 1, usize::MAX))
            }
            Query::Messages { conversation, window, limit, bytes } => {
                let stored = self.stored.conversations.get(&conversation);
                Facts::Messages(stored.map(|stored| stored.page(window, limit, bytes)).unwrap_or_default())
            }
            Query::Message { conversation, id } => Facts::Message(self.seq(&conversation, &id)),
            Query::Original { user, client_message_id } => {
                Facts::Original(self.stored.originals.get(&(user, client_message_id)).cloned())
            }
            Query::ActiveConversations { since, after, limit } => {
                Facts::ActiveConversations(self.active_conversations(since, after, limit))
            }
            Query::Memberships { user, after, limit } => {
                Facts::Memberships(self.memberships(&user, after, limit))
            }
        }
    }

    fn directory(&self) -> Directory {
        let accounts = |wanted: fn(&Account) -> bool| {
            self.stored.accounts.values().filter(|account| wanted(account)).cloned().collect()
        };
        Directory {
            epoch: self.stored.epoch.clone(),
            control: accounts(Account::is_active_control),
            due: accounts(|account| account.enrolment_due),
        }
    }

    fn of_user(&self, user: &UserId) -> &BTreeSet<ConversationId> {
        const NONE: &BTreeSet<ConversationId> = &BTreeSet::new();
        self.memberships.get(user).unwrap_or(NONE)
    }

    /// The conversations of a user with a message after `since`, newest activity first.
    fn listed(&self, user: &UserId, since: Timestamp) -> Vec<&ExportedConversation> {
        let mut listed: Vec<_> = self.of_user(user).iter().map(|id| &self.stored.conversations[id]).collect();
        listed.retain(|stored| stored.conversation.last_message_at > since);
        // The sort is stable: conversations with equal times stay in the order of their ids.
        listed.sort_by_key(|stored| Reverse(stored.conversation.last_message_at));
        listed
    }

    fn list_page<'a>(
        &'a self,
        user: &UserId,
        listed: impl Iterator<Item = &'a ExportedConversation>,
        limit: u32,
        participants: usize,
    ) -> ConversationPage {
        let mut listed = listed.peekable();
        let mut page = ConversationPage::default();
        let mut room = participants;
        while page.rows.len() < limit as usize
            && let Some(stored) =
                listed.next_if(|next| page.rows.is_empty() || next.conversation.participants.len() <= room)
        {
            room = room.saturating_sub(stored.conversation.participants.len());
            page.rows.push(stored.row(user));
        }
        page.more = listed.peek().is_some();
        let named = page.rows.iter().flat_map(|row| row.conversation.participants.iter());
        let known = named.filter_map(|user| self.stored.accounts.get(user));
        page.users = known.map(|account| (account.user.id.clone(), account.user.clone())).collect();
        page
    }

    fn seq(&self, conversation: &ConversationId, id: &MessageId) -> Option<u64> {
        let stored = self.stored.conversations.get(conversation)?;
        let seq = id.seq()?;
        let message = stored.messages.get(as_index(seq.checked_sub(1)?))?;
        (message.id == *id).then_some(seq)
    }

    fn active_conversations(
        &self,
        since: Timestamp,
        after: Option<ConversationId>,
        limit: u32,
    ) -> Vec<Conversation> {
        let later = self.stored.conversations.range((greater_than(after), Bound::Unbounded));
        let active = later.filter(|(_, stored)| stored.conversation.last_message_at > since);
        active.take(limit as usize).map(|(_, stored)| stored.conversation.clone()).collect()
    }

    fn memberships(&self, user: &UserId, after: Option<ConversationId>, limit: u32) -> Vec<Conversation> {
        let later = self.of_user(user).range((greater_than(after), Bound::Unbounded));
        later.take(limit as usize).map(|id| self.stored.conversations[id].conversation.clone()).collect()
    }
}

fn is_behind(stored: &ExportedConversation, place: &ListPlace) -> bool {
    place.is_before(stored.conversation.last_message_at, &stored.conversation.id)
}

fn greater_than(after: Option<ConversationId>) -> Bound<ConversationId> {
    after.map_or(Bound::Unbounded, Bound::Excluded)
}

impl ExportedConversation {
    fn row(&self, user: &UserId) -> ConversationRow {
        let read_up_to = self.read_up_to.get(user).copied().unwrap_or_default();
        let unread = self.after(read_up_to).iter().take(as_index(UNREAD_WINDOW));
        let unread = unread.filter(|message| message.sender_id != *user).take(UNREAD_MOST as usize);
        ConversationRow {
            conversation: self.conversation.clone(),
            last_message: self.messages.last().expect("a conversation begins with a message").clone(),
            read_up_to,
            unread_count: u32::try_from(unread.count()).expect("at most UNREAD_MOST"),
        }
    }

    fn page(&self, window: Window, limit: u32, bytes: usize) -> MessagePage {
        let last_seq = self.conversation.last_seq;
        let (messages, more) = match window {
            Window::After(seq) => {
                let window = self.after(seq);
                let fitting = how_many_fit(window.iter(), limit, bytes);
                (&window[..fitting], fitting < window.len())
            }
            Window::Before(seq) => newest(self.up_to(seq.saturating_sub(1)), limit, bytes),
            Window::Newest { skip } => newest(self.up_to(last_seq.saturating_sub(skip)), limit, bytes),
        };
        MessagePage { messages: messages.to_vec(), last_seq, more }
    }

    fn up_to(&self, seq: u64) -> &[Message] {
        &self.messages[..as_index(seq).min(self.messages.len())]
    }

    fn after(&self, seq: u64) -> &[Message] {
        &self.messages[as_index(seq).min(self.messages.len())..]
    }
}

/// The newest messages of a window that fit a page, and whether older ones exist.
fn newest(window: &[Message], limit: u32, bytes: usize) -> (&[Message], bool) {
    let left_out = window.len() - how_many_fit(window.iter().rev(), limit, bytes);
    (&window[left_out..], left_out > 0)
}

/// The number of messages that fit a page, at least the first.
fn how_many_fit<'a>(messages: impl Iterator<Item = &'a Message>, limit: u32, bytes: usize) -> usize {
    let mut sum = 0_usize;
    let fitting = messages.take(limit as usize).enumerate().take_while(|(index, message)| {
        sum = sum.saturating_add(message.content.len());
        *index == 0 || sum <= bytes
    });
    fitting.count()
}

fn as_index(seq: u64) -> usize {
    usize::try_from(seq).unwrap_or(usize::MAX)
}

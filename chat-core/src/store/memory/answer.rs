//! Answers of the memory store to queries.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Bound;

use super::MemoryState;
use crate::conversation::Conversation;
use crate::export::ExportedConversation;
use crate::id::{ConversationId, MessageId, UserId};
use crate::permission::takes_part;
use crate::protocol::{Message, Reading};
use crate::store::{
    Account, AccountSelection, ConversationPage, ConversationRow, Directory, Facts, Loaded, MessagePage,
    Position, Query, StoredAccount, UNREAD_MOST, UNREAD_WINDOW, Window,
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
            Query::Accounts(selection) => Facts::Accounts(self.accounts(selection)),
            Query::Conversation(id) => Facts::Conversation(
                self.stored.conversations.get(&id).map(|stored| stored.conversation.clone()),
            ),
            Query::Conversations { user, since, below, skip, limit, members } => {
                let listed = self.listed(&user, since, below);
                let left = listed.into_iter().skip(usize::try_from(skip).unwrap_or(usize::MAX));
                Facts::Conversations(self.list_page(&user, left, limit, members))
            }
            Query::ConversationRow { user, conversation } => {
                let stored = self.stored.conversations.get(&conversation);
                let own = stored.filter(|stored| self.takes_part(&user, stored));
                Facts::ConversationRow(self.list_page(&user, own.into_iter(), 1, usize::MAX))
            }
            Query::Work(query) => Facts::Work(Box::new(self.work_page(&query))),
            Query::Messages { conversation, window, limit, bytes, with_positions } => {
                let stored = self.stored.conversations.get(&conversation);
                let page = stored.map(|stored| stored.page(window, limit, bytes)).unwrap_or_default();
                let positions = stored.filter(|_| with_positions).map(ExportedConversation::positions);
                Facts::Messages(MessagePage { positions: positions.unwrap_or_default(), ..page })
            }
            Query::Message { conversation, id } => Facts::Message(self.seq(&conversation, &id)),
            Query::Emergencies(limit) => Facts::Emergencies(self.emergencies(limit)),
            Query::OpenOrders(query) => Facts::OpenOrders(self.open_orders(&query)),
            Query::Original { user, client_message_id } => {
                Facts::Original(self.stored.originals.get(&(user, client_message_id)).cloned())
            }
        }
    }

    fn directory(&self) -> Directory {
        let staff = self.stored.accounts.values().filter(|stored| stored.account.is_staff());
        let shared = self.history.is_some();
        Directory { epoch: self.stored.epoch.clone(), staff: staff.cloned().collect(), shared }
    }

    fn accounts(&self, selection: AccountSelection) -> Vec<StoredAccount> {
        let accounts = &self.stored.accounts;
        match selection {
            AccountSelection::These(users) => {
                let users: BTreeSet<_> = users.into_iter().collect();
                users.iter().filter_map(|user| accounts.get(user)).cloned().collect()
            }
            AccountSelection::After { user, limit } => {
                let after = user.map_or(Bound::Unbounded, Bound::Excluded);
                let found = accounts.range((after, Bound::Unbounded));
                found.take(limit as usize).map(|(_, stored)| stored.clone()).collect()
            }
        }
    }

    fn emergencies(&self, limit: u32) -> Vec<Conversation> {
        let all = self.stored.conversations.values().map(|stored| &stored.conversation);
        all.filter(|conversation| conversation.is_live_emergency()).take(limit as usize).cloned().collect()
    }

    fn takes_part(&self, user: &UserId, stored: &ExportedConversation) -> bool {
        let account = self.stored.accounts.get(user);
        account.is_some_and(|known| takes_part(&known.account, &stored.conversation.participation))
    }

    /// The active conversations of a user below a position, newest activity first.
    fn listed(&self, user: &UserId, since: Timestamp, below: Option<Position>) -> Vec<&ExportedConversation> {
        let all = self.stored.conversations.values().filter(|stored| self.takes_part(user, stored));
        let active = all.filter(|stored| stored.conversation.last_message_at > since);
        let mut listed: Vec<_> =
            active.filter(|stored| below.is_none_or(|below| stored.position < below)).collect();
        listed.sort_by_key(|stored| Reverse(stored.position));
        listed
    }

    pub(super) fn list_page<'a>(
        &'a self,
        user: &UserId,
        listed: impl Iterator<Item = &'a ExportedConversation>,
        limit: u32,
        members: usize,
    ) -> ConversationPage {
        let mut listed = listed.peekable();
        let mut page = ConversationPage::default();
        let mut room = members;
        let count = |stored: &ExportedConversation| stored.conversation.participation.members.len();
        let account = self.stored.accounts.get(user);
        while page.rows.len() < limit as usize
            && let Some(stored) = listed.next_if(|next| page.rows.is_empty() || count(next) <= room)
        {
            room = room.saturating_sub(count(stored));
            page.rows.extend(account.map(|known| stored.row(&known.account)));
        }
        page.more = listed.peek().is_some();
        let named = page.rows.iter().flat_map(|row| {
            let members = row.conversation.participation.members.iter().map(|(user, _)| user);
            members.chain([&row.last_message.sender_id]).chain(&row.conversation.work.assignee)
        });
        let known = named.filter_map(|user| self.stored.accounts.get(user));
        page.users = known.map(|known| (known.user().id.clone(), known.user().clone())).collect();
        page
    }

    fn seq(&self, conversation: &ConversationId, id: &MessageId) -> Option<u64> {
        let stored = self.stored.conversations.get(conversation)?;
        let seq = id.seq()?;
        let message = stored.messages.get(as_index(seq.checked_sub(1)?))?;
        (message.id == *id).then_some(seq)
    }
}

impl ExportedConversation {
    fn row(&self, account: &Account) -> ConversationRow {
        let user = &account.user.id;
        let read_up_to = self.read_up_to.get(user).copied().unwrap_or_default();
        let since = account.unread_since(&self.conversation.participation);
        let newest = self.messages.iter().rev().take(as_index(UNREAD_WINDOW));
        let unread = newest.take_while(|message| message.seq.is_some_and(|seq| seq > read_up_to));
        let unread = unread.take_while(|message| since.is_none_or(|at| message.sent_at >= at));
        let unread = unread.filter(|message| message.sender_id != *user && !message.is_entry());
        let unread = unread.take(UNREAD_MOST as usize);
        ConversationRow {
            conversation: self.conversation.clone(),
            position: self.position,
            last_message: self.messages[as_index(self.conversation.last_text_seq - 1)].clone(),
            read_up_to,
            positions: self.positions(),
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
        let (work, emergency) = (Some(self.conversation.work.clone()), self.conversation.emergency.clone());
        let positions = Vec::new();
        MessagePage { messages: messages.to_vec(), last_seq, positions, work, emergency, more }
    }

    /// The read positions of control and of the members.
    fn positions(&self) -> Vec<Reading> {
        let readers = self.conversation.participation.readers().into_iter();
        let reading = readers.filter_map(|user_id| {
            let read_up_to = *self.read_up_to.get(&user_id)?;
            Some(Reading { user_id, read_up_to })
        });
        reading.collect()
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
        sum = sum.saturating_add(message.text_length());
        *index == 0 || sum <= bytes
    });
    fitting.count()
}

pub(super) fn as_index(seq: u64) -> usize {
    usize::try_from(seq).unwrap_or(usize::MAX)
}

//! The events of one user in a period, and the readers of the user's messages.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use chat_core::id::{ClientMessageId, ConversationId, MessageId, UserId};
use chat_core::store::{Account, EntryBody, Event};
use chat_core::time::Timestamp;

use crate::store::error::OpenError;
use crate::store::write::journal::Groups;

/// The subject of a history.
#[derive(Clone, Debug)]
pub(crate) struct Period {
    pub(crate) user: UserId,
    pub(crate) from: Timestamp,
    pub(crate) until: Timestamp,
    /// Entries kept, at most. Further ones are counted only.
    pub(crate) most: usize,
}

/// The events that the journal has for a period.
#[derive(Debug, Default)]
pub(crate) struct JournalHistory {
    /// Messages of the user, and of others in the same conversations after them.
    pub(crate) messages: Vec<HistoryMessage>,
    /// Changes of the user's account.
    pub(crate) accounts: Vec<Account>,
    /// Messages beyond the most.
    pub(crate) left_out: u64,
}

/// A stored message.
#[derive(Debug)]
pub(crate) struct HistoryMessage {
    pub(crate) conversation: ConversationId,
    pub(crate) seq: u64,
    pub(crate) id: MessageId,
    pub(crate) sender: UserId,
    pub(crate) sent_at: Timestamp,
    pub(crate) client_message_id: Option<ClientMessageId>,
    pub(crate) is_erased: bool,
    /// The change, if the message is an entry.
    pub(crate) entry: Option<EntryBody>,
    /// The first user other than the sender who has read the message, and when, if known.
    pub(crate) read_by: Option<(UserId, Option<Timestamp>)>,
}

/// Reads the events of a period, and who has read its messages until now. Changes nothing, and may
/// run beside a server. Blocks.
///
/// # Errors
///
/// [`OpenError`] if the journal can't be read.
pub(crate) fn history(dir: &Path, period: &Period) -> Result<JournalHistory, OpenError> {
    let mut walk = HistoryWalk::new(period);
    let mut groups = Groups::since(&dir.join("journal"), period.from)?;
    loop {
        match groups.next_group() {
            Ok(Some((_, records))) => records.iter().for_each(|(_, record)| walk.event(&record.event)),
            Ok(None) => return Ok(walk.finish()),
            // A running server writes the last group.
            Err(_) if walk.is_past => return Ok(walk.finish()),
            Err(error) => return Err(error),
        }
    }
}

/// A walk over the events from before the period until now, in order.
pub(crate) struct HistoryWalk<'a> {
    period: &'a Period,
    found: JournalHistory,
    /// Conversations in which the user has written in the period.
    conversations: BTreeSet<ConversationId>,
    /// Messages that nobody has read yet, by conversation, as places in `found`.
    unread: BTreeMap<ConversationId, Vec<usize>>,
    /// A message after the period was seen.
    is_past: bool,
}

impl<'a> HistoryWalk<'a> {
    /// Before the first event.
    pub(crate) fn new(period: &'a Period) -> Self {
        let (conversations, unread) = (BTreeSet::new(), BTreeMap::new());
        Self { period, found: JournalHistory::default(), conversations, unread, is_past: false }
    }

    /// Takes up the next event.
    pub(crate) fn event(&mut self, event: &Event) {
        self.is_past |= event.sent_at().is_some_and(|at| at > self.period.until);
        match event {
            Event::ConversationCreated(created) => self.message(HistoryMessage {
                conversation: created.id.clone(),
                seq: 1,
                id: created.message_id.clone(),
                sender: created.created_by.clone(),
                sent_at: created.sent_at,
                client_message_id: created.client_message_id.clone(),
                is_erased: event.is_erased(),
                entry: None,
                read_by: None,
            }),
            Event::MessageAppended(appended) => self.message(HistoryMessage {
                conversation: appended.conversation.clone(),
                seq: appended.seq,
                id: appended.message_id.clone(),
                sender: appended.sender.clone(),
                sent_at: appended.sent_at,
                client_message_id: appended.client_message_id.clone(),
                is_erased: event.is_erased(),
                entry: appended.entry.clone(),
                read_by: None,
            }),
            Event::ReadMarked(read) => self.read(&read.conversation, &read.user, read.up_to, read.at),
            Event::AccountPut { account } => self.account(account),
            Event::EpochBegun { .. } | Event::MemberAdded(_) | Event::MemberWithdrawn(_) => {}
        }
    }

    /// The events of the period.
    pub(crate) fn finish(self) -> JournalHistory {
        self.found
    }

    fn account(&mut self, account: &Account) {
        let Period { user, from, until, most } = self.period;
        let is_near = account.said.is_some_and(|said| (*from..=*until).contains(&said.at));
        if account.user.id == *user && is_near && self.found.accounts.len() < *most {
            self.found.accounts.push(account.clone());
        }
    }

    fn message(&mut self, message: HistoryMessage) {
        let Period { user, from, until, most } = self.period;
        let is_own = message.sender == *user;
        let is_near = (*from..=*until).contains(&message.sent_at);
        if !is_near || !(is_own || self.conversations.contains(&message.conversation)) {
            return;
        }
        if self.found.messages.len() >= *most {
            self.found.left_out += 1;
            return;
        }
        if is_own {
            self.conversations.insert(message.conversation.clone());
        }
        self.unread.entry(message.conversation.clone()).or_default().push(self.found.messages.len());
        self.found.messages.push(message);
    }

    fn read(&mut self, conversation: &ConversationId, user: &UserId, up_to: u64, at: Option<Timestamp>) {
        let Some(unread) = self.unread.get_mut(conversation) else { return };
        let messages = &mut self.found.messages;
        unread.retain(|place| {
            let message = &mut messages[*place];
            let is_read = message.seq <= up_to && message.sender != *user;
            if is_read {
                message.read_by = Some((user.clone(), at));
            }
            !is_read
        });
    }
}

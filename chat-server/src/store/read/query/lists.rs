//! Lists of a user's conversations.

use std::collections::HashMap;
use std::collections::btree_map::Entry;

use chat_core::conversation::{Conversation, Standing};
use chat_core::id::{ConversationId, TeamId, UserId};
use chat_core::permission::takes_part;
use chat_core::store::{
    Account, ConversationPage, ConversationRow, Facts, INACTIVE_MOST, Position, StoredAccount, UNREAD_MOST,
    UNREAD_WINDOW, UnavailableError,
};
use chat_core::time::Timestamp;

use super::owner_list::OwnerList;
use super::{QueryEngine, Snapshot};
use crate::store::index::messages::StoredMessages;
use crate::store::index::view::after;
use crate::store::keys::{self, Owner};
use crate::store::lock;
use crate::store::read::recent::{Listed, OF_TEAM_MOST, RecentPage};
use crate::store::values::{self, MessageValue};

/// Conversations that are read at once while a team's list is filled. The index is kept unchanged
/// for a few milliseconds.
const STEP: usize = 256;

/// Most conversations of a page from which the user was withdrawn before blocks are read.
const WITHDRAWN_MOST: usize = 64;

/// The range and the bounds of a page.
pub(super) struct ListRange {
    /// Excludes conversations without a message after this time.
    pub(super) since: Timestamp,
    /// Excludes conversations with their newest message at or above this position.
    pub(super) below: Option<Position>,
    pub(super) skip: u64,
    pub(super) limit: u32,
    /// Room for members.
    pub(super) members: usize,
}

impl ListRange {
    /// The conversations that a page of one team usually looks at.
    fn reach(&self) -> usize {
        let skip = usize::try_from(self.skip).unwrap_or(usize::MAX);
        skip.saturating_add(self.limit as usize).saturating_add(INACTIVE_MOST + WITHDRAWN_MOST)
    }
}

impl QueryEngine {
    /// A page of a user's conversations: see
    /// [`Query::Conversations`](chat_core::store::Query::Conversations).
    pub(super) fn conversations(
        &self,
        user: &UserId,
        range: &ListRange,
    ) -> Result<(Position, Facts), UnavailableError> {
        let (_, account) = self.with_snapshot(|snapshot| snapshot.active_account(user))?;
        let teams = account.map(|account| account.teams).unwrap_or_default();
        teams.iter().try_for_each(|team| self.fill(team))?;
        self.with_recent(
            |memtable| self.slot.recent().read(&teams, range.below, range.reach(), || memtable.snapshot()),
            |snapshot, recent| snapshot.conversations(user, range, recent).map(Facts::Conversations),
        )
    }

    /// Reads the newest conversations of a team into memory, unless they are there.
    fn fill(&self, team: &TeamId) -> Result<(), UnavailableError> {
        let recent = self.slot.recent();
        if recent.knows(team) {
            return Ok(());
        }
        let _one = lock(&self.filling);
        if recent.begin(team) {
            let read = self.newest_of(&Owner::Team(team.clone())).inspect_err(|_| recent.abandon(team))?;
            recent.finish(team, read.0, read.1);
        }
        Ok(())
    }

    /// The newest conversations of an owner in no order, and the position from which on they are
    /// all, except for those that move meanwhile.
    ///
    /// Reads in steps, between which the index thread works.
    pub(super) fn newest_of(&self, owner: &Owner) -> Result<(Vec<Listed>, Position), UnavailableError> {
        let prefix = keys::activities(owner);
        let (mut start, end) = (prefix.clone(), after(&prefix));
        let (mut found, mut last) = (Vec::new(), None);
        loop {
            let (_, step) = self.with_snapshot(|snapshot| {
                let entries = snapshot.view.range(&start, &end)?.take(STEP);
                let step = entries.map(|entry| {
                    let key = entry?.0;
                    let (block, id) = snapshot.view.decoded(keys::split_activity(&key[prefix.len()..]))?;
                    Ok((block, snapshot.listed(id)?))
                });
                step.collect::<Result<Vec<_>, UnavailableError>>()
            })?;
            let Some((block, listed)) = step.last() else { return Ok((found, Position(0))) };
            start = [&keys::activity(owner, *block, &listed.conversation)[..], &[0]].concat();
            for (block, listed) in step {
                if let Some(last) = last.replace(block).filter(|last| *last != block)
                    && found.len() >= OF_TEAM_MOST
                {
                    return Ok((found, last.first()));
                }
                found.push(listed);
            }
        }
    }
}

impl Snapshot<'_> {
    pub(super) fn active_account(&self, user: &UserId) -> Result<Option<Account>, UnavailableError> {
        Ok(self.account(user)?.map(|known| known.account).filter(|account| account.active))
    }

    /// A page of a user's conversations, merged from the lists of the user and of the user's teams.
    fn conversations(
        &self,
        user: &UserId,
        range: &ListRange,
        mut recent: HashMap<TeamId, RecentPage>,
    ) -> Result<ConversationPage, UnavailableError> {
        let mut page = ListPage::new(range);
        let Some(account) = self.active_account(user)? else { return Ok(page.built) };
        let list = |owner, recent| OwnerList::new(self, owner, recent, range.below);
        let teams = account.teams.iter().map(|team| list(Owner::Team(team.clone()), recent.remove(team)));
        let mut lists: Vec<_> = teams.chain([list(Owner::User(user.clone()), None)]).collect();
        let mut inactive = 0;
        while let Some((listed, by_team)) = next_of(&mut lists)? {
            if listed.sent_at <= range.since {
                inactive += 1;
                if inactive == INACTIVE_MOST {
                    break;
                }
                continue;
            }
            inactive = 0;
            if self.lists(&account, &listed.conversation, by_team)?
                && !self.add(&mut page, &account, &listed.conversation)?
            {
                break;
            }
        }
        Ok(page.built)
    }

    /// Whether a user takes part in a conversation of the user's own list or of a team's.
    fn lists(&self, account: &Account, id: &ConversationId, by_team: bool) -> Result<bool, UnavailableError> {
        let key = keys::member(id, &account.user.id);
        let standing = self.view.get_as(&key, values::decode_standing)?;
        Ok(match standing.unwrap_or_default() {
            Standing::Unnamed => by_team,
            Standing::Member => true,
            Standing::ControlMember => by_team || account.user.role.is_control(),
            Standing::Withdrawn => false,
        })
    }

    /// One row of a user's list: see
    /// [`Query::ConversationRow`](chat_core::store::Query::ConversationRow).
    pub(super) fn conversation_row(
        &self,
        user: &UserId,
        id: &ConversationId,
    ) -> Result<ConversationPage, UnavailableError> {
        let mut page = ConversationPage::default();
        if let Some(StoredAccount { account, .. }) = self.account(user)?
            && let Some((conversation, newest)) = self.with_newest(id)?
            && takes_part(&account, &conversation.participation)
        {
            self.push(&mut page, &account, conversation, newest)?;
        }
        Ok(page)
    }

    /// Adds a conversation to a page. Returns `false` if the page ends before the conversation.
    pub(super) fn add(
        &self,
        page: &mut ListPage,
        account: &Account,
        id: &ConversationId,
    ) -> Result<bool, UnavailableError> {
        if page.skip > 0 {
            page.skip -= 1;
            return Ok(true);
        }
        if !page.is_full() {
            let stored = self.with_newest(id)?;
            let (conversation, newest) = self.view.decoded(stored)?;
            if page.has_room(&conversation) {
                self.push(&mut page.built, account, conversation, newest)?;
                return Ok(true);
            }
        }
        page.built.more = true;
        Ok(false)
    }

    /// Adds a row, with the users that the row names.
    fn push(
        &self,
        page: &mut ConversationPage,
        account: &Account,
        conversation: Conversation,
        newest: MessageValue,
    ) -> Result<(), UnavailableError> {
        let id = &conversation.id;
        let read = self.view.get_as(&keys::read_position(&account.user.id, id), values::decode_number)?;
        let read_up_to = read.unwrap_or_default();
        let unread_count = self.unread(account, &conversation, read_up_to)?;
        let positions = self.positions(id, &conversation.participation)?;
        let position = newest.position;
        let last_message = self.assemble_message(id, conversation.last_text_seq, newest)?;
        let members = conversation.participation.members.iter().map(|(user, _)| user);
        let named = members.chain([&last_message.sender_id]).chain(&conversation.work.assignee);
        for user in named {
            if let Entry::Vacant(vacant) = page.users.entry(user.clone())
                && let Some(known) = self.account(user)?
            {
                vacant.insert(known.account.user);
            }
        }
        page.rows.push(ConversationRow {
            conversation,
            position,
            last_message,
            read_up_to,
            positions,
            unread_count,
        });
        Ok(())
    }

    fn unread(
        &self,
        account: &Account,
        Conversation { id, participation, last_seq, .. }: &Conversation,
        read_up_to: u64,
    ) -> Result<u32, UnavailableError> {
        let since = account.unread_since(participation);
        let first = read_up_to.max(last_seq.saturating_sub(UNREAD_WINDOW)).saturating_add(1);
        let mut count = 0;
        if first <= *last_seq {
            for message in StoredMessages::new(&self.view, id, first..=*last_seq, true)? {
                let (_, message) = message?;
                if count == UNREAD_MOST || since.is_some_and(|since| message.sent_at < since) {
                    break;
                }
                count += u32::from(message.is_text() && message.sender != account.user.id);
            }
        }
        Ok(count)
    }
}

/// Takes the newest conversation from all lists that begin with it, and says whether one of them is
/// a team's.
fn next_of(lists: &mut [OwnerList<'_>]) -> Result<Option<(Listed, bool)>, UnavailableError> {
    let mut newest: Option<Listed> = None;
    for list in lists.iter_mut() {
        if let Some(listed) = list.peek()?
            && newest.as_ref().is_none_or(|newest| newest.position < listed.position)
        {
            newest = Some(listed.clone());
        }
    }
    let Some(newest) = newest else { return Ok(None) };
    let mut by_team = false;
    for list in lists {
        if list.peek()?.is_some_and(|listed| listed.position == newest.position) {
            by_team |= list.is_team();
            list.advance();
        }
    }
    Ok(Some((newest, by_team)))
}

/// A page under construction.
pub(super) struct ListPage {
    pub(super) built: ConversationPage,
    skip: u64,
    limit: usize,
    /// Room for members.
    room: usize,
}

impl ListPage {
    pub(super) fn new(range: &ListRange) -> Self {
        let ListRange { skip, limit, members, .. } = *range;
        Self { built: ConversationPage::default(), skip, limit: limit as usize, room: members }
    }

    fn is_full(&self) -> bool {
        self.built.rows.len() >= self.limit
    }

    /// Whether another row fits, which the first always does. Takes its room.
    fn has_room(&mut self, conversation: &Conversation) -> bool {
        let members = conversation.participation.members.len();
        let fits = self.built.rows.is_empty() || members <= self.room;
        self.room = self.room.saturating_sub(members);
        fits
    }
}

//! Lists of conversations: of a user by activity or by id, and of all by id.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chat_core::conversation::Conversation;
use chat_core::id::{ConversationId, UserId};
use chat_core::protocol::User;
use chat_core::store::{
    ConversationPage, ConversationRow, Facts, ListPlace, Loaded, UNREAD_MOST, UNREAD_WINDOW, UnavailableError,
};
use chat_core::time::Timestamp;

use super::{QueryEngine, Snapshot};
use crate::store::index::messages::{StoredMessages, newest_message};
use crate::store::index::view::after as after_prefix;
use crate::store::keys::{self, Hour};
use crate::store::values::{self, ConversationValue, MessageValue};

/// Most conversations per step. The index is kept unchanged for a few milliseconds.
const STEP: usize = 256;

/// A conversation of a user's list that may be on the page.
struct Candidate {
    id: ConversationId,
    newest: (u64, MessageValue),
}

/// The range of a user's list for a page.
pub(super) struct ListRange {
    /// Excludes conversations without a message after this time.
    pub(super) since: Timestamp,
    /// Excludes conversations up to this place.
    pub(super) after: Option<ListPlace>,
}

impl ListRange {
    fn contains(&self, last_message_at: Timestamp, id: &ConversationId) -> bool {
        last_message_at > self.since
            && self.after.as_ref().is_none_or(|place| place.is_before(last_message_at, id))
    }

    /// Whether all conversations of this hour are in the range.
    fn covers(&self, hour: Hour) -> bool {
        hour < Hour::of(self.since)
            && self.after.as_ref().is_none_or(|place| hour > Hour::of(place.last_message_at))
    }
}

impl Snapshot<'_> {
    /// A page of a user's conversations: see [`Query::Conversations`](chat_core::store::Query::Conversations).
    ///
    /// The index has the hour of each conversation's last activity. Hours covered by `skip` are
    /// only counted; within the page's hours the newest messages give the order.
    pub(super) fn conversations(
        &self,
        user: &UserId,
        range: &ListRange,
        skip: u64,
        limit: u32,
        participants: usize,
    ) -> Result<ConversationPage, UnavailableError> {
        let mut page = ListPage::new(skip, limit, participants);
        let prefix = keys::activities(user);
        let start = match &range.after {
            Some(place) => keys::activities_in(user, Hour::of(place.last_message_at)),
            None => prefix.clone(),
        };
        let mut hour: Option<(Hour, Vec<ConversationId>)> = None;
        for entry in self.view.range(&start, &after_prefix(&prefix))? {
            let (next, id) = self.view.decoded(keys::split_activity(&entry?.0[prefix.len()..]))?;
            if next > Hour::of(range.since) {
                break;
            }
            match &mut hour {
                Some((same, ids)) if *same == next => ids.push(id),
                _ => {
                    if let Some((done, ids)) = hour.replace((next, vec![id]))
                        && !self.add_hour(&mut page, user, done, ids, range)?
                    {
                        return Ok(page.built);
                    }
                }
            }
        }
        if let Some((last, ids)) = hour {
            self.add_hour(&mut page, user, last, ids, range)?;
        }
        Ok(page.built)
    }

    /// Adds the conversations of an hour. Returns `false` when the page is complete and more are
    /// known to follow.
    fn add_hour(
        &self,
        page: &mut ListPage,
        user: &UserId,
        hour: Hour,
        ids: Vec<ConversationId>,
        range: &ListRange,
    ) -> Result<bool, UnavailableError> {
        if range.covers(hour) && page.skip >= ids.len() as u64 {
            page.skip -= ids.len() as u64;
            return Ok(true);
        }
        let mut candidates = Vec::with_capacity(ids.len());
        for id in ids {
            let newest = newest_message(&self.view, &id)?;
            let newest = self.view.decoded(newest)?;
            if range.contains(newest.1.sent_at, &id) {
                candidates.push(Candidate { id, newest });
            }
        }
        // The sort is stable: equal times stay ordered by id.
        candidates.sort_by_key(|candidate| Reverse(candidate.newest.1.sent_at));
        for candidate in candidates {
            if !self.add(page, user, candidate)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// One row of a user's list: see [`Query::ConversationRow`](chat_core::store::Query::ConversationRow).
    pub(super) fn conversation_row(
        &self,
        user: &UserId,
        id: ConversationId,
    ) -> Result<ConversationPage, UnavailableError> {
        let mut page = ListPage::new(0, 1, usize::MAX);
        if self.view.get(&keys::membership(user, &id))?.is_some() {
            let newest = newest_message(&self.view, &id)?;
            self.add(&mut page, user, Candidate { newest: self.view.decoded(newest)?, id })?;
        }
        Ok(page.built)
    }

    fn add(
        &self,
        page: &mut ListPage,
        user: &UserId,
        candidate: Candidate,
    ) -> Result<bool, UnavailableError> {
        if page.skip > 0 {
            page.skip -= 1;
            return Ok(true);
        }
        if page.is_full() {
            page.built.more = true;
            return Ok(false);
        }
        let value = self.view.get_as(&keys::conversation(&candidate.id), values::decode_json)?;
        let value: ConversationValue = self.view.decoded(value)?;
        let conversation = self.assemble(candidate.id, value, &candidate.newest)?;
        if !page.has_room(&conversation) {
            page.built.more = true;
            return Ok(false);
        }
        self.name_users(&mut page.built.users, &conversation)?;
        page.built.rows.push(self.row(user, conversation, candidate.newest)?);
        Ok(true)
    }

    fn row(
        &self,
        user: &UserId,
        conversation: Conversation,
        (seq, newest): (u64, MessageValue),
    ) -> Result<ConversationRow, UnavailableError> {
        let read = self.view.get_as(&keys::read_position(user, &conversation.id), values::decode_number)?;
        let read_up_to = read.unwrap_or_default();
        let unread_count = self.unread(user, &conversation.id, read_up_to, seq)?;
        let last_message = self.assemble_message(&conversation.id, seq, newest)?;
        Ok(ConversationRow { conversation, last_message, read_up_to, unread_count })
    }

    fn unread(
        &self,
        user: &UserId,
        id: &ConversationId,
        read_up_to: u64,
        last_seq: u64,
    ) -> Result<u32, UnavailableError> {
        let last = read_up_to.saturating_add(UNREAD_WINDOW).min(last_seq);
        if last <= read_up_to {
            return Ok(0);
        }
        let mut count = 0;
        for message in StoredMessages::new(&self.view, id, read_up_to + 1..=last, false)? {
            let (_, message) = message?;
            count += u32::from(message.sender != *user);
            if count == UNREAD_MOST {
                break;
            }
        }
        Ok(count)
    }

    fn name_users(
        &self,
        users: &mut BTreeMap<UserId, User>,
        conversation: &Conversation,
    ) -> Result<(), UnavailableError> {
        for user in conversation.participants.iter() {
            if let Entry::Vacant(vacant) = users.entry(user.clone())
                && let Some(account) = self.account(user)?
            {
                vacant.insert(account.user);
            }
        }
        Ok(())
    }

    /// A user's conversations by id: see [`Query::Memberships`](chat_core::store::Query::Memberships).
    pub(super) fn memberships(
        &self,
        user: &UserId,
        after: Option<&ConversationId>,
        limit: u32,
    ) -> Result<Vec<Conversation>, UnavailableError> {
        let prefix = keys::memberships(user);
        let start = after.map_or(prefix.clone(), |id| just_after(keys::membership(user, id)));
        let entries = self.view.range(&start, &after_prefix(&prefix))?.take(limit as usize);
        let conversations = entries.map(|entry| {
            let id: ConversationId = self.view.decoded(keys::text(&entry?.0[prefix.len()..]))?;
            let conversation = self.conversation(&id)?;
            self.view.decoded(conversation)
        });
        conversations.collect()
    }

    /// Looks at some conversations after a key. Returns the active ones, and the last key if more
    /// may follow.
    fn some_active(
        &self,
        since: Timestamp,
        start: &[u8],
        limit: usize,
    ) -> Result<(Vec<Conversation>, Option<Vec<u8>>), UnavailableError> {
        let mut active = Vec::new();
        let end = after_prefix(keys::CONVERSATIONS);
        for (looked_at, entry) in self.view.range(start, &end)?.enumerate() {
            let (key, value) = entry?;
            if looked_at == STEP || active.len() == limit {
                return Ok((active, Some(key.to_vec())));
            }
            let id: ConversationId = self.view.decoded(keys::text(&key[keys::CONVERSATIONS.len()..]))?;
            let newest = newest_message(&self.view, &id)?;
            let newest = self.view.decoded(newest)?;
            if newest.1.sent_at > since {
                let value = self.view.decoded(values::decode_json(&value))?;
                active.push(self.assemble(id, value, &newest)?);
            }
        }
        Ok((active, None))
    }
}

impl QueryEngine {
    /// All active conversations by id: see
    /// [`Query::ActiveConversations`](chat_core::store::Query::ActiveConversations).
    ///
    /// Many silent conversations may have to be passed. The walk goes in steps, and the index
    /// thread works between them. The position is that of the first step, because conversations
    /// never change their place.
    pub(super) fn active_conversations(
        &self,
        since: Timestamp,
        after: Option<ConversationId>,
        limit: u32,
    ) -> Result<Loaded, UnavailableError> {
        let limit = limit as usize;
        let mut start = after.map_or(keys::CONVERSATIONS.to_vec(), |id| just_after(keys::conversation(&id)));
        let mut found = Vec::new();
        let mut first = None;
        loop {
            let left = limit - found.len();
            let (position, (active, next)) =
                self.with_snapshot(|snapshot| snapshot.some_active(since, &start, left))?;
            found.extend(active);
            let position = *first.get_or_insert(position);
            match next {
                Some(next) if found.len() < limit => start = next,
                _ => return Ok(Loaded { position, facts: Facts::ActiveConversations(found) }),
            }
        }
    }
}

/// The first key after this one.
fn just_after(mut key: Vec<u8>) -> Vec<u8> {
    key.push(0);
    key
}

/// A page under construction.
struct ListPage {
    built: ConversationPage,
    skip: u64,
    limit: usize,
    /// Room for participants.
    room: usize,
}

impl ListPage {
    fn new(skip: u64, limit: u32, participants: usize) -> Self {
        Self { built: ConversationPage::default(), skip, limit: limit as usize, room: participants }
    }

    fn is_full(&self) -> bool {
        self.built.rows.len() >= self.limit
    }

    /// Whether another row fits, which the first always does. Takes its room.
    fn has_room(&mut self, conversation: &Conversation) -> bool {
        let participants = conversation.participants.len();
        let fits = self.built.rows.is_empty() || participants <= self.room;
        self.room = self.room.saturating_sub(participants);
        fits
    }
}

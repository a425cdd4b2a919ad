//! Lists of conversations by their work.

use std::collections::{BTreeMap, HashMap};

use chat_core::conversation::Participation;
use chat_core::id::{ConversationId, UserId};
use chat_core::protocol::{WorkCounts, WorkList};
use chat_core::store::{
    Account, UnavailableError, WORK_COUNTED, WORK_SEARCHED, WorkPage, WorkPlace, WorkQuery, answers_for,
};
use chat_core::time::Timestamp;
use chat_core::work::may_have;

use super::Snapshot;
use super::lists::{ListPage, ListRange};
use crate::store::index::apply::participation;
use crate::store::index::view::after as after_prefix;
use crate::store::keys::{self, WorkOwner};
use crate::store::values::{self, ConversationValue};

/// Conversations in the order of their places, each with its list.
struct FoundWork {
    listed: Vec<(WorkPlace, WorkList)>,
    /// The place at which the search has ended early.
    end: Option<WorkPlace>,
}

/// A search for one user.
struct WorkSearch<'a> {
    snapshot: &'a Snapshot<'a>,
    account: &'a Account,
    since: Timestamp,
    /// The accounts of assignees.
    known: HashMap<UserId, Option<Account>>,
}

impl Snapshot<'_> {
    /// A page of a list by work: see [`Query::Work`](chat_core::store::Query::Work).
    pub(super) fn work_page(&self, query: &WorkQuery) -> Result<WorkPage, UnavailableError> {
        let account = self.active_account(&query.user)?;
        let Some(account) = account.filter(|account| account.user.role.is_control()) else {
            return Ok(WorkPage::default());
        };
        let (since, known) = (query.since, HashMap::new());
        let mut search = WorkSearch { snapshot: self, account: &account, since, known };
        let counts = search.counts()?;
        let FoundWork { listed, end } = search.find(query.list, query.after.as_ref())?;
        let range = ListRange { since, below: None, skip: 0, limit: query.limit, members: query.members };
        let mut page = ListPage::new(&range);
        for (place, _) in listed.iter().filter(|(_, list)| *list == query.list) {
            if !self.add(&mut page, &account, &place.id)? {
                break;
            }
        }
        let page = page.built;
        let last = page.rows.last().filter(|_| page.more).map(|row| WorkPlace::of(&row.conversation));
        Ok(WorkPage { counts, next: last.or(end), page })
    }
}

impl WorkSearch<'_> {
    fn counts(&mut self) -> Result<WorkCounts, UnavailableError> {
        let mut counts = WorkCounts::default();
        let open = self.find(WorkList::Waiting, None)?.listed.into_iter();
        let open = open.filter(|(_, list)| *list != WorkList::Mine);
        let mine = self.find(WorkList::Mine, None)?.listed;
        let resolved = self.find(WorkList::Resolved, None)?.listed;
        let all = open.chain(mine).chain(resolved);
        all.for_each(|(_, list)| counts.count(list, WORK_COUNTED));
        Ok(counts)
    }

    /// The conversations behind a place that may be in a list. Those of the lists of waiting
    /// conversations and of colleagues are found together.
    fn find(&mut self, list: WorkList, after: Option<&WorkPlace>) -> Result<FoundWork, UnavailableError> {
        let user = &self.account.user.id;
        let owners: Vec<_> = match list {
            WorkList::Mine => vec![WorkOwner::Assignee(user)],
            WorkList::Waiting | WorkList::Others | WorkList::Resolved => {
                self.account.teams.iter().map(WorkOwner::Team).chain([WorkOwner::User(user)]).collect()
            }
        };
        let (mut found, mut end) = (BTreeMap::new(), None::<WorkPlace>);
        for owner in owners {
            let of_owner = self.of_owner(owner, list, after)?;
            if let Some((last, _)) = of_owner.last().filter(|_| of_owner.len() >= WORK_SEARCHED) {
                end = Some(end.map_or_else(|| last.clone(), |end| end.min(last.clone())));
            }
            found.extend(of_owner);
        }
        found.retain(|place, _| end.as_ref().is_none_or(|end| place <= end));
        let mut listed = Vec::new();
        for (place, assignee) in found {
            let list =
                if list.is_open() { self.list_of(&place.id, &assignee)? } else { self.resolved(&place.id)? };
            listed.extend(list.map(|list| (place, list)));
        }
        Ok(FoundWork { listed, end })
    }

    /// The first places of an owner behind a place, with the assignees.
    fn of_owner(
        &self,
        owner: WorkOwner<'_>,
        list: WorkList,
        after: Option<&WorkPlace>,
    ) -> Result<Vec<(WorkPlace, UserId)>, UnavailableError> {
        let view = &self.snapshot.view;
        let prefix = keys::works(owner, list.is_open());
        let begins = keys::works_at(owner, list.is_open(), list.begins(self.since).saturating_add(1));
        // The next key: no id is followed by a zero byte and ends there.
        let behind = after.map(|place| [&keys::work_at(owner, list.is_open(), place)[..], &[0]].concat());
        let start = behind.map_or(begins.clone(), |behind| behind.max(begins));
        let ends = list.ends(self.since).map(|end| keys::works_at(owner, list.is_open(), end));
        let rows = view.range(&start, &ends.unwrap_or_else(|| after_prefix(&prefix)))?;
        let places = rows.take(WORK_SEARCHED).map(|row| {
            let (key, assignee) = row?;
            let place = view.decoded(keys::split_work(&key[prefix.len()..]))?;
            Ok((place, view.decoded(keys::text(&assignee))?))
        });
        places.collect()
    }

    /// The list of a conversation with open work, if it is a matter of the user. The empty assignee
    /// is none.
    fn list_of(
        &mut self,
        id: &ConversationId,
        assignee: &UserId,
    ) -> Result<Option<WorkList>, UnavailableError> {
        let participation = self.participation(id)?;
        let is_there = !assignee.as_str().is_empty() && self.may_have(assignee, &participation)?;
        let list = match is_there {
            true if *assignee == self.account.user.id => return Ok(Some(WorkList::Mine)),
            true => WorkList::Others,
            false => WorkList::Waiting,
        };
        Ok(answers_for(self.account, &participation).then_some(list))
    }

    fn resolved(&self, id: &ConversationId) -> Result<Option<WorkList>, UnavailableError> {
        let participation = self.participation(id)?;
        Ok(answers_for(self.account, &participation).then_some(WorkList::Resolved))
    }

    fn participation(&self, id: &ConversationId) -> Result<Participation, UnavailableError> {
        let view = &self.snapshot.view;
        let value = view.get_as(&keys::conversation(id), values::decode_json::<ConversationValue>)?;
        participation(view, id, view.decoded(value)?.teams)
    }

    fn may_have(&mut self, user: &UserId, participation: &Participation) -> Result<bool, UnavailableError> {
        if !self.known.contains_key(user) {
            let account = self.snapshot.account(user)?.map(|known| known.account);
            self.known.insert(user.clone(), account);
        }
        let account = self.known.get(user).and_then(Option::as_ref);
        Ok(account.is_some_and(|account| may_have(account, participation)))
    }
}

//! The conversations of a user by their work.

use std::collections::HashMap;

use chat_core::id::UserId;
use chat_core::protocol::{WorkCounts, WorkList};
use chat_core::store::{
    Account, UnavailableError, WORK_COUNTED, WORK_SEARCHED, WorkPage, WorkPlace, WorkQuery, answers_for,
};
use chat_core::time::Timestamp;
use chat_core::work::may_have;

use super::list::{ListedConversation, cut, page_of};
use super::loads::{DatabaseSnapshot, key};
use super::rows::{self, CONVERSATION};
use super::write::{of_assignee, of_team, of_user};

/// Conversations in the order of their places, each with its list.
struct ListedWork {
    listed: Vec<(ListedConversation, WorkList)>,
    /// The place at which the search has ended early.
    end: Option<WorkPlace>,
}

/// A page of a list by work: see [`Query::Work`](chat_core::store::Query::Work).
pub(super) async fn page(
    snapshot: &DatabaseSnapshot<'_>,
    query: &WorkQuery,
) -> Result<WorkPage, UnavailableError> {
    let known = snapshot.account(&query.user).await?;
    let Some(known) = known.filter(|known| known.account.is_active_control()) else {
        return Ok(WorkPage::default());
    };
    let search = DatabaseWorkSearch { snapshot, account: &known.account, since: query.since };
    let counts = search.counts().await?;
    let ListedWork { listed, end } = search.find(query.list, query.after.as_ref()).await?;
    let listed = listed.into_iter().filter(|(_, list)| *list == query.list).map(|(listed, _)| listed);
    let (fitting, more) = cut(listed.collect(), query.limit as usize, query.members);
    let page = page_of(snapshot, &known.account, fitting, more).await?;
    let last = page.rows.last().filter(|_| page.more).map(|row| WorkPlace::of(&row.conversation));
    Ok(WorkPage { counts, next: last.or(end), page })
}

/// A search for one user.
struct DatabaseWorkSearch<'a> {
    snapshot: &'a DatabaseSnapshot<'a>,
    account: &'a Account,
    since: Timestamp,
}

impl DatabaseWorkSearch<'_> {
    async fn counts(&self) -> Result<WorkCounts, UnavailableError> {
        let mut counts = WorkCounts::default();
        let open = self.find(WorkList::Waiting, None).await?.listed.into_iter();
        let open = open.filter(|(_, list)| *list != WorkList::Mine);
        let mine = self.find(WorkList::Mine, None).await?.listed;
        let resolved = self.find(WorkList::Resolved, None).await?.listed;
        let all = open.chain(mine).chain(resolved);
        all.for_each(|(_, list)| counts.count(list, WORK_COUNTED));
        Ok(counts)
    }

    /// The conversations behind a place that may be in a list. Those of the lists of waiting
    /// conversations and of colleagues are found together.
    async fn find(&self, list: WorkList, after: Option<&WorkPlace>) -> Result<ListedWork, UnavailableError> {
        let user = self.account.user.id.as_str();
        let owners: Vec<_> = match list {
            WorkList::Mine => vec![of_assignee(user)],
            WorkList::Waiting | WorkList::Others | WorkList::Resolved => {
                let teams = self.account.teams.iter().map(|team| of_team(team.as_str()));
                teams.chain([of_user(user)]).collect()
            }
        };
        let found = self.of_owners(&owners, list, after).await?;
        let is_cut = found.len() >= WORK_SEARCHED;
        let end = found.last().filter(|_| is_cut).map(|(conversation, _)| WorkPlace::of(conversation));
        let assignees = self.assignees(&found).await?;
        let listed = found.into_iter().filter_map(|listed| {
            let list = self.list_of(&listed, &assignees)?;
            Some((listed, list))
        });
        Ok(ListedWork { listed: listed.collect(), end })
    }

    /// The first conversations of these owners behind a place.
    async fn of_owners(
        &self,
        owners: &[Vec<u8>],
        list: WorkList,
        after: Option<&WorkPlace>,
    ) -> Result<Vec<ListedConversation>, UnavailableError> {
        let statement = format!(
            "SELECT {CONVERSATION} FROM (\
               SELECT DISTINCT a.rank, a.conversation FROM unnest($1::bytea[]) AS o (owner) \
               CROSS JOIN LATERAL (\
                 SELECT rank, conversation FROM chat.activity \
                 WHERE owner = o.owner AND is_open = $2 AND (rank, conversation) > ($3, $4) AND rank <= $5 \
                 ORDER BY rank, conversation LIMIT $6) a \
               ORDER BY a.rank, a.conversation LIMIT $6) k \
             JOIN chat.conversation c ON c.id = k.conversation ORDER BY k.rank, k.conversation"
        );
        let begins = (list.begins(self.since).saturating_add(1), "");
        let behind = after.map_or(begins, |place| (place.rank, place.id.as_str()).max(begins));
        let end = list.ends(self.since).map_or(i64::MAX, |end| end.saturating_sub(1));
        let most = i64::try_from(WORK_SEARCHED).unwrap_or(i64::MAX);
        let (is_open, id) = (list.is_open(), key(behind.1));
        let found =
            self.snapshot.query(&statement, &[&owners, &is_open, &behind.0, &id, &end, &most]).await?;
        found.iter().map(rows::conversation).collect()
    }

    async fn assignees(
        &self,
        found: &[ListedConversation],
    ) -> Result<HashMap<UserId, Account>, UnavailableError> {
        let assignees = found.iter().filter_map(|(conversation, _)| conversation.work.taken_by());
        let mut assignees: Vec<_> = assignees.map(|user| key(user.as_str())).collect();
        assignees.sort_unstable();
        assignees.dedup();
        let known = self.snapshot.accounts(&assignees).await?.into_iter();
        Ok(known.map(|stored| (stored.account.user.id.clone(), stored.account)).collect())
    }

    /// The list of a conversation, if it is a matter of the user.
    fn list_of(
        &self,
        (conversation, _): &ListedConversation,
        assignees: &HashMap<UserId, Account>,
    ) -> Option<WorkList> {
        let participation = &conversation.participation;
        let work = conversation
            .work
            .clone()
            .seen(|assignee| assignees.get(assignee).is_some_and(|account| may_have(account, participation)));
        let list = work.list_of(&self.account.user.id);
        (list == WorkList::Mine || answers_for(self.account, participation)).then_some(list)
    }
}

//! Lists by work of the memory store.

use super::MemoryState;
use crate::export::ExportedConversation;
use crate::protocol::{WorkCounts, WorkList};
use crate::store::{Account, WORK_COUNTED, WorkPage, WorkPlace, WorkQuery, answers_for};
use crate::work::may_have;

impl MemoryState {
    /// A page of a list by work.
    pub(super) fn work_page(&self, query: &WorkQuery) -> WorkPage {
        let WorkQuery { user, list, since, after, limit, members } = query;
        let known = self.stored.accounts.get(user).filter(|known| known.account.is_active_control());
        let Some(known) = known else { return WorkPage::default() };
        let all = self.stored.conversations.values();
        let all = all.filter_map(|stored| Some((self.list_of(stored, &known.account)?, stored)));
        let within: Vec<_> =
            all.filter(|(list, stored)| list.covers(stored.conversation.work.rank(), *since)).collect();
        let mut counts = WorkCounts::default();
        within.iter().for_each(|(list, _)| counts.count(*list, WORK_COUNTED));
        let mut listed: Vec<_> = within.into_iter().filter(|(of, _)| of == list).map(place).collect();
        listed.retain(|(place, _)| after.as_ref().is_none_or(|after| place > after));
        listed.sort_by(|(place, _), (other, _)| place.cmp(other));
        let page = self.list_page(user, listed.iter().map(|(_, stored)| *stored), *limit, *members);
        let last = page.rows.len().checked_sub(1).filter(|_| page.more);
        let next = last.map(|last| listed[last].0.clone());
        WorkPage { page, counts, next }
    }

    /// The list that has a conversation, if it is a matter of this user.
    fn list_of(&self, stored: &ExportedConversation, account: &Account) -> Option<WorkList> {
        let participation = &stored.conversation.participation;
        let work = stored.conversation.work.clone().seen(|assignee| {
            let known = self.stored.accounts.get(assignee);
            known.is_some_and(|known| may_have(&known.account, participation))
        });
        let list = work.list_of(&account.user.id);
        (list == WorkList::Mine || answers_for(account, participation)).then_some(list)
    }
}

fn place((_, stored): (WorkList, &ExportedConversation)) -> (WorkPlace, &ExportedConversation) {
    (WorkPlace::of(&stored.conversation), stored)
}

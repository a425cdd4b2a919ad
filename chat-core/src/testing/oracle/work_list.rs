//! The lists of conversations by their work.

use std::collections::BTreeSet;

use serde_json::Value;

use super::list::{active_since, standing};
use super::part::is_in_by_team;
use super::reply::Grant;
use super::work::seen;
use super::{Oracle, PromiseError, must};
use crate::conversation::{Conversation, Standing};
use crate::export::{Account, Export};
use crate::protocol::{Work, WorkState};
use crate::time::Timestamp;

impl Oracle {
    /// P8: the rows are in their list, those that wait longest come first, and a list on one page
    /// leaves nothing out.
    pub(super) fn listed_by_work(
        &mut self,
        grant: Grant<'_>,
        list: &str,
        rows: &[Value],
    ) -> Result<(), PromiseError> {
        let Grant { user, asked, frame, store, .. } = grant;
        is_of_list(rows, list, user)?;
        let is_whole = asked.data["cursor"].is_null() && frame["next_cursor"].is_null();
        if !is_whole || !self.stored.rights_are_known_since(asked.look) {
            return Ok(());
        }
        self.checked.work_lists += 1;
        let shown: BTreeSet<_> = rows.iter().filter_map(|row| row["id"].as_str()).collect();
        let now = standing(user, store);
        let mut stayed = asked.stood.iter().filter(|(id, stood)| now.get(*id) == Some(*stood));
        let since = active_since(frame, &self.limits);
        let missing = stayed.find(|(id, _)| {
            let belongs = belongs(&store.conversations[id.as_str()].conversation, user, list, since, store);
            belongs && !shown.contains(id.as_str())
        });
        must(missing.is_none(), "P8", || {
            format!("{user} has asked for {list}, and {missing:?} was left out of {shown:?}")
        })?;
        let counted = &frame["work_counts"][list];
        must(*counted == rows.len(), "P8", || {
            format!("{user} is shown {shown:?} of {list}, and told a count of {counted}")
        })
    }
}

/// The list of a user that has a conversation with this work.
fn list_of(work: &Work, user: &str) -> &'static str {
    match (work.state, work.assignee.as_ref()) {
        (WorkState::Resolved, _) => "resolved",
        (WorkState::Taken, Some(assignee)) if assignee.as_str() == user => "mine",
        (WorkState::Taken, Some(_)) => "others",
        (WorkState::Waiting | WorkState::Taken, _) => "waiting",
    }
}

fn is_of_list(rows: &[Value], list: &str, user: &str) -> Result<(), PromiseError> {
    let works = rows.iter().filter_map(|row| serde_json::from_value::<Work>(row["work"].clone()).ok());
    let works: Vec<_> = works.collect();
    let are_of_it = works.iter().all(|work| list_of(work, user) == list);
    let begins = |work: &Work| work.waiting_since.unwrap_or(Timestamp::from_millis(i64::MAX));
    let are_in_order = if list == "resolved" {
        works.iter().rev().is_sorted_by_key(|work| work.since)
    } else {
        works.iter().is_sorted_by_key(begins)
    };
    must(are_of_it && are_in_order && works.len() == rows.len(), "P8", || {
        format!("{user} has asked for {list}, and is shown {works:?}")
    })
}

/// Whether the list of a user has this conversation. What has waited or was resolved since before
/// `since` is left out, except in the user's own list.
fn belongs(
    conversation: &Conversation,
    user: &str,
    list: &str,
    since: Option<Timestamp>,
    store: &Export,
) -> bool {
    let account = store.accounts.get(user).map(|stored| &stored.account);
    let Some(account) = account.filter(|account| account.is_active_control()) else { return false };
    let works = seen(&conversation.work, store, conversation, |_| false);
    works.iter().any(|work| {
        let is_recent = match list {
            "mine" => true,
            "resolved" => Some(work.since) > since,
            _ => work.waiting_since.is_none() || work.waiting_since > since,
        };
        list_of(work, user) == list && is_recent && (list == "mine" || is_matter_of(account, conversation))
    })
}

/// Whether a conversation is a matter of a user in control: not if it was the user's own request.
fn is_matter_of(account: &Account, conversation: &Conversation) -> bool {
    let standing = conversation.participation.members.standing(&account.user.id);
    standing == Standing::ControlMember || is_in_by_team(account, conversation)
}
